/** The way of a request through the server: token, policy, mount, lease, answer. */
import type { ServerClock } from "./clock.ts";
import { calculateTtl, formatTime, toSeconds } from "./durations.ts";
import { createLeaseStore, type LeaseStore, type RetryPolicy } from "./leases.ts";
import { createMountTable, type MountTable } from "./mounts.ts";
import { createPolicyStore, type PolicyStore } from "./policies.ts";
import type { Answer, LoginGrant, MountedRequest, VaultRequest } from "./protocol.ts";
import { createQuotas, type Quotas } from "./quotas.ts";
import { uuid } from "./random.ts";
import { multierror, PERMISSION_DENIED, Refusal } from "./refusal.ts";
import { createTokenStore, describeAuth, type Token, type TokenStore, tokenPolicies } from "./tokens.ts";
import { createWrapping, type Wrapping } from "./wrapping.ts";

export interface Reply {
  readonly status: number;
  /** Undefined for an answer without a body. */
  readonly body: Readonly<Record<string, unknown>> | undefined;
}

export interface Core {
  readonly clock: ServerClock;
  readonly mounts: MountTable;
  readonly policies: PolicyStore;
  readonly tokens: TokenStore;
  readonly leases: LeaseStore;
  readonly quotas: Quotas;
  readonly wrapping: Wrapping;
  sealed(): boolean;
  seal(): void;
  unseal(): void;
  /** Rejects with a Refusal for everything that the server refuses. */
  handle(request: VaultRequest): Promise<Reply>;
}

