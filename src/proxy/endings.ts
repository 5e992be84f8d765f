/** What a request that went through, or one to clear the cache, says has ended. Pure. */
import type { Ended } from "./entry.ts";

export interface PassedRequest {
  /** Without `/v1/`; a namespace may stand before it. */
  readonly path: string;
  readonly token: string;
  /** null where it was too large to be kept. */
  readonly body: string | null;
}

/** For a revocation that the server accepted; null for any other request. */
export function endedBy({ path, token, body }: PassedRequest): Ended | null {
  const text = (key: string) => textIn(body, key);
  const [, what, rest] =
    /(?:^|\/)(auth\/token\/revoke[\w-]*|sys\/(?:leases\/)?revoke[\w-]*)(?:\/(.+))?$/.exec(path) ?? [];
  switch (what?.replace("sys/leases/", "sys/")) {
    case undefined:
      return null;
    case "auth/token/revoke":
      return named(text("token"), (revoked) => ({ by: "token", token: revoked }));
    case "auth/token/revoke-self":
      return { by: "token", token };
    case "auth/token/revoke-orphan":
      return named(text("token"), (revoked) => ({ by: "orphaning", token: revoked }));
    case "auth/token/revoke-accessor":
      return named(text("accessor"), (accessor) => ({ by: "accessor", accessor }));
    case "sys/revoke":
      return named(rest ?? text("lease_id"), (lease) => ({ by: "lease", lease }));
    case "sys/revoke-prefix":
    case "sys/revoke-force":
      return named(rest, (prefix) => ({ by: "lease prefix", prefix }));
    default:
      return null;
  }
}

/** The lease that a request renews; undefined for any other request. */
export function renewedBy({ path, body }: Pick<PassedRequest, "path" | "body">): string | undefined {
  const [, rest] = /(?:^|\/)sys\/(?:leases\/)?renew(?:\/(.+))?$/.exec(path) ?? [undefined, null];
  return rest === null ? undefined : (rest ?? textIn(body, "lease_id"));
}

/** A request to clear the cache, in the words of the real agent where it is wrong. */
export function cleared(body: string): Ended | { readonly status: 400 | 500; readonly error: string } {
  const refuse = (status: 400 | 500, error: string) => ({ status, error });
  if (body.trim() === "") return refuse(400, "failed to parse JSON input: empty JSON provided");
  const asked = object(body);
  if (asked === null) return refuse(400, "failed to parse JSON input: it is not a JSON object");
  const { type, value, namespace } = asked;
  for (const one of [type, value, namespace]) {
    if (one !== undefined && typeof one !== "string")
      return refuse(400, "failed to parse JSON input: type, value and namespace are strings");
  }
  const wanted = typeof value === "string" ? value : "";
  const missing = (what: string) => refuse(500, `failed to clear cache: ${what} not provided`);
  switch (type) {
    case undefined:
    case "":
      return refuse(400, "failed to parse clear input: no type provided");
    case "all":
      return { by: "all" };
    case "request_path":
      return wanted
        ? { by: "path", namespace: namespaceOf(String(namespace ?? "")), prefix: wanted }
        : missing("request path");
    case "token":
      return wanted ? { by: "token", token: wanted } : missing("token");
    case "token_accessor":
      return wanted ? { by: "accessor", accessor: wanted } : missing("token accessor");
    case "lease":
      return wanted ? { by: "lease", lease: wanted } : missing("lease");
    default:
      return refuse(400, "failed to clear cache: invalid type provided");
  }
}

/** With a slash at the end and none before; `root/` is the one that has no name. */
export function namespaceOf(header: string): string {
  const trimmed = header.replace(/^\/+|\/+$/g, "");
  return trimmed === "" ? "root/" : `${trimmed}/`;
}

/** What was revoked and cannot be told may be anything. */
function named(name: string | undefined, make: (name: string) => Ended): Ended {
  return name === undefined || name === "" ? { by: "all" } : make(name);
}

function textIn(body: string | null, key: string): string | undefined {
  const value = object(body ?? "")?.[key];
  return typeof value === "string" ? value : undefined;
}

function object(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}
