/** Real listeners in front of a server of the test's own; all of it ends with the test. */

import files from "node:fs/promises";
import http from "node:http";
import type { AddressInfo, Server } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach } from "vitest";
import type { ListenerConfig } from "../../src/config/server-types.ts";
import { type ProxyServer, type ProxyServerOptions, startProxyServer } from "../../src/proxy/server.ts";
import { Sensitive } from "../../src/sensitive.ts";
import { createSystemClock } from "../../src/system/clock.ts";
import { createTelemetry } from "../../src/telemetry/telemetry.ts";
import { createVaultClient } from "../../src/vault/client.ts";
import { createTransport, type TransportOptions } from "../../src/vault/transport.ts";

export interface Heard {
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

export interface Upstream {
  readonly address: string;
  readonly heard: readonly Heard[];
}

export type Answer = (response: http.ServerResponse, heard: Heard) => void;

export interface Ground {
  /** Answers once it has read the request; LIST comes as LOCK, because Node's parser knows no LIST. */
  upstream(answer?: Answer): Promise<Upstream>;
  /** A server that does with a request what it likes. */
  serve(listener: http.RequestListener): Promise<string>;
  proxy(address: string, options?: Options): Promise<ProxyServer>;
}

type Options = Partial<Omit<ProxyServerOptions, "address">> & { readonly pool?: TransportOptions["pool"] };

export const TCP: ListenerConfig = {
  type: "tcp",
  address: "127.0.0.1:0",
  role: "default",
  tlsDisable: true,
  tlsRequireAndVerifyClientCert: false,
  tlsDisableClientCerts: false,
  requireRequestHeader: false,
  enableQuit: false,
};

export const OWN = "s.the-own-token";

export const clock = createSystemClock(Date.now, () => performance.now());

export function useGround(): Ground {
  const undo: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) await step();
  });

  async function serve(listener: http.RequestListener): Promise<string> {
    const server = http.createServer({ keepAliveTimeout: 60_000, maxHeaderSize: 1024 * 1024 }, listener);
    server.maxHeadersCount = 0;
    // Only here: the proxy sends LIST as it is.
    server.on("connection", (socket) =>
      socket.prependListener("data", (chunk: Buffer) => {
        if (chunk.toString("latin1", 0, 6) === "LIST /") chunk.write("LOCK");
      }),
    );
    await listening(server);
    undo.push(() => closed(server));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  return {
    serve,
    async upstream(answer = (response) => response.end("{}")) {
      const heard: Heard[] = [];
      const address = await serve((request, response) => {
        text(request).then(
          (body) => {
            const one = { method: request.method ?? "", url: request.url ?? "", headers: request.headers, body };
            heard.push(one);
            answer(response, one);
          },
          () => undefined,
        );
      });
      return { address, heard };
    },
    async proxy(address, { pool, ...options } = {}) {
      const transport = createTransport(pool === undefined ? {} : { pool });
      const client = createVaultClient(
        { address, namespace: "", headers: {}, timeout: 5_000 },
        transport.send,
        clock,
        () => undefined,
      );
      const server = await startProxyServer({
        listeners: [TCP],
        client,
        address,
        version: "1.2.3",
        timeout: 5_000,
        open: transport.open,
        metrics: createTelemetry(undefined, {
          clock,
          host: "",
          memory: () => ({ used: 0, taken: 0 }),
          collections: () => null,
          onCollection() {},
          complain() {},
        }),
        prometheus: false,
        ownToken: {
          current: () => new Sensitive(OWN),
          hold: () => ({ lost: new AbortController().signal, release() {} }),
        },
        held: null,
        clock,
        random: Math.random,
        files,
        owner: async () => ({}),
        onQuit() {},
        ...options,
      });
      undo.push(async () => {
        await server.stop(false);
        transport.close();
      });
      return server;
    },
  };
}

export interface Reply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

/** As a client would, with any method. */
export function ask(
  url: string,
  options: http.RequestOptions & { readonly body?: string | Buffer } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { agent: false, ...options }, async (response) => {
      try {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text: await text(response) });
      } catch (error) {
        reject(error);
      }
    });
    request.on("error", reject);
    request.end(options.body);
  });
}

function listening(server: Server): Promise<void> {
  return new Promise((resolve) => server.listen({ port: 0, host: "127.0.0.1", backlog: 2_000 }, resolve));
}

function closed(server: http.Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
