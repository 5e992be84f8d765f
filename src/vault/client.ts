/** Vault's API as the sidecar uses it, call by call. Nothing is ever retried: whoever calls knows when. */
import { TransportError, VaultError } from "../errors.ts";
import type { Operation } from "../events.ts";
import { JsonNumber, type JsonValue } from "../json.ts";
import type { Clock, Emit, TlsIdentity, Transport } from "../ports.ts";
import type { Sensitive } from "../sensitive.ts";
import { expectSeconds, isObject, list, seconds, secretFrom, strange, text } from "./answer.ts";
import { type Answer, type Api, apiFor, type Call, type ClientOptions, type JsonObject } from "./api.ts";
import type { VaultAuth, VaultSecret, VaultWrapInfo } from "./secret.ts";
import { isPassing } from "./verdict.ts";

export interface TokenInfo {
  readonly ttlSeconds: number;
  /** False for a token without an end; its TTL is 0 then. */
  readonly expires: boolean;
  /** 0 is none. */
  readonly explicitMaxTtlSeconds: number;
  /** 0 for a token that is not periodic. */
  readonly periodSeconds: number;
  readonly renewable: boolean;
  readonly numUses: number;
  readonly orphan: boolean;
  readonly policies: readonly string[];
  readonly type: "service" | "batch";
}

export interface Mount {
  /** With a slash at the end. */
  readonly path: string;
  /** `kv`, `database`, … */
  readonly type: string;
  /** `2` for KV v2; empty where there are none. */
  readonly version: string;
  /** What holds where its roles say nothing, and what they cannot pass; 0 is the server's own. */
  readonly defaultTtlSeconds: number;
  readonly maxTtlSeconds: number;
}

export interface LeaseInfo {
  readonly ttlSeconds: number;
  readonly renewable: boolean;
}

