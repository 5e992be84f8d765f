/** How what is held goes out of use: replaced, refused before it was used, asked for no longer, or at the stop. */
import type { Outcome } from "./outcomes.ts";
import type { Candidate, Current, Held, Retiring, State, Stopping } from "./state.ts";

/** Sessions that were asked to end are gone so soon. */
const ENDING = 200;

export function stop(state: State, stopping: Stopping, now: number): State {
  const stopped: State = { ...state, stopping: state.stopping ?? stopping, wanted: null, watchAt: now };
  if (stopping.release === "never") return { ...stopped, candidate: null, current: null, retiring: [] };
  const retiring = allRetired(stopped, now);
  const ready =
    stopping.release === "always"
      ? retiring.map((one) => (one.step === "drain" ? { ...one, step: "release" as const } : one))
      : retiring;
  return { ...stopped, candidate: null, current: null, retiring: ready };
}

/** Whoever used it has been told by now of the files that are without it. */
export function unasked(state: State, now: number): State {
  const over = { candidate: null, current: null, wanted: null, hasty: false, deafSince: null };
  return { ...state, ...over, retiring: allRetired(state, now), unasked: true, watchAt: now };
}

export function retire(current: Current, now: number): Retiring {
  const { telling: _telling, reminders: _reminders, ...held } = current;
  return { ...retirement(held, now), step: "drain", publishedAt: held.publishedAt, sessions: held.sessions };
}

/** A server that has refused its renewals so far is not asked in a new rhythm for its release. */
export function drained(state: State, id: number, now: number): State {
  const retiring = state.retiring.map((one) =>
    one.id === id ? { ...one, step: "release" as const, failures: one.renewFailures, retryAt: now } : one,
  );
  return { ...state, retiring };
}

/** Whether they are gone is looked at soon, which is not put off by the next sweep and the one after that. */
export function terminated(state: State, { id, which }: Outcome & { is: "terminated" }, now: number): State {
  const soon = now + ENDING;
  const watchAt = which === "all" ? soon : Math.min(Math.max(state.watchAt, now), soon);
  const retiring = state.retiring.map((one) => (one.id === id ? { ...one, ended: which, sweptAt: now } : one));
  return { ...state, retiring, watchAt };
}

/** What was never published has no users: it may be given back at once. */
export function abandon(candidate: Candidate, now: number): Retiring {
  const { failingSince: _since, ...held } = candidate;
  return { ...retirement(held, now), step: "release", publishedAt: null };
}

export function retirement(held: Held, now: number): Omit<Retiring, "step" | "publishedAt"> {
  return {
    ...held,
    replacedAt: now,
    heardAt: null,
    quiet: null,
    sessions: null,
    lateAt: null,
    remindedAt: null,
    attached: false,
    hasty: false,
    ended: "none",
    sweptAt: null,
    failures: 0,
    retryAt: now,
  };
}

// ---- internal ----

/** All that has a lease, as nobody will be told of a successor: whoever used it has heard. */
function allRetired({ candidate, current, retiring }: State, now: number): readonly Retiring[] {
  const replaced = current !== null && current.lease !== "" ? [retire(current, now)] : [];
  const abandoned = candidate !== null && candidate.lease !== "" ? [abandon(candidate, now)] : [];
  return [...retiring, ...replaced, ...abandoned].map((one) => ({ ...one, heardAt: one.heardAt ?? now }));
}
