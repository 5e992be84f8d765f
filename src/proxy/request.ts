/** A client's request as the proxy and its cache look at it. */
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { readBody } from "./answers.ts";
import { namespaceOf } from "./endings.ts";

export interface ClientRequest {
  readonly method: string;
  /** Path and query as they are sent on: without `..`, escaped. */
  readonly target: string;
  /** As the server reads it, decoded and with single slashes: `/v1/database/creds/app`. */
  readonly path: string;
  readonly query: string;
  /** `root/` for none. */
  readonly namespace: string;
  /** The path below `/v1/` with the namespace before it: what is asked for, however it was written. */
  readonly fullPath: string;
  /** null where it is too large to be kept, or of unknown length: it goes through as it comes. */
  readonly body: Buffer | null;
  readonly incoming: IncomingMessage;
}

/** Larger bodies are neither looked at nor part of a cache's key. */
const SMALL = 64 * 1024;

/** null for a target that is none. Rejects when the client goes away in the middle of the body. */
export async function readRequest(incoming: IncomingMessage, method: string): Promise<ClientRequest | null> {
  const text = (incoming.url ?? "").replace(/^https?:\/\/[^/?#]*/i, "");
  const url = text.startsWith("/") ? URL.parse(`http://agent${text}`) : null;
  if (url === null) return null;
  const path = decoded(url.pathname).replace(/\/{2,}/g, "/");
  const namespace = namespaceOf(headerOf(incoming, "x-vault-namespace"));
  return {
    method,
    target: `${url.pathname}${url.search}`,
    path,
    query: url.search,
    namespace,
    fullPath: fullPath(namespace, path.replace(/^\/v1\//, "")),
    body: await smallBody(incoming),
    incoming,
  };
}

/** `root/` and `database/creds/app` → `database/creds/app`; `team/` and the same → `team/database/creds/app`. */
export function fullPath(namespace: string, path: string): string {
  return namespace === "root/" ? path : `${namespace}${path}`;
}

/** What two requests have to have in common to be given the same answer. */
export function keyOf({ method, target, namespace, body, incoming }: ClientRequest, token: string): string {
  const headers = Object.entries(incoming.headers)
    .filter(([name]) => name.startsWith("x-vault-") && name !== "x-vault-token" && name !== "x-vault-request")
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256")
    .update(JSON.stringify([method, target, namespace, headers, token]))
    .update(body ?? "")
    .digest("base64");
}

/** The first of several; empty for none. */
export function headerOf(incoming: IncomingMessage, name: string): string {
  const value = incoming.headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? "";
}

async function smallBody(incoming: IncomingMessage): Promise<Buffer | null> {
  const { "content-length": length, "transfer-encoding": encoding } = incoming.headers;
  if (encoding !== undefined) return null;
  if (length === undefined || length === "0") return Buffer.alloc(0);
  return Number(length) <= SMALL ? readBody(incoming, SMALL) : null;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
