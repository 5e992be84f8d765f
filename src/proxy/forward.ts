/** One request to Vault and its answer, as they come: nothing is held back, and who wants it tried again asks again. */
import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { pipeline } from "node:stream";
import { TransportError } from "../errors.ts";

export interface OutgoingRequest {
  readonly method: string;
  readonly url: string;
  /** A list is sent as that many headers of the name. */
  readonly headers: Readonly<OutgoingHttpHeaders>;
}

export interface Forwarding {
  /** Resolves when a request may be sent; absent: at once. */
  readonly approach?: { admit(): Promise<void>; relocate(url: string): string };
  open(request: OutgoingRequest): ClientRequest;
  /** Absent: one that stays within the server is followed. */
  readonly disableRedirects?: boolean;
  /** Until the answer begins, and then between any two parts of it. */
  readonly timeout: number;
}

/**
 * Sends the request with `body`, or with the client's own as it arrives. Resolves when the answer begins; rejects with
 * a TransportError, or with whatever `open` throws. A client that goes away takes the request with it.
 */
export function forward(
  request: OutgoingRequest,
  body: Buffer | IncomingMessage,
  client: ServerResponse,
  { open, timeout }: Forwarding,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // While it waited for its turn: a read for nobody would make a user for nobody.
    if (client.destroyed) return reject(clientGone("never sent"));
    const outgoing = open(request);
    const gone = () => void outgoing.destroy(clientGone("unknown"));
    client.once("close", gone);
    outgoing.setTimeout(timeout);
    outgoing.on("timeout", () => {
      // It is the client who takes its time, for as long as it likes, as with Vault Agent; the server's begins anew then.
      if (client.writableNeedDrain) return void client.once("drain", () => outgoing.setTimeout(timeout));
      const message = `no answer within ${Math.round(timeout / 100) / 10} s`;
      outgoing.destroy(new TransportError("timeout", message, "unknown"));
    });
    outgoing.on("error", (error) => {
      client.off("close", gone);
      reject(error);
    });
    outgoing.on("upgrade", (_answer, socket) => {
      socket.destroy();
      reject(new TransportError("protocol", "the server wants another protocol", "unknown"));
    });
    outgoing.on("response", (answer) => {
      answer.once("end", () => client.off("close", gone));
      resolve(answer);
    });
    if (Buffer.isBuffer(body)) outgoing.end(body);
    else pipeBody(body, outgoing);
  });
}

/** To the client as it comes; resolves to the whole of it, or to null where it is larger than `most` or was cut. */
export function relay(answer: IncomingMessage, client: ServerResponse, most: number): Promise<Buffer | null> {
  let kept: Buffer[] | null = most > 0 ? [] : null;
  let size = 0;
  if (kept !== null) {
    answer.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > most) kept = null;
      else kept?.push(chunk);
    });
  }
  return new Promise((resolve) => {
    // What ends early is cut off for the client too, who could not tell it from the whole otherwise.
    pipeline(answer, client, (error) => resolve(error || kept === null ? null : Buffer.concat(kept)));
  });
}

function clientGone(effect: TransportError["effect"]): TransportError {
  return new TransportError("aborted", "the client has gone away", effect);
}

/** An answer that comes before the body's end, as a refusal of a large one, is let through; what nobody reads is dropped. */
function pipeBody(body: IncomingMessage, outgoing: ClientRequest): void {
  if (body.readableEnded) return void outgoing.end();
  body.pipe(outgoing);
  // The client's connection would stand still otherwise, with the answer to its next request behind the rest.
  outgoing.once("close", () => {
    body.unpipe(outgoing);
    body.resume();
  });
}
