/**
 * HTTP to Vault over Node's own client. It does what node-vault's transport does not: honours the abort signal, keeps
 * headers, bounds time and size, follows no redirect (a token would go with it), and its errors name neither token
 * nor body.
 */
import http from "node:http";
import https from "node:https";
import { TransportError } from "../errors.ts";
import type { HttpRequest, HttpResponse, Transport } from "../ports.ts";

export interface TransportOptions {
  /** PEM texts; empty is the system's. */
  readonly ca?: readonly string[];
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
  readonly skipVerify?: boolean;
  /** An HTTP proxy's URL, or null for none at all; absent means what HTTPS_PROXY and NO_PROXY in `proxyEnv` say. */
  readonly proxy?: string;
  readonly proxyEnv?: Readonly<Record<string, string | undefined>>;
}

export interface ClosableTransport {
  readonly send: Transport;
  close(): void;
}

/** The largest answer that is read; a secret is some kilobytes. */
const MAX_ANSWER = 16 * 1024 * 1024;

export function createTransport(options: TransportOptions): ClosableTransport {
  const tls = {
    ca: options.ca && options.ca.length > 0 ? [...options.ca] : undefined,
    cert: options.cert,
    key: options.key,
    servername: options.serverName,
    rejectUnauthorized: !options.skipVerify,
  };
  // Idle connections are kept for a moment only: a sidecar speaks seldom, and a server's restart should not be met on them.
  const shared = { keepAlive: true, timeout: 5_000, maxSockets: 16, proxyEnv: proxyEnv(options) };
  const agents = { "http:": new http.Agent(shared), "https:": new https.Agent({ ...shared, ...tls }) };
  return {
    send: (request) => exchange(request, agents),
    close: () => {
      agents["http:"].destroy();
      agents["https:"].destroy();
    },
  };
}

// ---- internal ----

type Agents = { readonly "http:": http.Agent; readonly "https:": https.Agent };

function exchange(request: HttpRequest, agents: Agents): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const { url, socketPath } = target(request.url);
    const secure = url.protocol === "https:";
    let sent = false;
    let settled = false;

    const fail = (error: TransportError) => {
      if (settled) return;
      settled = true;
      clearTimeout(deadline);
      request.signal?.removeEventListener("abort", aborted);
      outgoing.destroy();
      reject(error);
    };
    const aborted = () =>
      fail(new TransportError("aborted", `${where(url, socketPath)}: given up before an answer came`, effect()));
    const effect = () => (sent ? "unknown" : "never sent");

    const outgoing = (secure ? https : http).request(url, {
      method: request.method,
      headers: request.headers,
      agent: secure ? agents["https:"] : agents["http:"],
      ...(socketPath === undefined ? {} : { socketPath }),
    });
    const deadline = setTimeout(() => {
      const seconds = Math.round(request.timeout / 100) / 10;
      fail(new TransportError("timeout", `${where(url, socketPath)}: no answer within ${seconds} s`, effect()));
    }, request.timeout);

    outgoing.on("socket", (socket) => {
      const ready = secure ? "secureConnect" : "connect";
      if (socket.connecting) socket.once(ready, () => (sent = true));
      else sent = true;
    });
    outgoing.on("error", (error) => fail(explain(error, where(url, socketPath), effect())));
    outgoing.on("response", (incoming) => {
      const chunks: Buffer[] = [];
      let size = 0;
      incoming.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_ANSWER)
          fail(
            new TransportError("too large", `${where(url, socketPath)}: the answer is larger than 16 MiB`, "unknown"),
          );
        else chunks.push(chunk);
      });
      incoming.on("aborted", () =>
        fail(
          new TransportError(
            "cut",
            `${where(url, socketPath)}: the connection was cut in the middle of the answer`,
            "unknown",
          ),
        ),
      );
      incoming.on("error", (error) => fail(explain(error, where(url, socketPath), "unknown")));
      incoming.on("end", () => {
        if (settled) return;
        settled = true;
        clearTimeout(deadline);
        request.signal?.removeEventListener("abort", aborted);
        resolve({
          status: incoming.statusCode ?? 0,
          headers: flat(incoming.headers),
          body: Buffer.concat(chunks).toString("utf8"),
        });
      });
    });
    if (request.signal?.aborted) return aborted();
    request.signal?.addEventListener("abort", aborted, { once: true });
    outgoing.end(request.body);
  });
}

/** `unix:/run/vault.sock:/v1/sys/health` and `unix:///run/vault.sock` as well as ordinary URLs. */
function target(text: string): { url: URL; socketPath?: string } {
  const unix = /^unix:(?:\/\/)?(\/[^:]*)(?::(\/.*))?$/.exec(text);
  if (unix === null) return { url: new URL(text) };
  return { url: new URL(`http://localhost${unix[2] ?? "/"}`), socketPath: unix[1]! };
}

function where(url: URL, socketPath: string | undefined): string {
  return socketPath === undefined ? url.origin : `unix:${socketPath}`;
}

function proxyEnv(options: TransportOptions): NodeJS.ProcessEnv | undefined {
  if (options.proxy !== undefined) return { HTTP_PROXY: options.proxy, HTTPS_PROXY: options.proxy };
  const env = options.proxyEnv ?? {};
  const named = Object.entries(env).filter(([name, value]) => /^(https?|no)_proxy$/i.test(name) && value);
  return named.length > 0 ? Object.fromEntries(named) : undefined;
}

function flat(headers: http.IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : (value ?? "")]),
  );
}

const HINTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there; check vault.address or VAULT_ADDR",
  ENOTFOUND: "the name is not known; check vault.address or VAULT_ADDR",
  EAI_AGAIN: "the name server does not answer",
  EHOSTUNREACH: "there is no way to that host",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "the server's certificate is signed by a CA that is not known; set vault.ca_cert or VAULT_CACERT",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    "the server's certificate is signed by a CA that is not known; set vault.ca_cert or VAULT_CACERT",
  SELF_SIGNED_CERT_IN_CHAIN:
    "the server's certificate is signed by a CA that is not known; set vault.ca_cert or VAULT_CACERT",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the server's certificate is signed by itself; set vault.ca_cert or VAULT_CACERT",
  CERT_HAS_EXPIRED: "the server's certificate has expired",
  ERR_TLS_CERT_ALTNAME_INVALID:
    "the server's certificate is for another name; check vault.address, or set vault.tls_server_name",
  EPROTO: "this does not look like TLS; is the address meant to be http://?",
  ERR_SSL_WRONG_VERSION_NUMBER: "this does not look like TLS; is the address meant to be http://?",
};

function explain(error: Error, origin: string, effect: "never sent" | "unknown"): TransportError {
  const code = (error as NodeJS.ErrnoException).code ?? "network";
  const first = error instanceof AggregateError ? (error.errors[0] as Error | undefined) : error;
  const hint = HINTS[code];
  const text = first?.message || error.message || code;
  return new TransportError(
    code,
    `${origin}: ${text.replace(/\s+/g, " ").trim()}`,
    effect,
    hint === undefined ? {} : { hint },
  );
}
