/**
 * A credential's life, whole and pure: what to do now. (advance.ts has what follows from what was done.)
 *
 *   read ─► candidate: verify ─► publish ─► current: notify ─► heard ─► (its time) ─► retiring: drain ─► release
 *                │ refused for good                  ▲ renewed all the while, as every lease that is held
 *                └────────────► retiring: release    └─ rotation due: the next candidate is read
 *
 * Three lanes decide apart from each other, so that a hook that hangs never delays a renewal: `issue` reads, `keep`
 * renews and releases, `apply` does all that concerns the application. Timers only wake a lane; it acts because
 * `decide` says so.
 *
 * What always holds (and is walked by test/lease/lifecycle.test.ts): a wait ends in the future and is finite; no two
 * failing calls at one instant; what the application uses is never released before it is drained; after a stop every
 * lane comes to `done`, and what is then held is held on purpose.
 */
import { budgetFree } from "./budget.ts";
import { isInDoubt } from "./clock-jump.ts";
import {
  changesHearing,
  escalationAppointments,
  hastyAt,
  needsOwnConnection,
  remindsOf,
  sessionsEndAt,
  sweepOf,
} from "./escalation.ts";
import type { Action, Lane } from "./outcomes.ts";
import { endOf, expiryOf, horizonOf, leadFor, rotationDue, settlingOf } from "./schedule.ts";
import type { Candidate, Current, Held, Policy, Retiring, State, Wanted } from "./state.ts";
import { allHeld, isRetiring, isSeen } from "./state.ts";
import { freeToAsk, REQUESTS } from "./trouble.ts";

/** Without a credential in use, a Postgres that cannot be asked holds the first one back no longer than this. */
const UNVERIFIED_PATIENCE = 30_000;
/** A lane without an appointment looks again after this. */
const FAR = 10 * 60_000;

export function decide(state: State, lane: Lane, now: number, policy: Policy): Action {
  switch (lane) {
    case "issue":
      return issue(state, now, policy);
    case "keep":
      return keep(state, now);
    case "apply":
      return apply(state, now, policy);
  }
}

/** Why a rotation is due at `now`, or null. */
export function dueBecause(
  state: State,
  now: number,
  policy: Policy,
): Wanted | "horizon" | "token" | "valid until" | "first" | null {
  if (state.current === null) return state.wanted ?? "first";
  if (state.wanted !== null) return state.wanted;
  if (rotationDue(state.current, policy) > now) return null;
  const horizon = horizonOf(state.current);
  if (endOf(state.current) < horizon) return "renewals ended";
  if (horizon === state.current.validUntil) return "valid until";
  return horizon === state.current.tokenHorizon ? "token" : "horizon";
}

// ---- the lanes -----------------------------------------------------------------------------------------------------

function issue(state: State, now: number, policy: Policy): Action {
  if (state.stopping !== null || isOver(state)) return { do: "done" };
  if (state.candidate !== null || state.unasked) return wait(now);
  if (dueBecause(state, now, policy) === null) return wait(now, rotationDue(state.current!, policy));
  // By a clock that has jumped; what is wanted whatever the times say is not put off.
  if (isInDoubt(state) && state.wanted === null) return wait(now);
  const free = freeToAsk(state.trouble, REQUESTS.read, now);
  const at = Math.max(state.read.retryAt, budgetFree(state, now, policy), free);
  return at <= now ? { do: "read" } : wait(now, at);
}

function keep(state: State, now: number): Action {
  const held = allHeld(state);
  for (const one of held) {
    if (!isKept(one) && expiryOf(one) <= now) return { do: "note", outcome: { is: "expired", id: one.id } };
  }
  const due = leaseCall(state, now);
  // On the way out there is only so much time, and that bounds it as well.
  const free = due === null || state.stopping !== null ? now : freeToAsk(state.trouble, REQUESTS[due.do], now);
  if (due !== null && free <= now) return due;
  if (isOver(state)) return { do: "done" };
  return wait(
    now,
    free,
    ...held.map((one) => (isKept(one) ? endDue(one) : expiryOf(one))),
    ...held.filter(isKept).flatMap((one) => [one.probeAt, one.renewAt]),
    ...state.retiring.filter((one) => one.step !== "drain").map((one) => one.retryAt),
  );
}

function leaseCall(
  state: State,
  now: number,
): { do: "look up" | "renew" | "probe" | "release" | "check release"; id: number } | null {
  if (isInDoubt(state)) return { do: "look up", id: state.current.id };
  for (const one of allHeld(state).filter(isKept)) {
    const { id } = one;
    if (endDue(one) <= now) return { do: "renew", id };
    if (one.probeAt <= now) return { do: "probe", id };
    if (one.renewAt <= now && one.renewAt < expiryOf(one)) return { do: "renew", id };
  }
  const given = state.retiring.find((one) => one.step !== "drain" && one.retryAt <= now);
  return given === undefined ? null : { do: given.step === "check" ? "check release" : "release", id: given.id };
}

