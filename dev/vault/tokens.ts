/** Tokens: who holds them, how long they live, whose children they are. */

import type { ServerClock } from "./clock.ts";
import { calculateTtl, formatTime, remainingSeconds, type Terms, toSeconds } from "./durations.ts";
import { base62, batchTokenId, serviceTokenId } from "./random.ts";

export interface Token {
  readonly id: string;
  readonly accessor: string;
  readonly type: "service" | "batch";
  /** The id of the token that made this one and with which it dies; undefined for an orphan. */
  readonly parent: string | undefined;
  /** Where it was made, e.g. `auth/kubernetes/login`. */
  readonly path: string;
  readonly displayName: string;
  readonly policies: readonly string[];
  readonly meta: Readonly<Record<string, string>> | null;
  readonly entityId: string;
  /** The role of the auth method, asked again at each renewal; empty for tokens made by a token. */
  readonly role: string;
  readonly renewable: boolean;
  readonly issueTime: number;
  readonly creationTtl: number;
  readonly terms: Terms;
  /** Uses that are left; 0 is without limit. */
  numUses: number;
  /** Null is never. */
  expireTime: number | null;
  lastRenewal: number | undefined;
}

export interface NewToken {
  readonly id?: string;
  readonly type: "service" | "batch";
  readonly parent?: string;
  readonly path: string;
  readonly displayName: string;
  readonly policies: readonly string[];
  readonly meta: Readonly<Record<string, string>> | null;
  readonly entityId?: string;
  readonly role?: string;
  readonly renewable: boolean;
  readonly numUses: number;
  readonly terms: Terms;
  /** Null for a root token that never ends. */
  readonly ttl: number | null;
}

export interface TokenStore {
  create(token: NewToken): Token;
  /** Undefined for what does not exist or has ended. */
  find(id: string | undefined): Token | undefined;
  findByAccessor(accessor: string): Token | undefined;
  /** Those that were made below a path, e.g. `auth/kubernetes/`. */
  madeUnder(prefix: string): Token[];
  /** Under the terms that hold now. Throws where the real server fails. */
  renew(token: Token, terms: Terms, increment: number): readonly string[];
  /** The token, its leases and its children. */
  revoke(token: Token): void;
  /** While sealed, nothing expires. */
  pause(): void;
  resume(): void;
}

/** `onEnd` hears of every token that ended, before anything can be asked about it again. */
export function createTokenStore(clock: ServerClock, onEnd: (token: Token) => void): TokenStore {
  const tokens = new Map<string, Token>();
  const alarms = new Map<string, () => void>();
  let paused = false;

  function watch(token: Token): void {
    alarms.get(token.id)?.();
    alarms.delete(token.id);
    if (paused || token.expireTime === null) return;
    alarms.set(
      token.id,
      clock.at(token.expireTime, () => revoke(token)),
    );
  }
  function revoke(token: Token): void {
    if (!tokens.delete(token.id)) return;
    alarms.get(token.id)?.();
    alarms.delete(token.id);
    onEnd(token);
    for (const child of [...tokens.values()]) if (child.parent === token.id) revoke(child);
  }
  const alive = (token: Token | undefined) =>
    token && (token.expireTime === null || token.expireTime > clock.now()) ? token : undefined;

  return {
    create(wanted) {
      const { ttl, ...given } = wanted;
      const batch = given.type === "batch";
      // A batch token carries its times in itself, in whole seconds.
      const now = batch ? Math.floor(clock.now() / 1000) * 1000 : clock.now();
      const token: Token = {
        ...given,
        id: given.id ?? (batch ? batchTokenId() : serviceTokenId()),
        accessor: batch ? "" : base62(24),
        parent: given.parent,
        entityId: given.entityId ?? "",
        role: given.role ?? "",
        renewable: given.renewable && !batch && ttl !== null,
        issueTime: now,
        creationTtl: ttl ?? 0,
        expireTime: ttl === null ? null : now + ttl,
        lastRenewal: undefined,
      };
      tokens.set(token.id, token);
      watch(token);
      return token;
    },
    find: (id) => alive(tokens.get(id ?? "")),
    findByAccessor: (accessor) => alive([...tokens.values()].find((token) => token.accessor === accessor)),
    madeUnder: (prefix) => [...tokens.values()].filter((token) => token.path.startsWith(prefix)),
    renew(token, terms, increment) {
      const now = clock.now();
      const { ttl, warnings } = calculateTtl(terms, increment, now, token.issueTime);
      token.expireTime = now + ttl;
      token.lastRenewal = now;
      watch(token);
      return warnings;
    },
    revoke,
    pause() {
      paused = true;
      for (const cancel of alarms.values()) cancel();
      alarms.clear();
    },
    resume() {
      paused = false;
      for (const token of [...tokens.values()]) watch(token);
    },
  };
}

/** `default` is added unless it was left out on purpose; a root token has no other policy. */
export function tokenPolicies(policies: readonly string[], noDefault: boolean): string[] {
  const names = new Set(policies.map((policy) => policy.trim().toLowerCase()).filter((policy) => policy !== ""));
  if (names.has("root")) return ["root"];
  if (noDefault) names.delete("default");
  else names.add("default");
  return [...names].sort();
}

/** The `auth` of a login, a new token or a renewal. */
export function describeAuth(token: Token, now: number): Record<string, unknown> {
  return {
    client_token: token.id,
    accessor: token.accessor,
    policies: token.policies,
    token_policies: token.policies,
    metadata: token.meta,
    lease_duration: token.expireTime === null ? 0 : Math.round((token.expireTime - now) / 1000),
    renewable: token.renewable,
    entity_id: token.entityId,
    token_type: token.type,
    orphan: token.parent === undefined,
    mfa_requirement: null,
    num_uses: token.numUses,
  };
}

/** The `data` of a lookup. */
export function describeToken(token: Token, now: number): Record<string, unknown> {
  const { period = 0, explicitMaxTtl = 0 } = token.terms;
  return {
    accessor: token.accessor,
    creation_time: toSeconds(token.issueTime),
    creation_ttl: toSeconds(token.creationTtl),
    display_name: token.displayName,
    entity_id: token.entityId,
    expire_time: token.expireTime === null ? null : formatTime(token.expireTime),
    explicit_max_ttl: toSeconds(explicitMaxTtl),
    id: token.id,
    issue_time: formatTime(token.issueTime),
    ...(token.lastRenewal !== undefined && {
      last_renewal: formatTime(token.lastRenewal),
      last_renewal_time: toSeconds(token.lastRenewal),
    }),
    meta: token.meta,
    num_uses: token.numUses,
    orphan: token.parent === undefined,
    path: token.path,
    ...(period > 0 && { period: toSeconds(period) }),
    policies: token.policies,
    renewable: token.renewable,
    ttl: token.expireTime === null ? 0 : Math.max(0, remainingSeconds(token.expireTime, now)),
    type: token.type,
  };
}
