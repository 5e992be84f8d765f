/**
 * Vault's API as the sidecar uses it: node-vault over a transport of ours. What node-vault's own one does wrong
 * (redirects that carry the token, tokens in errors, ignored aborts, hidden headers) cannot happen, because it only
 * builds requests here; the answers are read by answer.ts. Nothing is ever retried: whoever calls knows when.
 */
import nodeVault from "node-vault";
import { TransportError, VaultError } from "../errors.ts";
import type { Operation } from "../events.ts";
import { JsonNumber, type JsonValue } from "../json.ts";
import type { Clock, Emit, HttpResponse, Transport } from "../ports.ts";
import type { Sensitive } from "../sensitive.ts";
import { isObject, list, readAnswer, seconds, secretFrom, strange, text } from "./answer.ts";
import type { VaultAuth, VaultSecret } from "./secret.ts";

export interface ClientOptions {
  /** Without a slash at the end; `unix:///…` too. */
  readonly address: string;
  /** Empty for the root namespace. */
  readonly namespace: string;
  /** Sent with every request; what is ours or Vault's own comes from us. */
  readonly headers: Readonly<Record<string, string>>;
  /** For one request. */
  readonly timeout: number;
}

export interface TokenInfo {
  readonly ttlSeconds: number;
  /** 0 is none. */
  readonly explicitMaxTtlSeconds: number;
  /** 0 for a token that is not periodic. */
  readonly periodSeconds: number;
  readonly renewable: boolean;
  readonly numUses: number;
  readonly orphan: boolean;
  readonly policies: readonly string[];
}

export interface LeaseInfo {
  readonly ttlSeconds: number;
  readonly renewable: boolean;
}

/** Every call rejects with a VaultError (an answer) or a TransportError (none), and with nothing else. */
export interface VaultClient {
  login(mountPath: string, body: Readonly<Record<string, unknown>>, signal?: AbortSignal): Promise<VaultAuth>;
  lookupSelf(token: Sensitive<string>): Promise<TokenInfo>;
  renewSelf(token: Sensitive<string>, incrementSeconds: number): Promise<VaultAuth>;
  revokeSelf(token: Sensitive<string>): Promise<void>;
  /** null where there is nothing at the path. Never aborted: a read may make a user (rule M2). */
  read(token: Sensitive<string>, path: string, version?: string): Promise<VaultSecret | null>;
  write(token: Sensitive<string>, path: string, data: Readonly<Record<string, unknown>>): Promise<VaultSecret | null>;
  /** The answer's data has `keys`. */
  list(token: Sensitive<string>, path: string): Promise<VaultSecret | null>;
  /** The mount of a path, as the server's UI asks for it; null where it will not say. */
  mountOf(token: Sensitive<string>, path: string): Promise<{ readonly path: string; readonly version: string } | null>;
  lookupLease(token: Sensitive<string>, lease: string): Promise<LeaseInfo>;
  /** Resolves to what was granted, in seconds. */
  renewLease(
    token: Sensitive<string>,
    lease: string,
    incrementSeconds: number,
  ): Promise<{ readonly seconds: number; readonly renewable: boolean }>;
  /** With `sync` false the server queues it, and tries again by itself. */
  revokeLease(token: Sensitive<string>, lease: string, sync: boolean): Promise<void>;
}

export function createVaultClient(options: ClientOptions, send: Transport, clock: Clock, emit: Emit): VaultClient {
  const api = (operation: Operation, token: Sensitive<string> | null, signal?: AbortSignal) =>
    apiFor(options, { send, clock, emit, operation, token, signal });

  return {
    async login(mountPath, body, signal) {
      const answer = await api("login", null, signal).write(`${encodePath(mountPath)}/login`, body);
      const { auth, wrapInfo } = secretFrom(object(answer, "login"));
      if (auth === null || auth.token.reveal() === "") {
        const wrapped = wrapInfo === null ? "" : ": it is wrapped";
        throw new VaultError(200, `${mountPath}/login: the answer has no token${wrapped}`, []);
      }
      return auth;
    },
    async lookupSelf(token) {
      const data = lifeOf(await api("lookup-self", token).read("auth/token/lookup-self"), "auth/token/lookup-self");
      return {
        ttlSeconds: seconds(data.ttl),
        explicitMaxTtlSeconds: seconds(data.explicit_max_ttl),
        periodSeconds: seconds(data.period),
        renewable: data.renewable === true,
        numUses: seconds(data.num_uses),
        orphan: data.orphan !== false,
        policies: list(data.policies).map(text),
      };
    },
    async renewSelf(token, increment) {
      const { auth } = secretFrom(
        object(await api("renew-self", token).put("auth/token/renew-self", { increment }), "renew-self"),
      );
      if (auth === null) throw strange("auth/token/renew-self", "without a token");
      return auth;
    },
    async revokeSelf(token) {
      await api("revoke-self", token).put("auth/token/revoke-self", undefined);
    },
    async read(token, path, version) {
      const query = version === undefined ? "" : `?version=${encodeURIComponent(version)}`;
      const answer = await api("read", token).read(`${encodePath(path)}${query}`);
      return answer === null ? null : secretFrom(answer);
    },
    async write(token, path, data) {
      const answer = await api("write", token).put(encodePath(path), data);
      return answer === null ? null : secretFrom(answer);
    },
    async list(token, path) {
      // Not the method LIST, which proxies and servers on the way may not know.
      const answer = await api("list", token).read(`${encodePath(path)}?list=true`);
      return answer === null ? null : secretFrom(answer);
    },
    async mountOf(token, path) {
      try {
        const data = dataOf(await api("preflight", token).read(`sys/internal/ui/mounts/${encodePath(path)}`));
        const options = isObject(data.options) ? data.options : {};
        return { path: text(data.path), version: text(options.version) || "1" };
      } catch (error) {
        if (error instanceof VaultError) return null;
        throw error;
      }
    },
    async lookupLease(token, lease) {
      const answer = await api("lease-lookup", token).put("sys/leases/lookup", { lease_id: lease });
      const data = lifeOf(answer, "sys/leases/lookup");
      return { ttlSeconds: seconds(data.ttl), renewable: data.renewable === true };
    },
    async renewLease(token, lease, increment) {
      const body = object(
        await api("lease-renew", token).put("sys/leases/renew", { lease_id: lease, increment }),
        "sys/leases/renew",
      );
      const renewed = secretFrom(body).lease;
      if (renewed.id === "") throw strange("sys/leases/renew", "without a lease");
      return { seconds: renewed.durationSeconds, renewable: renewed.renewable };
    },
    async revokeLease(token, lease, sync) {
      await api("lease-revoke", token).put("sys/leases/revoke", { lease_id: lease, sync });
    },
  };
}

