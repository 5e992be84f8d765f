/**
 * Vault's own method LIST, which Node's parser of HTTP does not know and refuses. It is given another name before the
 * parser sees it: LOCK, which has as many letters and no meaning for Vault.
 */
import type { IncomingMessage } from "node:http";
import type { Server, Socket } from "node:net";

const PREFIX = "LIST /";

export interface Methods {
  /** The request's method as the client wrote it. */
  of(request: IncomingMessage): string;
  /** The request has been read to its end: what comes next on its connection is another one. */
  ended(request: IncomingMessage): void;
}

/** @param event `connection`, or `secureConnection` for a server with TLS */
export function acceptList(server: Server, event: "connection" | "secureConnection"): Methods {
  /** Connections within a request, with the method of it that was renamed. */
  const within = new WeakMap<Socket, "LIST" | "another">();
  server.on(event, (socket: Socket) => {
    // Before the parser, which reads the same bytes. A request begins a packet: clients wait for the answer before.
    socket.prependListener("data", (chunk: Buffer) => {
      if (within.has(socket)) return;
      const isList = chunk.length >= PREFIX.length && chunk.toString("latin1", 0, PREFIX.length) === PREFIX;
      if (isList) chunk.write("LOCK", "latin1");
      within.set(socket, isList ? "LIST" : "another");
    });
  });
  return {
    of: ({ socket, method = "GET" }) => (method === "LOCK" && within.get(socket) === "LIST" ? "LIST" : method),
    ended: (request) => void within.delete(request.socket),
  };
}
