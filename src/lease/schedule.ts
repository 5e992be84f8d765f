/**
 * When things are due. Every formula about time is in here, so that the status page, `explain` and the lifecycle
 * cannot disagree. Pure; the rules are those of lease semantics (W1, W2, W5).
 */
import type { Held, Policy } from "./state.ts";
import type { Validity } from "./validity.ts";

const HOUR = 3_600_000;
/** The server cuts durations to whole seconds: less of a difference than this is no difference. */
const TRUNCATION = 1_000;
/** Soon, but not before the first publish: the application waits for that, and for this nobody does. */
const PROBE_AFTER = 1_000;
const PROBE_BY = 15_000;
/** A renewal is never due sooner than this after the one before. */
const MIN_RENEWAL_INTERVAL = 500;
/** No secret is read anew sooner than this after it was read. */
const MIN_REREAD_INTERVAL = 1_000;
/** A rotation of Vault's own that is late is looked for again after this, or sooner where it is not late by much. */
const ROTATION_OVERDUE = 10_000;
/** The most that the readers of a rotation are spread over: until then what they have is dead. */
const LONGEST_SPREAD = 2_000;

/** When the max TTL of what was granted at `sentAt` is asked for (rule M1): at once where the first publish waits for it. */
export function probeDue(sentAt: number, isAwaited: boolean): number {
  return isAwaited ? sentAt : sentAt + PROBE_AFTER;
}

/**
 * When it is asked for instead, while first credentials of others are on their way: two more requests for each of
 * hundreds would come between. Not for ever, as others may never come.
 */
export function probePutOff(readAt: number, now: number): number | null {
  return now < readAt + PROBE_BY ? now + PROBE_AFTER : null;
}

/** When it ends if nothing more succeeds: the lease's end, or its token's, or that of new logins. */
export function expiryOf(held: Held): number {
  return Math.min(held.expiry, held.tokenExpiry, held.validUntil);
}

/** What no renewal can pass; Infinity while no end is known. */
export function horizonOf(held: Held): number {
  return Math.min(held.horizon, held.tokenHorizon, held.validUntil);
}

/**
 * How long before its horizon a credential has to be replaced, so that every connection made with it has closed by
 * itself before it ends: preparation, until the application has heard, until its last reader has connected, the life
 * of that connection, its longest use, and a margin. Without a known lifetime a third of the credential's life, at most 1 h.
 */
export function leadOf(policy: Policy, life: number): number {
  if (policy.connectionMaxLifetime === null) return Math.min(life / 3, HOUR);
  return policy.preparation + policy.hearing + settlingOf(policy) + policy.margin;
}

/** From the moment when the application has heard until its last old connection has closed by itself. */
export function settlingOf(policy: Policy): number {
  return policy.readerGrace + (policy.connectionMaxLifetime ?? 0) + policy.longestUse;
}

/** The lead of a credential that is held. */
export function leadFor(held: Held, policy: Policy): number {
  return leadOf(policy, lifeOf(held));
}

/** Two generations fit: the horizon is two leads away from the read, or more (rule W2). */
export function leadFits(held: Held, policy: Policy): boolean {
  return lifeOf(held) >= 2 * leadFor(held, policy);
}

/**
 * When a candidate has to be published, whatever may follow: what comes after that has its part of the lead. At once
 * where nothing is in use; never, where what is in use has no end.
 */
export function publishBy(current: Held | null, policy: Policy): number {
  if (current === null) return Number.NEGATIVE_INFINITY;
  const lead = leadFor(current, policy);
  return endOf(current) - (policy.connectionMaxLifetime === null ? lead / 2 : lead - policy.preparation);
}

/** Renewals that fail so often are not counted on any more. */
const RENEWALS_GIVEN_UP = 2;

/** When it really ends: at its horizon, or at the lease's expiry where its renewals keep failing (the token has its own). */
export function endOf(held: Held): number {
  return held.renewFailures < RENEWALS_GIVEN_UP ? horizonOf(held) : Math.min(horizonOf(held), held.expiry);
}

/**
 * When the rotation begins; Infinity while no end is known. Never before half of the life is over: where the lead does
 * not fit it is the lead that is lost, not the budget (rule W2). The jitter only ever makes it earlier.
 */
export function rotationDue(held: Held, policy: Policy): number {
  if (held.rereadAt !== undefined) return held.rereadAt;
  const end = endOf(held);
  if (end === Number.POSITIVE_INFINITY) return end;
  const life = end - held.readAt;
  const lead = leadOf(policy, life);
  // Where two leads do not fit this is below 0, and what counts is the half of the life.
  const spread = (policy.jitter / 10) * (life - 2 * lead);
  return held.readAt + Math.max(life - lead - spread, life / 2);
}

/**
 * When a secret is read again that nobody can renew: at the threshold of the time that it is good for, and 5 % around
 * that by `chance`, so that a fleet does not ask at once. What Vault itself rotates is read just after that.
 */
export function rereadDue(readAt: number, good: Validity, policy: Policy, chance: number): number {
  if (good.until === "rotation") {
    const spread = Math.min(good.for / 20, LONGEST_SPREAD) * policy.jitter;
    return readAt + (good.for <= 0 ? lateRotationDue(good.late) : good.for + TRUNCATION) + spread;
  }
  const [length, age] =
    good.until === "unsaid" || good.for <= 0 ? [policy.staticInterval, 0] : [good.for, good.age ?? 0];
  const wanted = policy.renewalThreshold + (chance - 0.5) / 10;
  const part = wanted > 0 && wanted < 1 ? wanted : policy.renewalThreshold;
  // A server dates a new certificate back, by half a minute: that is no time in which anybody could have used it.
  const soonest = Math.min(part, 1 / 2) * length;
  return readAt + Math.max((age + length) * part - age, soonest, MIN_REREAD_INTERVAL);
}

/** What is read dies with the rotation: the later it is already, the longer it may still take. */
function lateRotationDue(late = 2 * ROTATION_OVERDUE): number {
  return Math.min(Math.max(late / 2, MIN_REREAD_INTERVAL), ROTATION_OVERDUE);
}

/** What to ask for at a renewal: as long as it was given for, and long enough that the lead always fits (rule W1). */
export function incrementFor(duration: number, lead: number): number {
  return Math.ceil(Math.max(duration, 1.5 * lead) / 1_000) * 1_000;
}

/** Fewer than asked for means that the max TTL was met (rule M1): the horizon is where the grant ends. */
export function horizonFrom(sentAt: number, asked: number, granted: number): number {
  return granted < asked - TRUNCATION ? sentAt + granted : Number.POSITIVE_INFINITY;
}

/**
 * When to renew what was granted at `sentAt`: at some 60 to 70 % of it, and no later than a lead before its end, so
 * that a renewal that comes back shortened still leaves the lead. Never, once the horizon is reached.
 */
export function renewalDue(sentAt: number, granted: number, horizon: number, lead: number, jitter: number): number {
  if (sentAt + granted >= horizon - TRUNCATION) return Number.POSITIVE_INFINITY;
  const usual = granted * (0.6 + jitter / 10);
  const latest = Math.max(granted - lead, granted / 3);
  return sentAt + Math.max(Math.min(usual, latest), MIN_RENEWAL_INTERVAL);
}

function lifeOf(held: Held): number {
  const horizon = horizonOf(held);
  return horizon === Number.POSITIVE_INFINITY
    ? Math.max(held.duration, expiryOf(held) - held.readAt)
    : horizon - held.readAt;
}

/** null in place of Infinity, as JSON and events have it. */
export function finite(time: number): number | null {
  return Number.isFinite(time) ? time : null;
}
