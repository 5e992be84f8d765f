/** The server's HTTP side: requests in, answers out, and the faults that it is asked to commit. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Core } from "./core.ts";
import { parseDuration } from "./durations.ts";
import type { FaultInjector } from "./faults.ts";
import type { Operation, VaultRequest } from "./protocol.ts";
import { uuid } from "./random.ts";
import { multierror, Refusal } from "./refusal.ts";
import type { createRequestLog } from "./request-log.ts";

export interface HttpSide {
  readonly core: Core;
  readonly faults: FaultInjector;
  readonly log: ReturnType<typeof createRequestLog>;
}

export async function serve(
  { core, faults, log }: HttpSide,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const at = Date.now();
  const method = incoming.method ?? "GET";
  const url = new URL(incoming.url ?? "/", "http://server");
  const path = decodeURIComponent(url.pathname);
  outgoing.once("close", () => {
    const status = outgoing.writableFinished ? outgoing.statusCode : 0;
    log.add({ method, path, status, at, duration: Date.now() - at });
  });
  const fault = faults.next({ method, path });
  switch (fault?.kind) {
    case "reset":
      incoming.socket.resetAndDestroy();
      return;
    case "hang":
      return;
    case "delay":
      await new Promise((resolve) => core.clock.at(core.clock.now() + fault.milliseconds, () => resolve(undefined)));
      break;
    case "answer":
      return send(outgoing, fault.status, JSON.stringify(fault.body), { ...HEADERS, ...fault.headers });
    case "garbage":
      return send(outgoing, 200, fault.text);
  }
  const { status, body, headers } = await answer(core, incoming, outgoing, url, path);
  const text = body === undefined ? undefined : `${JSON.stringify(body)}\n`;
  if (fault?.kind === "cut") return cut(outgoing, status, text ?? "");
  send(outgoing, status, text, headers);
}

interface HttpAnswer {
  readonly status: number;
  readonly body: unknown;
  /** In place of the usual ones. */
  readonly headers?: Readonly<Record<string, string>>;
}

async function answer(
  core: Core,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  url: URL,
  path: string,
): Promise<HttpAnswer> {
  try {
    if (!path.startsWith("/v1/")) throw new Refusal(404);
    const body = await readBody(incoming);
    const gone = new AbortController();
    outgoing.once("close", () => {
      if (!outgoing.writableFinished) gone.abort(new Error("context canceled"));
    });
    return await core.handle(vaultRequest(incoming, url, path, body, gone.signal));
  } catch (error) {
    if (error instanceof TooLarge)
      return { status: 413, body: { errors: ["http: request body too large"] }, headers: TOO_LARGE_HEADERS };
    if (error instanceof Refusal) return { status: error.status, body: { errors: error.errors } };
    return { status: 500, body: { errors: [multierror((error as Error).message)] } };
  }
}

function vaultRequest(
  { method = "GET", headers }: IncomingMessage,
  url: URL,
  path: string,
  body: VaultRequest["body"],
  signal: AbortSignal,
): VaultRequest {
  const operation = url.searchParams.get("list") === "true" && method === "GET" ? "list" : OPERATIONS[method];
  if (!operation) throw new Refusal(405);
  if (!ROOT_NAMESPACE.has(headers["x-vault-namespace"]?.toString() ?? ""))
    throw new Refusal(404, "namespace not found");
  const bearer = /^Bearer (.+)$/.exec(headers.authorization ?? "")?.[1];
  return {
    id: uuid(),
    operation,
    path: path.slice("/v1/".length),
    query: url.searchParams,
    body,
    clientToken: headers["x-vault-token"]?.toString() ?? bearer,
    wrapTtl: parseDuration(headers["x-vault-wrap-ttl"], "error parsing X-Vault-Wrap-TTL header: "),
    signal,
  };
}

/** There is no other namespace here. */
const ROOT_NAMESPACE = new Set(["", "/", "root", "root/"]);

const OPERATIONS: Readonly<Record<string, Operation>> = {
  GET: "read",
  HEAD: "read",
  LIST: "list",
  POST: "update",
  PUT: "update",
  DELETE: "delete",
};

class TooLarge extends Error {}

const MAX_BODY = 32 * 2 ** 20;

async function readBody(incoming: IncomingMessage): Promise<VaultRequest["body"]> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    // The rest is read and dropped, so that the client is through with sending when it is answered.
    if (size <= MAX_BODY) chunks.push(chunk);
  }
  if (size > MAX_BODY) throw new TooLarge();
  const text = Buffer.concat(chunks).toString().trim();
  if (text === "") return {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (parsed === null) return {};
    if (typeof parsed === "object" && !Array.isArray(parsed)) return parsed as VaultRequest["body"];
  } catch (error) {
    throw new Refusal(400, `failed to decode JSON input: ${inWordsOfGo(error as SyntaxError, text)}`);
  }
  throw new Refusal(
    400,
    "failed to decode JSON input: json: cannot unmarshal into Go value of type map[string]interface {}",
  );
}

function inWordsOfGo({ message }: SyntaxError, text: string): string {
  const position = /position (\d+)/.exec(message)?.[1];
  if (position === undefined || Number(position) >= text.length) return "unexpected EOF";
  return `invalid character '${text[Number(position)]}' looking for beginning of value`;
}

const HEADERS = {
  "cache-control": "no-store",
  "content-type": "application/json",
  "strict-transport-security": "max-age=31536000; includeSubDomains",
};

/** Refused before the request reaches the part that sets the others. */
const TOO_LARGE_HEADERS = { connection: "close", "content-type": "application/json" };

function send(
  outgoing: ServerResponse,
  status: number,
  text: string | undefined,
  headers: Readonly<Record<string, string>> = HEADERS,
): void {
  const length = text === undefined ? {} : { "content-length": Buffer.byteLength(text) };
  outgoing.writeHead(status, { ...length, ...headers }).end(text);
}

/** The whole length is promised and half of it is sent. */
function cut(outgoing: ServerResponse, status: number, text: string): void {
  outgoing.writeHead(status, { ...HEADERS, "content-length": Buffer.byteLength(text) + 1 });
  outgoing.write(text.slice(0, text.length / 2), () => outgoing.destroy());
}
