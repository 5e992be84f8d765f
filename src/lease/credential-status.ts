/** What a credential's state is to those who look at it from outside: status, metrics, readiness. Pure. */
import type { CredentialStatus, HeldStatus, NotListening } from "../status.ts";
import { budgetFree, limitOf } from "./budget.ts";
import { lastCallAt, stillUsed } from "./escalation.ts";
import { endOf, expiryOf, finite, horizonOf, leadFits, leadFor, rotationDue } from "./schedule.ts";
import { type Held, isRetiring, type Policy, type State, withinTheHour } from "./state.ts";

export function statusOf(
  path: string,
  state: State,
  policy: Policy,
  now: number,
  lastError: string | null,
): CredentialStatus {
  const { current, candidate } = state;
  const free = budgetFree(state, now, policy);
  return {
    path,
    current: current && describeHeld(current, policy),
    candidate: candidate && describeHeld(candidate, policy),
    retiring: state.retiring.map((held) => describeHeld(held, policy)),
    // Not before the max TTL is known, a second after the read: until then it would be the token's alone.
    rotationDue: current && !Number.isFinite(current.probeAt) ? finite(rotationDue(current, policy)) : null,
    lead: current === null ? 0 : leadFor(current, policy),
    margin: marginOf(current, policy, now),
    leadFits: current === null || current.lease === "" || leadFits(current, policy),
    rotations: state.rotations,
    newUsersLastHour: withinTheHour(state.issued, now).length,
    maxNewPerHour: limitOf(state, now, policy),
    budgetFreeAt: free > now ? free : null,
    lastError,
    ...(state.unasked && { unasked: true as const }),
    notListening: describeDeafness(state, policy, now),
  };
}

/** Less than nothing, and no renewal that fails can be afforded (rule W1). */
function marginOf(current: Held | null, policy: Policy, now: number): number | null {
  if (current === null || current.lease === "" || policy.connectionMaxLifetime === null) return null;
  return finite(expiryOf(current) - now - leadFor(current, policy));
}

function describeHeld(held: Held, policy: Policy): HeldStatus {
  const stage = isRetiring(held) ? "retiring" : "publishedAt" in held ? "current" : "candidate";
  const heardAt = "heardAt" in held ? (held.heardAt as number | null) : null;
  const observed = policy.observes || policy.notifies;
  return {
    stage,
    step: "step" in held ? String(held.step) : heardAt === null && observed ? "confirm" : "in use",
    user: held.user,
    lease: held.lease,
    readAt: held.readAt,
    publishedAt: "publishedAt" in held ? (held.publishedAt as number | null) : null,
    expiry: finite(expiryOf(held)) ?? Number.MAX_SAFE_INTEGER,
    horizon: finite(horizonOf(held)),
    renewable: held.renewable,
    renewals: held.renewals,
    verified: held.verified,
    heard: !observed ? "not observed" : heardAt === null ? "no" : "yes",
    owned: held.owned ?? null,
    sessions: "sessions" in held ? (held.sessions as number | null) : null,
  };
}

function describeDeafness(state: State, policy: Policy, now: number): NotListening | null {
  if (state.deafSince === null) return null;
  const [oldest] = stillUsed(state, now, policy);
  // Nothing is left of what it used, or it ends before it can be expected to change its mind.
  const urgent = oldest === undefined || now >= lastCallAt(oldest, policy);
  return {
    since: state.deafSince,
    user: oldest?.user ?? null,
    sessions: oldest?.sessions ?? null,
    ends: oldest === undefined ? null : finite(endOf(oldest)),
    urgent,
  };
}
