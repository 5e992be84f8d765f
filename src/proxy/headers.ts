/** Which headers go through the proxy, in either direction. */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";

/** They are about one connection, not about the request (RFC 9110, 7.6.1). */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Ours to set, or answered by us. Without `accept-encoding` the answer is plain, as the real agent has it. */
const OURS: ReadonlySet<string> = new Set(["host", "expect", "accept-encoding", "x-vault-token", "user-agent"]);

export interface RequestHeaders {
  readonly headers: IncomingHttpHeaders;
  readonly token: string;
  readonly userAgent: string;
}

/** A client's own name is kept behind ours. */
export function requestHeaders({ headers, token, userAgent }: RequestHeaders): Record<string, string> {
  const passed = endToEnd(headers).filter(([name]) => !OURS.has(name));
  const client = headers["user-agent"];
  return {
    ...Object.fromEntries(passed.map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : value])),
    "user-agent": client ? `${userAgent}; ${client}` : userAgent,
    ...(token === "" ? {} : { "x-vault-token": token }),
  };
}

/**
 * A redirect within the server leads back through the proxy, which adds the token again. One to another server is
 * the client's to follow, without the token.
 * @param base the server's address, without a slash at the end
 */
export function responseHeaders(headers: IncomingHttpHeaders, base: string): OutgoingHttpHeaders {
  const passed: OutgoingHttpHeaders = Object.fromEntries(endToEnd(headers));
  const { location } = headers;
  if (location?.startsWith(`${base}/`)) passed.location = location.slice(base.length);
  return passed;
}

function endToEnd(headers: IncomingHttpHeaders): readonly (readonly [string, string | string[]])[] {
  const named = new Set(
    (headers.connection ?? "")
      .toLowerCase()
      .split(",")
      .map((name) => name.trim()),
  );
  return Object.entries(headers).flatMap(([name, value]) =>
    value === undefined || HOP_BY_HOP.has(name) || named.has(name) ? [] : [[name, value] as const],
  );
}
