/**
 * HTTP to Vault over Node's own client. It does what node-vault's transport does not: honours the abort signal, keeps
 * headers, bounds time and size, follows no redirect (a token would go with it), and its errors name neither token
 * nor body.
 */
import http from "node:http";
import type https from "node:https";
import { createRequire } from "node:module";
import type { SecureContext } from "node:tls";
import { LesseeError, TransportError } from "../errors.ts";
import type { HttpRequest, HttpResponse, TlsIdentity, Transport } from "../ports.ts";
import { cutShort, explain, noAnswer } from "./transport-failure.ts";

/** Whom we trust, and who we are. */
export interface TlsSettings {
  /** PEM texts; empty is the system's. */
  readonly ca?: readonly string[];
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
  readonly skipVerify?: boolean;
}

export interface TransportOptions extends TlsSettings {
  /** An HTTP proxy's URL, or null for none at all; absent means what HTTPS_PROXY and NO_PROXY in `proxyEnv` say. */
  readonly proxy?: string;
  readonly proxyEnv?: Readonly<Record<string, string | undefined>>;
  readonly pool?: PoolOptions;
}

export interface PoolOptions {
  /** Connections at a time; default 16. */
  readonly maxSockets?: number;
  /** False makes a connection for every request. */
  readonly keepAlive?: boolean;
}

/** A request whose body is still to be written, and whose answer is read as it comes: nobody waits, bounds or buffers. */
export type OpenRequest = (
  request: Pick<HttpRequest, "method" | "url"> & { readonly headers: Readonly<http.OutgoingHttpHeaders> },
) => http.ClientRequest;

export interface ClosableTransport {
  readonly send: Transport;
  /** @throws TransportError for an address that is none and for what Node refuses to send. */
  readonly open: OpenRequest;
  /** What takes these into use, for connections that are made from then on. @throws LesseeError (code `ca`) */
  prepare(tls: TlsSettings): () => void;
  /** What is under way is given up, and nothing is sent any more. */
  close(): void;
}

/** The largest answer that is read. A secret is some kilobytes, and what Vault's own storage can hold a megabyte. */
const MAX_ANSWER = 4 * 1024 * 1024;
/** Those of tokens that something still hangs on, and the newest. */
const MOST_IDENTITIES = 8;
/** setTimeout takes 31 bits; what is longer would be over at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** @throws LesseeError (code `ca`) for certificates or a key that cannot be used. */
export function createTransport(options: TransportOptions): ClosableTransport {
  let tls: TlsSettings = options;
  let own = secureContextOf(tls, "vault");
  // Idle connections are kept for a moment only: a sidecar speaks seldom, and a server's restart should not be met on them.
  const shared = { keepAlive: true, timeout: 5_000, maxSockets: 16, ...options.pool, proxyEnv: proxyEnv(options) };
  const plain = new http.Agent(shared);
  /** By the login's identity; null is for those that have none. */
  const secure = new Map<TlsIdentity | null, https.Agent>();
  const closing = new AbortController();

  function agentFor(url: URL, identity: TlsIdentity | null): http.Agent {
    if (url.protocol !== "https:") return plain;
    let agent = secure.get(identity);
    if (agent === undefined) {
      const secureContext =
        identity === null ? own : secureContextOf(withIdentity(tls, identity), "auto_auth.method.config");
      const verified = { servername: tls.serverName, rejectUnauthorized: !tls.skipVerify };
      agent = new (httpsModule().Agent)({ ...shared, ...verified, secureContext });
      secure.set(identity, agent);
      forgetOldest();
    }
    return agent;
  }

  /** A certificate that is replaced every day would leave something for each; who still comes with an old one connects anew. */
  function forgetOldest(): void {
    const [oldest, ...others] = [...secure.keys()].filter((identity) => identity !== null);
    if (oldest === undefined || others.length < MOST_IDENTITIES) return;
    retire(secure.get(oldest)!);
    secure.delete(oldest);
  }

  return {
    send: async (request) => {
      const { url, socketPath } = target(request.url);
      return exchange(request, { url, socketPath, agent: agentFor(url, request.identity ?? null) }, closing.signal);
    },
    open(request) {
      const { url, socketPath } = target(request.url);
      return open(request, { url, socketPath, agent: agentFor(url, null) });
    },
    prepare(next) {
      const context = secureContextOf(next, "vault");
      return () => {
        own = context;
        tls = next;
        for (const agent of secure.values()) retire(agent);
        secure.clear();
      };
    },
    close: () => {
      closing.abort();
      plain.destroy();
      for (const agent of secure.values()) agent.destroy();
    },
  };
}

// ---- internal ----

/** What is under way comes to its end; no connection is used again. */
function retire(agent: http.Agent): void {
  agent.maxFreeSockets = 0;
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
}

/** Where a request goes, and by which connections. */
interface Route {
  readonly url: URL;
  readonly socketPath: string | undefined;
  readonly agent: http.Agent;
}

