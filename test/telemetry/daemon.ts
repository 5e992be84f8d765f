/** A daemon that takes metrics, over UDP or TCP; it ends with the test. */
import { createSocket } from "node:dgram";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { expect, onTestFinished } from "vitest";

export interface Daemon {
  /** host:port */
  readonly address: string;
  readonly received: readonly string[];
  readonly connected: Promise<void>;
  /** The first so many, once they are there. */
  lines(count: number): Promise<readonly string[]>;
  stop(): Promise<void>;
}

export async function startDatagramDaemon(): Promise<Daemon> {
  const socket = createSocket("udp4");
  const received: string[] = [];
  socket.on("message", (packet) => received.push(...packet.toString().trimEnd().split("\n")));
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  let open = true;
  return daemonOf(received, socket.address().port, Promise.resolve(), async () => {
    if (open) await new Promise<void>((resolve) => socket.close(resolve));
    open = false;
  });
}

export async function startStreamDaemon(port = 0, { reads = true } = {}): Promise<Daemon> {
  const received: string[] = [];
  const sockets = new Set<Socket>();
  const connected = Promise.withResolvers<void>();
  const server = createServer({ pauseOnConnect: !reads }, (socket) => {
    sockets.add(socket);
    connected.resolve();
    socket.on("error", () => undefined);
    if (reads) socket.on("data", (chunk) => received.push(...chunk.toString().trimEnd().split("\n")));
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return daemonOf(received, (server.address() as AddressInfo).port, connected.promise, async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
}

function daemonOf(received: string[], port: number, connected: Promise<void>, stop: () => Promise<void>): Daemon {
  onTestFinished(stop);
  return {
    address: `127.0.0.1:${port}`,
    received,
    connected,
    stop,
    async lines(count) {
      await expect.poll(() => received.length).toBeGreaterThanOrEqual(count);
      return received.slice(0, count);
    },
  };
}
