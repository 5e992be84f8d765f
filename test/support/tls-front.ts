/**
 * TLS in front of an emulated Vault: it asks for client certificates, and has the login of the cert method, which needs
 * them. Its own certificate can be replaced while it runs.
 */
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import type { TLSSocket } from "node:tls";
import { onTestFinished } from "vitest";
import type { EmulatedVault } from "../../dev/vault/emulated-vault.ts";

export interface Identity {
  readonly cert: string;
  readonly key: string;
  /** Whose client certificates are good. */
  readonly ca: string;
}

export interface TlsFront {
  /** `https://127.0.0.1:PORT` */
  readonly address: string;
  /** The fingerprints of the clients' certificates, request by request; null where there was none that is good. */
  readonly clients: readonly { readonly path: string; readonly by: string | null }[];
  /** For connections from now on; those that stand are closed. */
  replace(identity: Identity): void;
}

/** @param policies of the tokens that a login with a certificate gives */
export async function startTlsFront(
  vault: Pick<EmulatedVault, "address" | "rootToken">,
  identity: Identity,
  policies: readonly string[] = [],
): Promise<TlsFront> {
  const clients: { path: string; by: string | null }[] = [];
  /** As the real one: a token is renewed only under the certificate that it was made for. */
  const owners = new Map<string, string | null>();

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const socket = incoming.socket as TLSSocket;
    const by = socket.authorized ? socket.getPeerCertificate().fingerprint256 : null;
    const path = incoming.url ?? "";
    clients.push({ path, by });
    const body = await buffer(incoming);
    const token = String(incoming.headers["x-vault-token"] ?? "");
    const refuse = (why: string) => outgoing.writeHead(400).end(JSON.stringify({ errors: [why] }));
    if (path === "/v1/auth/cert/login") {
      if (by === null) return void refuse("client certificate must be supplied");
      const made = await logIn();
      owners.set(JSON.parse(made).auth.client_token, by);
      return void outgoing.end(made);
    }
    if (path === "/v1/auth/token/renew-self" && (owners.get(token) ?? by) !== by)
      return void refuse("client identity mismatch");
    const upstream = http.request(
      vault.address + path,
      { method: incoming.method, headers: incoming.headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(outgoing);
      },
    );
    upstream.on("error", () => outgoing.destroy());
    upstream.end(body);
  }

  async function logIn(): Promise<string> {
    const answer = await fetch(`${vault.address}/v1/auth/token/create`, {
      method: "POST",
      headers: { "X-Vault-Token": vault.rootToken },
      body: JSON.stringify({ policies, ttl: "1h", no_parent: true }),
    });
    return answer.text();
  }

  const tls = ({ ca, cert, key }: Identity) => ({ ca, cert, key, requestCert: true, rejectUnauthorized: false });
  const server = createServer(tls(identity), (incoming, outgoing) => {
    handle(incoming, outgoing).catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return {
    address: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    clients,
    replace(next) {
      server.setSecureContext(tls(next));
      server.closeAllConnections();
    },
  };
}