function apply(state: State, now: number, policy: Policy): Action {
  const { candidate, current, stopping } = state;
  if (isOver(state)) return { do: "done" };
  const left = stopping && leftAt(stopping.until, state, now, policy);
  if (left) return { do: "note", outcome: { is: "left", id: left.id } };
  if (candidate?.step === "verify") {
    if (goesUnverified(candidate, current, now, policy))
      return { do: "note", outcome: { is: "verification given up", id: candidate.id } };
    if (candidate.retryAt <= now) return { do: "verify", id: candidate.id };
  }
  if (candidate?.step === "horizon" && candidate.retryAt <= now)
    return { do: "note", outcome: { is: "horizon given up", id: candidate.id } };
  if (candidate?.step === "publish" && candidate.retryAt <= now) return { do: "publish", id: candidate.id };
  if (stopping === null && current?.telling && current.telling.retryAt <= now) return { do: "notify", id: current.id };
  const hearing = changesHearing(state, now, policy);
  if (hearing !== null) return { do: "note", outcome: { is: hearing } };
  const reminds = remindsOf(state, now, policy);
  if (reminds !== undefined) return { do: "note", outcome: { is: "reminded", id: reminds.id } };
  for (const one of state.retiring) {
    if (one.step !== "drain") continue;
    if (isDrained(one, state, now, policy)) return { do: "note", outcome: { is: "drained", id: one.id } };
    const ends = endsSessions(one, now, policy);
    if (ends !== null) return { do: "terminate", id: one.id, ...ends };
  }
  const unattached = state.retiring.filter((one) => isUnattached(one, state, policy));
  const attachable = unattached.find((one) => one.retryAt <= now);
  if (attachable !== undefined) return { do: "attach", id: attachable.id };
  const watches = policy.observes && wantsWatch(state);
  if (watches && state.watchAt <= now) return { do: "watch" };
  return wait(
    now,
    candidate?.retryAt,
    current?.telling?.retryAt,
    watches ? state.watchAt : undefined,
    stopping?.until,
    ...unattached.map((one) => one.retryAt),
    ...state.retiring.map((one) => (one.step === "drain" ? waitedOut(one, policy) : undefined)),
    ...state.retiring.map((one) => (one.hasty ? hastyAt(one, policy) : undefined)),
    ...escalationAppointments(state, policy),
  );
}

// ---- the questions -------------------------------------------------------------------------------------------------

/**
 * All of rule W3: settled since published and since heard, and nobody seen for the whole quiet period. When the pod
 * stops the application stops too, and nobody is left to read an old file: then the quiet period is enough.
 */
function isDrained(one: Retiring, state: State, now: number, policy: Policy): boolean {
  if (one.hasty && hastyAt(one, policy) <= now && (!policy.observes || one.ended === "all" || one.sessions === 0))
    return true;
  if (!isSeen(one, policy)) return !isInDoubt(state) && waitedOut(one, policy) <= now;
  const settled =
    state.stopping !== null ||
    (one.heardAt !== null && now >= one.heardAt + policy.readerGrace && now >= one.replacedAt + policy.readerGrace);
  return settled && one.quiet !== null && one.quiet.looks >= 3 && now - one.quiet.since >= policy.quietPeriod;
}

/** Where sessions cannot be seen: a known lifetime after it was heard; never without one, and never at an exit. */
function waitedOut(one: Retiring, policy: Policy): number {
  if (isSeen(one, policy) || one.heardAt === null || policy.connectionMaxLifetime === null || one.publishedAt === null)
    return Number.POSITIVE_INFINITY;
  return Math.max(one.heardAt, one.replacedAt) + settlingOf(policy) + policy.margin;
}

/** What a stop leaves alive: all that is held when its time is over, and before that what waiting cannot change. */
function leftAt(until: number, state: State, now: number, policy: Policy): Held | undefined {
  if (until <= now) return allHeld(state)[0];
  return state.retiring.find((one) => one.step === "drain" && !isSeen(one, policy) && waitedOut(one, policy) > until);
}

/** The old sessions' time is over, and they are still there; where they cannot be seen, they may be. */
function endsSessions(one: Retiring, now: number, policy: Policy): { readonly idleFor: number | null } | null {
  if (one.ended === "all" || one.sessions === 0) return null;
  if (sessionsEndAt(one, policy).all <= now) return { idleFor: null };
  const { at, idleFor } = sweepOf(one, now, policy);
  return at <= now ? { idleFor } : null;
}

function isUnattached(one: Retiring, state: State, policy: Policy): boolean {
  return one.step === "drain" && !one.attached && state.stopping === null && needsOwnConnection(policy);
}

/** Sessions are of interest until the application has taken the current one and every older one is drained. */
function wantsWatch(state: State): boolean {
  return (
    state.look ||
    state.deafSince !== null ||
    state.retiring.some((one) => one.step === "drain") ||
    (state.current !== null && state.current.lease !== "" && state.current.heardAt === null)
  );
}

/** Postgres cannot be asked, and waiting longer would eat the lead of the one in use (DESIGN §8.6). */
function goesUnverified(candidate: Candidate, current: Current | null, now: number, policy: Policy): boolean {
  if (candidate.failures === 0 || candidate.failingSince !== null) return false;
  if (current === null) return now - candidate.readAt >= UNVERIFIED_PATIENCE;
  return now >= horizonOf(current) - leadFor(current, policy) / 2;
}

/** By our clock it ends then; the server is asked, because clocks jump and what still works is not given up (rule M13). */
function endDue(one: Held): number {
  return one.renewFailures > 0 ? Math.max(one.expiry, one.renewAt) : one.expiry;
}

function isOver(state: State): boolean {
  return (state.stopping !== null || state.unasked) && !state.reading && allHeld(state).length === 0;
}

/** Renewed as long as somebody may use it. */
function isKept(held: Held): boolean {
  return !isRetiring(held) || held.step === "drain";
}

/** The earliest appointment that is ahead; never now, never for ever. */
function wait(now: number, ...appointments: readonly (number | undefined)[]): Action {
  const ahead = appointments.map((at = now) => at).filter((at) => at > now);
  return { do: "wait", until: Math.min(now + FAR, ...ahead) };
}
