/** Answers of the listener's own, in the shapes that Vault and its agent give them. */
import type { IncomingMessage, ServerResponse } from "node:http";

/** Vault's shape of an error. */
export function respondErrors(response: ServerResponse, status: number, errors: readonly string[]): void {
  respond(response, status, "application/json", `${JSON.stringify({ errors })}\n`);
}

export function respond(
  response: ServerResponse,
  status: number,
  contentType: string,
  body: string | Uint8Array,
): void {
  response.writeHead(status, { "Content-Type": contentType, "Content-Length": Buffer.byteLength(body) });
  response.end(body);
}

export function respondEmpty(response: ServerResponse, status: number): void {
  response.writeHead(status, { "Content-Length": 0 }).end();
}

/** The whole body, or null for one that is larger. Rejects when the client goes away in the middle of it. */
export async function readBody(incoming: IncomingMessage, most: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > most) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
