/**
 * When the application does not listen: whether that is so, and what is done about it and when (rule W5). The steps are
 * placed backwards from the old credential's end, so that they fit however late the application has heard, or if it
 * never does; each leaves the one before it time to work. Pure.
 *
 *   published ── hearing ──► told again ── … ── closing − hearing ──► told again ──► idle sessions ──► all ──► its end
 *                (it goes on as it did)                               └ closing                   └ margin ┘
 */
import { endOf, settlingOf } from "./schedule.ts";
import type { Current, Policy, Retiring, State } from "./state.ts";

const NEVER = Number.POSITIVE_INFINITY;
/** Idle sessions are looked for so often in the time that they have, but no more and no less often than this. */
const SWEEPS = 12;
const [QUICKEST_SWEEP, SLOWEST_SWEEP] = [50, 500];
/** A session that has rested for less may have been given out already. */
const SHORTEST_REST = 20;
const LONGEST_REST = 1_000;
/** Whole seconds are what the server counts in. */
const LAST_MOMENT = 1_000;

/** When sessions of a retiring user are ended: the idle ones, then the rest. Infinity where that is not wanted. */
export function sessionsEndAt(one: Retiring, policy: Policy): { readonly idle: number; readonly all: number } {
  // With drain = "terminate" as soon as the last of them should have closed by itself.
  const over = policy.terminates && one.heardAt !== null ? one.heardAt + settlingOf(policy) : NEVER;
  if (one.hasty) return { idle: NEVER, all: policy.observes ? hastyAt(one, policy) : NEVER };
  const all = Math.max(latest(one, endOf(one) - policy.margin, 0.75), untilClosed(one, LAST_MOMENT / 2, policy));
  const idle = Math.max(closing(one, policy), untilClosed(one, LAST_MOMENT, policy));
  return {
    idle: Math.min(over, isWanted("idle", policy) ? idle : NEVER),
    all: Math.min(over + policy.quietPeriod, isWanted("all", policy) ? all : NEVER),
  };
}

/**
 * When idle sessions are looked for next, and for how long one has to have rested then. Whoever has just put a session
 * back may be about to use it again, and no look shows a query that is on its way: those that have rested long go first.
 * The nearer the moment when all are ended, busy or not, the shorter a rest is long enough.
 */
export function sweepOf(one: Retiring, now: number, policy: Policy): { readonly at: number; readonly idleFor: number } {
  const { idle, all } = sessionsEndAt(one, policy);
  if (idle === NEVER) return { at: NEVER, idleFor: LONGEST_REST };
  const until = Math.min(all, endOf(one));
  const time = Math.max(until - idle, 1);
  const pause = Math.max(QUICKEST_SWEEP, Math.min(time / SWEEPS, SLOWEST_SWEEP));
  const left = Math.max(0, Math.min((until - now) / time, 1));
  const idleFor = Math.max(SHORTEST_REST, Math.min(time / 10, LONGEST_REST) * left ** 3);
  return { at: one.sweptAt === null ? idle : Math.max(idle, one.sweptAt + pause), idleFor };
}

/** When a hasty one has waited long enough: the application has heard, or has had the time to, and has read its file. */
export function hastyAt(one: Retiring, policy: Policy): number {
  return Math.max(one.heardAt ?? one.replacedAt + policy.hearing, one.replacedAt) + policy.readerGrace;
}

/** When an application that still uses the retiring user is told for the last time, whatever it has answered before. */
export function lastCallAt(one: Retiring, policy: Policy): number {
  return latest(one, closing(one, policy) - policy.hearing, 0.25);
}

/** Sessions are ended by their own user only, whose login may be refused by then (rule R8). */
export function needsOwnConnection(policy: Policy): boolean {
  return policy.observes && (policy.terminates || policy.escalate.includes("idle") || policy.escalate.includes("all"));
}

