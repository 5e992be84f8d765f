/** Servers for one test each, real ones, and what they were asked. */
import { generateKeyPairSync } from "node:crypto";
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { TlsOptions } from "node:tls";
import { afterEach } from "vitest";
import { signCertificate } from "../../dev/kubernetes/certificate.ts";
import { type ClosableTransport, createTransport, type TransportOptions } from "../../src/vault/transport.ts";

export interface Heard {
  readonly method: string;
  /** As it came, encoded, with the query. */
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface TestServer {
  /** Without a slash at the end. */
  readonly address: string;
  readonly heard: readonly Heard[];
}

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

export interface Servers {
  serve(answer: Answer, options?: { readonly tls?: TlsOptions; readonly socket?: string }): Promise<TestServer>;
  transport(options?: TransportOptions): ClosableTransport;
}

/** Registers the hook that ends them all. */
export function useServers(): Servers {
  const servers: Server[] = [];
  const transports: ClosableTransport[] = [];
  afterEach(async () => {
    for (const transport of transports.splice(0)) transport.close();
    await Promise.all(servers.splice(0).map(close));
  });
  return {
    async serve(answer, { tls, socket } = {}) {
      const heard: Heard[] = [];
      const listener: RequestListener = (request, response) => {
        text(request).then(
          (body) => {
            heard.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body });
            answer(response, request);
          },
          // The client went away in the middle of its request.
          () => {},
        );
      };
      const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
      servers.push(server);
      await new Promise<void>((resolve) =>
        socket === undefined ? server.listen(0, "127.0.0.1", resolve) : server.listen(socket, resolve),
      );
      const port = socket === undefined ? (server.address() as AddressInfo).port : 0;
      return { address: socket ? `unix://${socket}` : `${tls ? "https" : "http"}://127.0.0.1:${port}`, heard };
    },
    transport(options = {}) {
      const transport = createTransport(options);
      transports.push(transport);
      return transport;
    },
  };
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

export interface Authority {
  /** PEM. */
  readonly ca: string;
  issue(hosts: readonly string[], use: "server" | "client", notAfter?: number): { cert: string; key: string };
}

export function createAuthority(): Authority {
  const issuer = { commonName: "an authority", ...generateKeyPairSync("ec", { namedCurve: "P-256" }) };
  const notBefore = Date.now() - 3_600_000;
  const later = Date.now() + 3_600_000;
  const own = { commonName: issuer.commonName, hosts: [], publicKey: issuer.publicKey, issuer, notBefore };
  return {
    ca: signCertificate({ ...own, notAfter: later, authority: true, use: [] }).toString(),
    issue(hosts, use, notAfter = later) {
      const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const commonName = hosts[0] ?? "somebody";
      const cert = signCertificate({
        commonName,
        hosts,
        publicKey,
        issuer,
        notBefore,
        notAfter,
        authority: false,
        use: [use],
      });
      return { cert: cert.toString(), key: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
    },
  };
}
