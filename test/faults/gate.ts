/** Stands between a pod and Postgres, and fails as a network does. It knows when a question is not answered yet. */

import type { AddressInfo } from "node:net";
import { connect, createServer, type Socket } from "node:net";
import type { Busy } from "./busy.ts";

export type GateFault = "refused" | "timeout" | "slow" | "garbage" | "cut";

export interface Gate {
  /** host:port */
  readonly address: string;
  /** So many logins of users other than `known` fail, or so many questions; Infinity until `mend`. */
  fail(at: "login" | "question", fault: GateFault, times: number, known?: string): void;
  mend(): void;
  readonly hits: number;
  stop(): Promise<void>;
}

const SLOW = 100;

export async function startGate(target: { readonly host: string; readonly port: number }, busy: Busy): Promise<Gate> {
  let fault: { readonly at: "login" | "question"; readonly is: GateFault; readonly known: string } | null = null;
  let left = 0;
  let hits = 0;
  const sockets = new Set<Socket>();

  function meet(at: "login" | "question", user?: string): GateFault | null {
    if (fault?.at !== at || left <= 0 || user === fault.known) return null;
    left--;
    hits++;
    return fault.is;
  }

  const server = createServer((client) => {
    sockets.add(client);
    let end = busy.begin();
    const over = () => {
      end();
      sockets.delete(client);
      server_.destroy();
    };
    const server_ = connect(target.port, target.host);
    sockets.add(server_);
    client.on("error", () => {}).on("close", over);
    server_
      .on("error", () => {})
      .on("close", () => {
        sockets.delete(server_);
        client.destroy();
      });
    /** Of this connection from now on. */
    let state: GateFault | null = null;
    const answers = createReadyFinder(() => end());
    let asked = false;
    client.on("data", (chunk) => {
      end();
      // A goodbye is not answered.
      if (chunk[0] === 0x58 && chunk.length === 5) return void server_.write(chunk);
      end = busy.begin();
      if (!asked) state = meet("login", /\0user\0([^\0]+)\0/.exec(chunk.toString("latin1"))?.[1]);
      else if (state === null && answers.ready) state = meet("question");
      asked = true;
      if (state === "refused") return void client.resetAndDestroy();
      if (state === "timeout") return;
      if (state === "garbage") return void client.write("HTTP/1.1 400 Bad Request\r\n\r\nthis is no Postgres\n");
      server_.write(chunk);
    });
    server_.on("data", (chunk) => {
      const pass = () => {
        client.write(chunk);
        answers.feed(chunk);
      };
      if (state === "cut") {
        client.write(chunk.subarray(0, Math.floor(chunk.length / 2)), () => client.resetAndDestroy());
      } else if (state === "slow") setTimeout(pass, SLOW);
      else pass();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    fail(at, is, times, known = "") {
      fault = { at, is, known };
      left = times;
    },
    mend() {
      fault = null;
      left = 0;
    },
    get hits() {
      return hits;
    },
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Finds the messages that say that Postgres is ready for the next question. */
function createReadyFinder(onReady: () => void): { feed(chunk: Buffer): void; readonly ready: boolean } {
  let rest: Buffer = Buffer.alloc(0);
  let ready = false;
  return {
    get ready() {
      return ready;
    },
    feed(chunk) {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 5) {
        const length = 1 + rest.readInt32BE(1);
        if (rest.length < length) break;
        const isReady = rest[0] === 0x5a;
        rest = rest.subarray(length);
        // Only the last one of what came together: before it there is more to be answered.
        if (isReady && rest.length === 0) {
          ready = true;
          onReady();
        }
      }
    },
  };
}
