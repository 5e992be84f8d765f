/** One `listener`: a port or a socket file, with or without TLS, that answers HTTP as the configuration says. */
import http from "node:http";
import https from "node:https";
import type { AddressInfo, Server, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TlsOptions } from "node:tls";
import type { ListenerConfig } from "../config/server-types.ts";
import { describe, LesseeError } from "../errors.ts";
import type { Files } from "../ports.ts";
import { describeRefusal, formatAddress, parseAddress } from "../system/address.ts";
import { acceptList } from "./list-method.ts";
import { listenerTls } from "./tls.ts";

export interface ListenerPorts {
  readonly files: Files;
  /** Names or numbers of a socket file's owner → numbers. Rejects where a name is not known. */
  owner(user: string, group: string): Promise<{ readonly uid?: number; readonly gid?: number }>;
}

export interface Listener {
  /** `http://127.0.0.1:8200`, with the port that was taken; `unix:///path`. */
  readonly address: string;
  /** Reads the certificate anew; connections that stand keep the old one. */
  reload(): Promise<void>;
  /** Takes no more connections, lets answers that are under way come to their end for `grace` ms, and is gone. */
  close(grace: number): Promise<void>;
}

/** @param method as the client wrote it: Node knows no LIST */
export type Handler = (request: http.IncomingMessage, response: http.ServerResponse, method: string) => void;

/** Rejects with a LesseeError (code `listener`, `address`). */
export async function startListener(config: ListenerConfig, handler: Handler, ports: ListenerPorts): Promise<Listener> {
  const tls = await listenerTls(config, ports.files);
  const server = createServer(tls);
  const connections = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
  });
  const methods = acceptList(server, tls === null ? "connection" : "secureConnection");
  server.on("request", (request: http.IncomingMessage, response: http.ServerResponse) => {
    const method = methods.of(request);
    // The next request of the connection is read only after this one's answer, and after this one's body.
    const ended = () => methods.ended(request);
    response.once("close", () => (request.complete ? ended() : request.once("end", ended)));
    handler(request, response, method);
  });
  server.on("connect", (_request: http.IncomingMessage, socket: Duplex) => socket.end(NO_TUNNEL));
  const address =
    config.type === "unix" ? await openSocketFile(server, config, ports) : await openPort(server, config, tls);
  // An accept that fails, as for want of file descriptors, concerns one caller only.
  server.on("error", () => undefined);
  return {
    address,
    async reload() {
      const renewed = await listenerTls(config, ports.files);
      if (renewed !== null && server instanceof https.Server) server.setSecureContext(renewed);
    },
    close: (grace) => close(server, connections, grace),
  };
}

// ---- internal ----

/** Vault Agent's own times. What outstays them is found when it is looked for. */
const LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 300_000,
  connectionsCheckingInterval: 10_000,
  maxHeaderSize: 64 * 1024,
};

const NO_TUNNEL = [
  "HTTP/1.1 405 Method Not Allowed",
  "Content-Type: application/json",
  "Connection: close",
  "",
  '{"errors":["this is no proxy for other servers"]}\n',
].join("\r\n");

function createServer(tls: TlsOptions | null): http.Server | https.Server {
  try {
    const server = tls === null ? http.createServer(LIMITS) : https.createServer({ ...LIMITS, ...tls });
    // Beyond 2,000 Node would leave out the rest without a word: their size is the bound.
    server.maxHeadersCount = 0;
    return server;
  } catch (error) {
    throw new LesseeError("listener", `listener: its TLS settings cannot be used: ${describe(error)}`, {
      hint: "check that tls_key_file fits tls_cert_file",
    });
  }
}

const DEFAULT_ADDRESS = "127.0.0.1:8200";

async function openPort(server: Server, config: ListenerConfig, tls: TlsOptions | null): Promise<string> {
  const given = config.address ?? DEFAULT_ADDRESS;
  const { host, port } = parseAddress(given);
  await listen(server, host === "" ? { port } : { host, port }, given);
  const taken = server.address() as AddressInfo;
  return `${tls === null ? "http" : "https"}://${formatAddress({ host: taken.address, port: taken.port })}`;
}

async function openSocketFile(
  server: http.Server | https.Server,
  config: ListenerConfig,
  { files, owner }: ListenerPorts,
): Promise<string> {
  const path = config.address;
  if (path === undefined)
    throw new LesseeError("listener", "listener: a unix listener needs an address, the socket's path");
  const found = await files.lstat(path).catch(() => null);
  if (found !== null && !found.isSocket()) {
    throw new LesseeError("listener", `listener: ${path} is there already, and is no socket`);
  }
  // What an earlier process left behind.
  if (found !== null) await files.rm(path, { force: true });
  await listen(server, { path }, path);
  const { socketMode, socketUser, socketGroup } = config;
  // As with the real agent, only all three together have an effect.
  if (!socketMode || !socketUser || !socketGroup) return `unix://${path}`;
  try {
    const mode = /^[0-7]{1,4}$/.test(socketMode) ? Number.parseInt(socketMode, 8) : undefined;
    if (mode === undefined) throw new LesseeError("listener", `socket_mode ${JSON.stringify(socketMode)} is not octal`);
    const { uid = -1, gid = -1 } = await owner(socketUser, socketGroup);
    await files.chown(path, uid, gid);
    await files.chmod(path, mode);
  } catch (error) {
    await close(server, new Set(), 0);
    throw new LesseeError("listener", `listener: the owner or mode of ${path} cannot be set: ${describe(error)}`);
  }
  return `unix://${path}`;
}

function listen(server: Server, options: object, given: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) =>
      reject(new LesseeError("listener", `listener: ${given} cannot be opened: ${describeRefusal(error)}`));
    server.once("error", failed);
    server.listen({ ...options, backlog: 1_024 }, () => {
      server.off("error", failed);
      resolve();
    });
  });
}

/** The server itself knows nothing of a connection that is still shaking hands. */
function close(server: http.Server | https.Server, connections: ReadonlySet<Socket>, grace: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => {
      for (const socket of connections) socket.destroy();
    }, grace);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}
