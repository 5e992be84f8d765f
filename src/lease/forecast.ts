/** What is to be expected of a credential before there is one: its rotations, by the formulas that the lifecycle goes by. Pure. */
import type { OtherUser } from "../ports.ts";
import { incrementFor, leadFits, leadFor, renewalDue, rotationDue, settlingOf } from "./schedule.ts";
import type { Held, Policy } from "./state.ts";
import { type HeldToken, loginDue, serves } from "./token.ts";

/** Durations in milliseconds; Infinity is without end, null is not known. */
export interface TokenFacts {
  readonly type: "service" | "batch";
  readonly renewable: boolean;
  readonly orphan: boolean;
  /** 0 is without limit. */
  readonly numUses: number;
  readonly ttl: number;
  readonly maxTtl: number | null;
  /** 0 for a token that is not periodic. */
  readonly period: number;
}

export interface LeaseFacts {
  readonly renewable: boolean;
  readonly ttl: number;
  readonly maxTtl: number | null;
}

/** What the token's policies allow. */
export interface Rights {
  readonly read: boolean;
  readonly renewLease: boolean;
  readonly lookupLease: boolean;
  readonly revokeLease: boolean;
  readonly renewSelf: boolean;
}

/** Of a user that was made to try it. */
export interface UserFacts {
  /** Until when Postgres lets it log in, and until when the lease was renewed; null is without end, or nobody could look. */
  readonly validFor: number | null;
  readonly leaseFor: number;
  readonly ownsWhatItCreates: boolean;
  readonly warnings: readonly string[];
  /** Of those that were made before it, and that cannot be dropped. */
  readonly owners: readonly Pick<OtherUser, "username" | "owned" | "ownedNames">[];
}

/** All that is known, by whatever way. null is not known. */
export interface Facts {
  readonly token: TokenFacts | null;
  readonly lease: LeaseFacts | null;
  readonly rights: Rights | null;
  readonly user: UserFacts | null;
  /** Of the database role. */
  readonly statements: { readonly creation: string; readonly revocation: string } | null;
}

export interface PlannedRotation {
  /** When the credential is read, from the beginning. */
  readonly readAt: number;
  /** A new token is logged in for first. */
  readonly login: boolean;
  /** When the next one is read; Infinity: no end of this one is known. */
  readonly rotationAt: number;
  /** What ends it, and when. */
  readonly because: "lease" | "token";
  readonly endsAt: number;
  /** When the last connection made with it has closed by itself, if the application hears in time. */
  readonly closedAt: number;
}

export interface Forecast {
  readonly lead: number;
  /** Two generations fit into the life of a credential (rule W2). */
  readonly fits: boolean;
  /** The life of a credential: what no renewal can pass. */
  readonly life: number;
  /** What a renewal asks for, which is how long the user of a vanished pod lives at most (rule R4). */
  readonly increment: number;
  /** From one renewal to the next; Infinity: it is not renewed. */
  readonly renewEvery: number;
  readonly rotations: readonly PlannedRotation[];
}

/** So many rotations from the moment 0 on; null where nothing is known of the lease. */
export function forecast(facts: Facts, policy: Policy, count: number): Forecast | null {
  if (facts.lease === null) return null;
  const { lease } = facts;
  const life = leaseLife(facts);
  const rotations: PlannedRotation[] = [];
  let token = tokenAt(0, facts);
  let first: Held | undefined;
  for (let now = 0; rotations.length < count && Number.isFinite(now); ) {
    const tokenPolicy = {
      lead: first === undefined ? 0 : leadFor(first, policy),
      jitter: policy.jitter,
      printsHorizon: false,
      backoff: { min: 0, max: 0 },
    };
    const login = rotations.length > 0 && (!serves(token, life, now) || loginDue(token, tokenPolicy) <= now);
    if (login) token = tokenAt(now, facts);
    const held = heldAt(now, lease, life, token);
    first ??= held;
    const rotationAt = rotationDue(held, policy);
    const because = held.tokenHorizon < held.horizon ? "token" : "lease";
    const heardAt = rotationAt + policy.preparation + policy.hearing;
    const endsAt = Math.min(held.horizon, held.tokenHorizon);
    rotations.push({ readAt: now, login, rotationAt, because, endsAt, closedAt: heardAt + settlingOf(policy) });
    now = rotationAt;
  }
  const lead = leadFor(first!, policy);
  const increment = incrementFor(lease.ttl, lead);
  const granted = Math.min(increment, life);
  return {
    lead,
    fits: leadFits(first!, policy),
    life: Math.min(life, tokenLife(facts)),
    increment,
    renewEvery: isRenewed(facts) ? renewalDue(0, granted, life, lead, policy.jitter) : Number.POSITIVE_INFINITY,
    rotations,
  };
}

/** What no renewal of the lease can pass. */
export function leaseLife({ lease, rights }: Facts): number {
  if (lease === null) return Number.POSITIVE_INFINITY;
  return lease.renewable && rights?.renewLease !== false ? (lease.maxTtl ?? Number.POSITIVE_INFINITY) : lease.ttl;
}

/** What no renewal of the token can pass. */
export function tokenLife({ rights, token }: Facts): number {
  if (token === null) return Number.POSITIVE_INFINITY;
  const renewed = token.renewable && token.type === "service" && rights?.renewSelf !== false;
  return renewed ? (token.maxTtl ?? Number.POSITIVE_INFINITY) : token.ttl;
}

// ---- internal ----

function isRenewed({ lease, rights }: Facts): boolean {
  return lease?.renewable === true && rights?.renewLease !== false;
}

function tokenAt(now: number, facts: Facts): HeldToken {
  const never = Number.POSITIVE_INFINITY;
  const horizon = now + tokenLife(facts);
  const duration = facts.token?.ttl ?? never;
  return {
    number: 1,
    loggedInAt: now,
    duration,
    expiry: now + duration,
    horizon,
    renewable: facts.token?.renewable ?? true,
    probeAt: never,
    renewAt: never,
    renewFailures: 0,
    refusals: 0,
  };
}

function heldAt(now: number, lease: LeaseFacts, life: number, token: HeldToken): Held {
  const never = Number.POSITIVE_INFINITY;
  return {
    id: 1,
    lease: "expected",
    user: "expected",
    readAt: now,
    duration: lease.ttl,
    expiry: now + lease.ttl,
    horizon: now + life,
    renewable: lease.renewable,
    token: 1,
    tokenExpiry: token.expiry,
    tokenHorizon: token.horizon,
    validUntil: never,
    probeAt: never,
    renewAt: never,
    renewals: 0,
    renewFailures: 0,
    verified: true,
  };
}
