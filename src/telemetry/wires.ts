/** The ways to a daemon: datagrams over UDP, a stream over TCP. Node's parts for them are loaded with the first line. */
import { LesseeError } from "../errors.ts";
import { parseAddress } from "../system/address.ts";
import type { Wire } from "./line-sink.ts";

const CONNECT_TIMEOUT = 2_000;

/** Asks for the name anew at every opening: a daemon that has moved is found again. */
export async function openDatagrams(address: string): Promise<Wire> {
  const { host, port } = destination(address);
  const [{ createSocket }, { lookup }] = [await import("node:dgram"), await import("node:dns/promises")];
  const found = await lookup(host);
  const socket = createSocket(found.family === 6 ? "udp6" : "udp4");
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  // That nobody listens is known only after a packet: the next one hears of it.
  socket.on("error", failed.reject);
  socket.unref();
  try {
    await Promise.race([new Promise<void>((resolve) => socket.connect(port, found.address, resolve)), failed.promise]);
  } catch (error) {
    socket.close();
    throw error;
  }
  return {
    send: (text) =>
      Promise.race([
        failed.promise,
        new Promise<void>((resolve, reject) => socket.send(text, (error) => (error ? reject(error) : resolve()))),
      ]),
    close: () => socket.close(),
  };
}

export async function openStream(address: string): Promise<Wire> {
  const { host, port } = destination(address);
  const { connect } = await import("node:net");
  const socket = connect({ host, port });
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  socket.on("error", failed.reject);
  socket.on("close", () => failed.reject(new Error("the connection was closed")));
  // What is answered is of no interest, but has to be taken off the line.
  socket.resume();
  socket.setTimeout(CONNECT_TIMEOUT, () => socket.destroy(new Error("no connection in time")));
  await Promise.race([new Promise<void>((resolve) => socket.once("connect", resolve)), failed.promise]);
  socket.setTimeout(0);
  socket.unref();
  return {
    // Of a daemon that does not read, the next line waits for this one.
    send: (text) =>
      Promise.race([
        failed.promise,
        new Promise<void>((resolve, reject) => socket.write(text, (error) => (error ? reject(error) : resolve()))),
      ]),
    close() {
      if (socket.writableLength > 0) socket.destroy();
      else socket.destroySoon();
    },
  };
}

// ---- internal ----

/** Without a host this machine. @throws LesseeError */
function destination(address: string): { readonly host: string; readonly port: number } {
  if (/^unix/.test(address)) {
    throw new LesseeError("address", `${JSON.stringify(address)}: Node has no sockets of that kind`, {
      hint: "let the daemon listen on UDP, at host:port",
    });
  }
  const { host, port } = parseAddress(address);
  return { host: host === "" ? "localhost" : host, port };
}