/** The retiring users that the application goes on using though it should have let go of them. */
export function stillUsed(state: State, now: number, policy: Policy): readonly Retiring[] {
  const { current } = state;
  if (current === null || current.lease === "") return [];
  return draining(state).filter((one) => {
    if (!policy.observes) return now >= expectedAt(current, policy);
    if (one.sessions === null || one.sessions === 0) return false;
    return one.lateAt !== null || now >= Math.min(expectedAt(current, policy), overAt(one, policy));
  });
}

/** Whether it is time to say that the application does not listen, or that it does again. */
export function changesHearing(state: State, now: number, policy: Policy): "not listening" | "listening" | null {
  if (state.stopping !== null) return null;
  const deaf = stillUsed(state, now, policy).length > 0;
  if (state.deafSince === null) return deaf ? "not listening" : null;
  const { current } = state;
  const uses = current !== null && (policy.observes ? (current.sessions ?? 0) > 0 : current.heardAt !== null);
  return !deaf && uses ? "listening" : null;
}

/** Who is to be told again because of whom: once when it does not listen, and once more before its sessions are ended. */
export function remindsOf(state: State, now: number, policy: Policy): Retiring | undefined {
  const { current } = state;
  const tells = policy.notifies && policy.escalate.includes("notify");
  if (!tells || state.stopping !== null || current === null || current.telling !== null) return undefined;
  return draining(state).find((one) => {
    if (policy.observes && !one.sessions) return false;
    if (one.remindedAt === null && state.deafSince !== null) return true;
    const lastCall = lastCallAt(one, policy);
    return lastCall <= now && (one.remindedAt ?? 0) < lastCall;
  });
}

/** Moments at which any of these answers may change by itself. */
export function escalationAppointments(state: State, policy: Policy): readonly number[] {
  const { current } = state;
  const expected = current === null ? NEVER : expectedAt(current, policy);
  return draining(state).flatMap((one) => {
    const { all } = sessionsEndAt(one, policy);
    return [expected, overAt(one, policy), lastCallAt(one, policy), sweepOf(one, NEVER, policy).at, all];
  });
}

/** A session of the old user that is opened so late after its successor was published was opened by a deaf reader. */
export function isLate(one: Retiring, now: number, policy: Policy): boolean {
  return now > one.replacedAt + policy.hearing + policy.readerGrace;
}

// ---- internal ----

/**
 * Who listens lets go of its old sessions one by one, and each that is ended before is a query lost: they are left to it
 * until they should be closed, or until so short a time before the server would end them. Who is not told has until then
 * to open a new one.
 */
function untilClosed(one: Retiring, before: number, policy: Policy): number {
  const heardBy = one.heardAt ?? (policy.notifies ? null : one.replacedAt + policy.hearing);
  if (one.lateAt !== null || heardBy === null || policy.connectionMaxLifetime === null) return 0;
  return Math.min(heardBy + settlingOf(policy), endOf(one) - before);
}

function draining(state: State): readonly Retiring[] {
  return state.retiring.filter((one) => one.step === "drain");
}

function isWanted(step: "idle" | "all", policy: Policy): boolean {
  return policy.observes && policy.escalate.includes(step);
}

function closing(one: Retiring, policy: Policy): number {
  return latest(one, endOf(one) - policy.margin - policy.quietPeriod, 0.5);
}

/** `at`, but never before this part of the time that there was for the change is over, however short that is. */
function latest(one: Retiring, at: number, part: number): number {
  return Math.max(at, one.replacedAt + part * Math.max(0, endOf(one) - one.replacedAt));
}

/** Until when an application that listens has taken the current one; one that is not told, when its connections are renewed. */
function expectedAt(current: Current, policy: Policy): number {
  if (current.heardAt !== null) return NEVER;
  if (policy.notifies) return current.publishedAt + policy.hearing;
  if (!policy.observes || policy.connectionMaxLifetime === null) return NEVER;
  return current.publishedAt + policy.hearing + settlingOf(policy);
}

/** When the last connection that was made with the old one should have closed by itself. */
function overAt(one: Retiring, policy: Policy): number {
  const known = one.heardAt !== null && policy.connectionMaxLifetime !== null;
  return known ? one.heardAt + settlingOf(policy) : NEVER;
}