export function createCore(clock: ServerClock, rootToken: string, retries: RetryPolicy): Core {
  const mounts = createMountTable();
  const policies = createPolicyStore();
  const leases = createLeaseStore(clock, retries);
  const tokens = createTokenStore(clock, (token) => void leases.revokeByToken(token));
  const quotas = createQuotas(clock);
  const wrapping = createWrapping(tokens, clock);
  const entities = new Map<string, string>();
  /** In their last use: 0 uses left would mean any number. */
  const spent = new Set<Token>();
  let sealed = false;

  tokens.create({
    id: rootToken,
    type: "service",
    path: "auth/token/create",
    displayName: "token",
    policies: ["root"],
    meta: null,
    renewable: false,
    numUses: 0,
    terms: { ttl: 0, maxTtl: 0 },
    ttl: null,
  });

  async function handle(request: VaultRequest): Promise<Reply> {
    if (sealed && !STATE_PATHS.has(request.path)) throw new Refusal(503, "Vault is sealed");
    quotas.check(request.path);
    const mount = mounts.match(`${request.path}/`);
    const subpath = mount ? request.path.slice(mount.path.length) : "";
    if (mount?.backend.isOpen?.(subpath)) {
      const answer = await mount.backend.handle({ ...request, subpath, mount: mount.path, token: undefined });
      return reply(request, answer?.login ? loggedIn(request, mount.path, answer) : answer);
    }

    const unwraps = request.path === "sys/wrapping/unwrap" && wrapping.isWrapping(request.clientToken);
    const token = tokens.find(request.clientToken);
    if (!token || spent.has(token)) throw withoutToken(request);
    const last = useToken(token);
    try {
      const operation =
        request.operation === "update" && mount?.backend.exists?.(subpath) === false ? "create" : request.operation;
      if (!unwraps && !allowed(token, operation, request.path)) throw new Refusal(403, multierror(PERMISSION_DENIED));
      if (!mount) throw new Refusal(404, `no handler for route "${request.path}". route entry not found.`);
      const mounted: MountedRequest = { ...request, operation, subpath, mount: mount.path, token };
      const answer = await mount.backend.handle(mounted);
      if (!answer?.secret) return reply(request, answer);
      // A client that has gone away takes the request's context with it, and with it the chance of a lease.
      request.signal.throwIfAborted();
      const { lease, warnings } = leases.register(request.path, token, mount.backend, answer.secret);
      if (last) {
        await leases.revokeLater(lease.id);
        throw new Refusal(400, LAST_USE);
      }
      const seconds = Math.round((lease.expireTime - lease.issueTime) / 1000);
      return reply(request, { ...answer, lease: { id: lease.id, seconds }, warnings });
    } catch (error) {
      // Only on the paths without a token is this one said plainly.
      throw error instanceof Refusal && error.status === 405
        ? new Refusal(405, multierror("unsupported operation"))
        : error;
    } finally {
      if (last) {
        tokens.revoke(token);
        spent.delete(token);
      }
    }
  }

  function allowed(token: Token, operation: VaultRequest["operation"], path: string): boolean {
    const asked = operation === "list" && !path.endsWith("/") ? `${path}/` : path;
    const granted = policies.capabilities(token.policies, asked);
    return granted.includes("root") || (granted as readonly string[]).includes(operation);
  }

  /** Counts the use; true when it was the last one. */
  function useToken(token: Token): boolean {
    if (token.numUses === 0) return false;
    token.numUses--;
    if (token.numUses > 0) return false;
    spent.add(token);
    return true;
  }

  function loggedIn(request: VaultRequest, mount: string, answer: Answer): Answer {
    const login = answer.login as LoginGrant;
    const { ttl, warnings } = calculateTtl(login.terms, 0, clock.now());
    const name = mount.slice("auth/".length, -1);
    const alias = `${mount}${login.alias}`;
    if (!entities.has(alias)) entities.set(alias, uuid());
    const token = tokens.create({
      type: login.type,
      path: request.path,
      displayName: `${name.replaceAll("/", "-")}-${login.displayName}`,
      policies: tokenPolicies(login.policies, login.noDefaultPolicy),
      meta: login.metadata,
      entityId: entities.get(alias)!,
      role: login.role,
      renewable: true,
      numUses: login.numUses,
      terms: login.terms,
      ttl,
    });
    return { auth: describeAuth(token, token.issueTime), warnings };
  }

  function reply(request: VaultRequest, answer: Answer | null): Reply {
    if (answer === null) {
      if (request.operation === "read" || request.operation === "list") throw new Refusal(404);
      return { status: 204, body: undefined };
    }
    // Accepted, and nothing to say yet.
    if (answer.status === 202) return { status: 202, body: undefined };
    if (answer.bare) return { status: answer.status ?? 200, body: answer.bare };
    const framed = {
      request_id: request.id,
      lease_id: answer.lease?.id ?? "",
      renewable: answer.lease !== undefined,
      lease_duration: answer.lease?.seconds ?? answer.leaseDuration ?? 0,
      data: sorted(answer.data ?? null),
      wrap_info: null,
      warnings: answer.warnings?.length ? answer.warnings : null,
      auth: answer.auth ?? null,
    };
    if (request.wrapTtl === undefined || !isWrappable(request.path)) {
      return { status: answer.status ?? 200, body: answer.inject ? { ...answer.data, ...framed } : framed };
    }
    return { status: 200, body: wrapped(request, framed) };
  }

  function wrapped(request: VaultRequest, framed: Record<string, unknown> & { auth: Answer["auth"] | null }) {
    const { token } = wrapping.wrap(framed, request.wrapTtl!, request.path);
    return {
      request_id: "",
      lease_id: "",
      renewable: false,
      lease_duration: 0,
      data: null,
      wrap_info: {
        token: token.id,
        accessor: token.accessor,
        ttl: toSeconds(token.creationTtl),
        creation_time: formatTime(token.issueTime),
        creation_path: request.path,
        ...(framed.auth && { wrapped_accessor: framed.auth.accessor }),
      },
      warnings: null,
      auth: null,
    };
  }

  return {
    clock,
    mounts,
    policies,
    tokens,
    leases,
    quotas,
    wrapping,
    sealed: () => sealed,
    seal() {
      sealed = true;
      tokens.pause();
      leases.pause();
    },
    unseal() {
      sealed = false;
      tokens.resume();
      leases.resume();
    },
    handle,
  };
}

/** Answered by a sealed server too. */
const STATE_PATHS = new Set(["sys/health", "sys/seal-status", "sys/unseal"]);
const LAST_USE = "Secret cannot be returned; token had one use left, so leased credentials were immediately revoked.";

function withoutToken({ path, clientToken }: VaultRequest): Refusal {
  if (path !== "sys/wrapping/unwrap") return new Refusal(403, PERMISSION_DENIED);
  return clientToken === undefined
    ? new Refusal(403, "error validating wrapping token: token is empty")
    : new Refusal(400, "wrapping token is not valid or does not exist");
}

function isWrappable(path: string): boolean {
  return path === "sys/wrapping/wrap" || !path.startsWith("sys/");
}

/** Go prints the keys of a map in order; the frame around it keeps its own. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}