function exchange(request: HttpRequest, route: Route, closing: AbortSignal): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const { url, socketPath } = route;
    const secure = url.protocol === "https:";
    const signals = request.signal === undefined ? [closing] : [closing, request.signal];
    let sent = false;
    let settled = false;

    const settle = () => {
      settled = true;
      clearTimeout(deadline);
      for (const signal of signals) signal.removeEventListener("abort", aborted);
    };
    const fail = (error: TransportError) => {
      if (settled) return;
      settle();
      outgoing.destroy();
      reject(error);
    };
    const aborted = () => fail(new TransportError("aborted", `${place()}: given up before an answer came`, effect()));
    const effect = () => (sent ? "unknown" : "never sent");
    // Before it was sent it is the server that is the matter, and after that it may be this request alone.
    const place = () => `${where(url, socketPath)}${sent ? url.pathname : ""}`;

    const outgoing = open(request, route);
    const deadline = setTimeout(
      () => fail(noAnswer(place(), request.timeout, effect())),
      Math.min(request.timeout, LONGEST_TIMER),
    );

    outgoing.on("socket", (socket) => {
      const ready = secure ? "secureConnect" : "connect";
      if (socket.connecting) socket.once(ready, () => (sent = true));
      else sent = true;
    });
    outgoing.on("error", (error) => fail(explain(error, place(), effect())));
    outgoing.on("upgrade", (_incoming, socket) => {
      socket.destroy();
      fail(new TransportError("protocol", `${place()}: the server wants another protocol`, "unknown"));
    });
    outgoing.on("response", (incoming) => {
      const chunks: Buffer[] = [];
      let size = 0;
      incoming.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_ANSWER)
          fail(new TransportError("too large", `${place()}: the answer is larger than 4 MiB`, "unknown"));
        else chunks.push(chunk);
      });
      incoming.on("aborted", () => fail(cutShort(place())));
      incoming.on("error", (error) => fail(explain(error, place(), "unknown")));
      incoming.on("end", () => {
        if (settled) return;
        settle();
        resolve({
          status: incoming.statusCode ?? 0,
          headers: flat(incoming.headers),
          body: Buffer.concat(chunks).toString("utf8"),
        });
      });
    });
    if (signals.some((signal) => signal.aborted)) return aborted();
    for (const signal of signals) signal.addEventListener("abort", aborted, { once: true });
    outgoing.end(request.body);
  });
}

/** What Node refuses to send, as a header with a line break, is a failure like any other. */
function open({ method, headers }: Parameters<OpenRequest>[0], { url, socketPath, agent }: Route): http.ClientRequest {
  const { request } = url.protocol === "https:" ? httpsModule() : http;
  try {
    return request(url, { method, headers, agent, ...(socketPath === undefined ? {} : { socketPath }) });
  } catch (error) {
    throw explain(error as Error, where(url, socketPath), "never sent");
  }
}

/** Loaded by the first who needs it: beside a Vault that is reached over a socket or a mesh nobody does, and it takes its time. */
function httpsModule(): typeof https {
  return builtin("node:https");
}

function builtin<Name extends "node:https" | "node:tls">(
  name: Name,
): Name extends "node:https" ? typeof https : typeof import("node:tls") {
  return createRequire(import.meta.url)(name);
}

function withIdentity(options: TlsSettings, { ca, cert, key }: TlsIdentity): TlsSettings {
  return {
    ...options,
    ...(ca === undefined ? {} : { ca: [ca] }),
    ...(cert === undefined || key === undefined ? {} : { cert, key: key.reveal() }),
  };
}

/** Made once: a wrong certificate is found before anything is sent. `block` is where the configuration names them. */
function secureContextOf({ ca = [], cert, key }: TlsSettings, block: string): SecureContext | undefined {
  if (ca.length === 0 && cert === undefined && key === undefined) return undefined;
  try {
    return builtin("node:tls").createSecureContext({ ca: ca.length > 0 ? [...ca] : undefined, cert, key });
  } catch (error) {
    const hint =
      cert === undefined
        ? `check ${block}.ca_cert`
        : `check ${block}.ca_cert, and that ${block}.client_key fits ${block}.client_cert`;
    throw new LesseeError("ca", `the certificates for Vault cannot be used: ${(error as Error).message}`, { hint });
  }
}

/** `unix:/run/vault.sock:/v1/sys/health` and `unix:///run/vault.sock` as well as ordinary URLs. */
function target(text: string): { url: URL; socketPath?: string } {
  const unix = /^unix:(?:\/\/)?(\/[^:]*)(?::(\/.*))?$/.exec(text);
  if (unix === null) {
    const url = URL.parse(text);
    if (url !== null && /^https?:$/.test(url.protocol)) return { url };
    throw new TransportError("address", `${JSON.stringify(text)} is not an address`, "never sent", {
      hint: "check vault.address or VAULT_ADDR: https://HOST:PORT, or unix:///PATH",
    });
  }
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