/** Every call rejects with a VaultError (an answer) or a TransportError (none), and with nothing else. */
export interface VaultClient {
  /** Whatever is asked with the token that comes of it is asked under the same identity: the server compares them. */
  login(
    mountPath: string,
    body: Readonly<Record<string, unknown>>,
    signal?: AbortSignal,
    identity?: TlsIdentity,
  ): Promise<VaultAuth>;
  /** As `login`, for a token that somebody else is to unwrap within `ttl`. */
  loginWrapped(
    mountPath: string,
    body: Readonly<Record<string, unknown>>,
    ttl: number,
    signal?: AbortSignal,
    identity?: TlsIdentity,
  ): Promise<VaultWrapInfo>;
  /** Puts the data aside under a token that may be used once, within `ttl`. */
  wrap(token: Sensitive<string>, data: Readonly<Record<string, unknown>>, ttl: number): Promise<VaultWrapInfo>;
  /** The path whose answer lies under a wrapping token. */
  wrappedPath(wrappingToken: Sensitive<string>): Promise<string>;
  unwrap(wrappingToken: Sensitive<string>): Promise<VaultSecret>;
  /** With an identity as at a login: of a token that an earlier process has logged in for. */
  lookupSelf(token: Sensitive<string>, identity?: TlsIdentity): Promise<TokenInfo>;
  /** What the token may do at each of these paths; `deny` is nothing. */
  capabilities(token: Sensitive<string>, paths: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>>;
  renewSelf(token: Sensitive<string>, incrementSeconds: number): Promise<VaultAuth>;
  revokeSelf(token: Sensitive<string>): Promise<void>;
  /** null where there is nothing at the path. Never aborted: a read may make a user (rule M2). */
  read(token: Sensitive<string>, path: string, version?: string): Promise<VaultSecret | null>;
  write(token: Sensitive<string>, path: string, data: Readonly<Record<string, unknown>>): Promise<VaultSecret | null>;
  /** The answer's data has `keys`. */
  list(token: Sensitive<string>, path: string): Promise<VaultSecret | null>;
  /** The mount of a path, as the server's UI asks for it; null where it will not say. Rejects while it is busy or sealed. */
  mountOf(token: Sensitive<string>, path: string): Promise<Mount | null>;
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
  const identities = new WeakMap<Sensitive<string>, TlsIdentity>();
  function api(operation: Operation, token: Sensitive<string> | null, more: Partial<Call> = {}): Api {
    const identity = token === null ? undefined : identities.get(token);
    return apiFor(options, { send, clock, emit, operation, token, identity, ...more });
  }

  return {
    async login(mountPath, body, signal, identity) {
      const path = `${encodePath(mountPath)}/login`;
      const answer = object(await api("login", null, { signal, identity }).write(path, body), "login");
      const { auth, wrapInfo } = secretFrom(answer);
      if (auth === null || auth.token.reveal() === "") {
        const wrapped = wrapInfo === null ? "" : ": it is wrapped";
        throw new VaultError(200, `${mountPath}/login: the answer has no token${wrapped}`, []);
      }
      expectDuration(answer.auth, `${mountPath}/login`);
      if (identity !== undefined) identities.set(auth.token, identity);
      return auth;
    },
    async loginWrapped(mountPath, body, wrapTtl, signal, identity) {
      const path = `${encodePath(mountPath)}/login`;
      return wrapInfoOf(await api("login", null, { signal, identity, wrapTtl }).write(path, body), path);
    },
    async wrap(token, data, wrapTtl) {
      return wrapInfoOf(await api("wrap", token, { wrapTtl }).put("sys/wrapping/wrap", data), "sys/wrapping/wrap");
    },
    async wrappedPath(wrappingToken) {
      // In the body, for which nobody needs a right: the token itself may do nothing but unwrap.
      const answer = await api("wrap", null).put("sys/wrapping/lookup", { token: wrappingToken.reveal() });
      return text(dataOf(answer).creation_path);
    },
    async unwrap(wrappingToken) {
      const answer = await api("wrap", wrappingToken).put("sys/wrapping/unwrap", undefined);
      return secretFrom(object(answer, "sys/wrapping/unwrap"));
    },
    async lookupSelf(token, identity) {
      if (identity !== undefined) identities.set(token, identity);
      const data = dataOf(await api("lookup-self", token).read("auth/token/lookup-self"));
      const ttlSeconds = expectSeconds(data.ttl, "auth/token/lookup-self", "ttl");
      return {
        ttlSeconds,
        expires: text(data.expire_time) !== "" || ttlSeconds > 0,
        explicitMaxTtlSeconds: seconds(data.explicit_max_ttl),
        periodSeconds: seconds(data.period),
        renewable: data.renewable === true,
        numUses: seconds(data.num_uses),
        orphan: data.orphan !== false,
        policies: list(data.policies).map(text),
        type: data.type === "batch" ? "batch" : "service",
      };
    },
    async capabilities(token, paths) {
      const answer = await api("capabilities-self", token).write("sys/capabilities-self", { paths });
      const data = dataOf(answer);
      return new Map(paths.map((path) => [path, list(data[path] ?? data.capabilities).map(text)]));
    },
    async renewSelf(token, increment) {
      const body = object(await api("renew-self", token).put("auth/token/renew-self", { increment }), "renew-self");
      const { auth } = secretFrom(body);
      if (auth === null) throw strange("auth/token/renew-self", "without a token");
      expectDuration(body.auth, "auth/token/renew-self");
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
    async mountOf(token, below) {
      try {
        const data = dataOf(await api("preflight", token).read(`sys/internal/ui/mounts/${encodePath(below)}`));
        const options = isObject(data.options) ? data.options : {};
        const path = text(data.path);
        if (path === "") return null;
        const config = isObject(data.config) ? data.config : {};
        return {
          path,
          type: text(data.type),
          version: text(options.version),
          defaultTtlSeconds: seconds(config.default_lease_ttl),
          maxTtlSeconds: seconds(config.max_lease_ttl),
        };
      } catch (error) {
        if (error instanceof VaultError && !isPassing(error)) return null;
        throw error;
      }
    },
    async lookupLease(token, lease) {
      const { ttl, renewable } = dataOf(await api("lease-lookup", token).put("sys/leases/lookup", { lease_id: lease }));
      // Below 0 is one that has ended, and whose revocation fails (rule W7).
      const hasEnded = ttl instanceof JsonNumber && ttl.toNumber() < 0;
      const ttlSeconds = hasEnded ? 0 : expectSeconds(ttl, "sys/leases/lookup", "ttl");
      return { ttlSeconds, renewable: renewable === true };
    },
    async renewLease(token, lease, increment) {
      const body = object(
        await api("lease-renew", token).put("sys/leases/renew", { lease_id: lease, increment }),
        "sys/leases/renew",
      );
      const renewed = secretFrom(body).lease;
      if (renewed.id === "") throw strange("sys/leases/renew", "without a lease");
      expectDuration(body, "sys/leases/renew");
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

function expectDuration(granted: JsonValue | undefined, what: string): void {
  expectSeconds(isObject(granted) ? granted.lease_duration : undefined, what, "duration");
}

function object(answer: Answer, what: string): JsonObject {
  if (answer === null) throw new VaultError(204, `${what}: the answer is empty`, []);
  return answer;
}

function wrapInfoOf(answer: Answer, what: string): VaultWrapInfo {
  const { wrapInfo } = secretFrom(object(answer, what));
  if (wrapInfo !== null && wrapInfo.token.reveal() !== "") return wrapInfo;
  throw new VaultError(200, `${what}: the answer is not wrapped, although that was asked for`, []);
}

function dataOf(answer: Answer): JsonObject {
  return isObject(answer?.data) ? answer.data : {};
}