/** Each segment percent-encoded, `+` and `@` too; nothing in a path may leave it. */
export function encodePath(path: string): string {
  const segments = path.split("/");
  if (segments.some((segment) => segment === ".." || segment === ".")) {
    const message = `the path ${JSON.stringify(path)} has a segment that leads out of it`;
    throw new TransportError("path", message, "never sent");
  }
  return segments.map(encodeURIComponent).join("/");
}

// ---- internal ----

type JsonObject = { readonly [key: string]: JsonValue };
type Answer = JsonObject | null;

interface Api {
  read(path: string): Promise<Answer>;
  write(path: string, body: object): Promise<Answer>;
  put(path: string, body: object | undefined): Promise<Answer>;
}

interface Call {
  readonly send: Transport;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly operation: Operation;
  readonly token: Sensitive<string> | null;
  readonly signal: AbortSignal | undefined;
}

/** What node-vault hands to its transport. */
interface VaultRequestOptions {
  readonly method: string;
  readonly uri: string;
  readonly headers: Record<string, string>;
  readonly json?: unknown;
}

function apiFor(options: ClientOptions, call: Call): Api {
  const vault = nodeVault({
    endpoint: options.address,
    apiVersion: "v1",
    commands: {},
    debug: () => {},
    "request-promise": { defaults: () => (request: VaultRequestOptions) => perform(request, options, call) },
  } as unknown as nodeVault.VaultOptions);
  // node-vault takes what it is not given from the process' environment; everything that counts is set by us.
  Object.assign(vault, { token: call.token?.reveal() ?? "", namespace: options.namespace, pathPrefix: "" });
  return {
    read: (path) => vault.read(path),
    write: (path, body) => vault.write(path, body),
    put: (path, body) =>
      vault.request({ path: `/${path}`, method: "PUT", ...(body === undefined ? {} : { json: body }) }),
  };
}

/** node-vault's transport: resolves to its response object, or rejects with an error that is already ours. */
async function perform(
  request: VaultRequestOptions,
  options: ClientOptions,
  call: Call,
): Promise<{ statusCode: number; body: Answer; request: { path: string } }> {
  const started = call.clock.now();
  const path = request.uri.slice(`${options.address}/v1/`.length);
  const body = typeof request.json === "object" && request.json !== null ? JSON.stringify(request.json) : undefined;
  const report = (status: number | "error") =>
    call.emit({ is: "request", operation: call.operation, status, took: call.clock.now() - started });
  let response: HttpResponse;
  try {
    response = await call.send({
      method: request.method,
      url: options.address.startsWith("unix:") ? `${options.address}:/v1/${path}` : request.uri,
      headers: {
        ...options.headers,
        ...request.headers,
        "X-Vault-Request": "true",
        "User-Agent": "lessee",
        ...(body === undefined
          ? {}
          : { "Content-Type": "application/json", "Content-Length": String(Buffer.byteLength(body)) }),
      },
      ...(body === undefined ? {} : { body }),
      timeout: options.timeout,
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    });
  } catch (error) {
    report("error");
    throw error;
  }
  report(response.status);
  return { statusCode: 200, body: readAnswer(response, path), request: { path } };
}

/** The data of a lookup. Without a ttl it is none, and must not be taken for one that is over. */
function lifeOf(answer: Answer, what: string): JsonObject {
  const data = dataOf(answer);
  if (!(data.ttl instanceof JsonNumber)) throw strange(what, "without a ttl");
  return data;
}

function object(answer: Answer, what: string): JsonObject {
  if (answer === null) throw new VaultError(204, `${what}: the answer is empty`, []);
  return answer;
}

function dataOf(answer: Answer): JsonObject {
  return isObject(answer?.data) ? answer.data : {};
}
