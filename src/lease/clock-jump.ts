/**
 * Our clock has jumped forward (rule M13): because the machine has slept, or because somebody has set it. Which of both,
 * only the server can say: what it still gives a lease more than we would is time that has not passed. Pure.
 */
import { changeAll } from "./change.ts";
import type { Outcome } from "./outcomes.ts";
import { allHeld, type Current, type State } from "./state.ts";

/** The server cuts what is left to whole seconds, and a request takes its time. */
const TOLERANCE = 2_000;

/** Its clock has jumped, and the server is to be asked first. */
export function isInDoubt(state: State): state is State & { readonly current: Current } {
  return state.jumpedAt !== null && state.current !== null && state.stopping === null;
}

/** Nothing is replaced for the time's sake until the server has been asked. */
export function clockJumped(state: State, now: number): State {
  return state.current === null || state.current.lease === "" ? state : { ...state, jumpedAt: now };
}

/** The server was asked, and has answered or not: then our own clock has to do. */
export function lookedUp(state: State, { id, left, sentAt }: Outcome & { is: "looked up" }): State {
  const known = allHeld(state).find((held) => held.id === id);
  // What was asked before the last jump does not answer for it.
  const isAnswered = state.jumpedAt === null || sentAt >= state.jumpedAt || known === undefined;
  const asked = isAnswered ? { ...state, jumpedAt: null } : state;
  const ahead = known === undefined || left === null ? 0 : sentAt + left - known.expiry;
  return ahead > TOLERANCE ? putOff(asked, ahead) : asked;
}

// ---- internal ----

/** Everything that was to come by our clock comes so much later. What ends the token is told by the token. */
function putOff(state: State, by: number): State {
  const later = changeAll(state, (held) => ({
    readAt: held.readAt + by,
    expiry: held.expiry + by,
    horizon: held.horizon + by,
    validUntil: held.validUntil + by,
    renewAt: held.renewAt + by,
  }));
  const retiring = later.retiring.map((one) => ({
    ...one,
    replacedAt: one.replacedAt + by,
    heardAt: one.heardAt === null ? null : one.heardAt + by,
  }));
  return { ...later, retiring };
}
