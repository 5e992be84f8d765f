/** Changes to a State, addressed by the number of what is held. Whoever is no longer held is not changed. */
import type { Grant } from "./outcomes.ts";
import type { Candidate, Current, Held, Retiring, State } from "./state.ts";

export function changeCandidate(state: State, id: number, changes: Partial<Candidate>): State {
  return state.candidate?.id === id ? { ...state, candidate: { ...state.candidate, ...changes } } : state;
}

export function changeCurrent(state: State, id: number, changes: Partial<Current>): State {
  return state.current?.id === id ? { ...state, current: { ...state.current, ...changes } } : state;
}

export function changeRetiring(state: State, id: number, changes: Partial<Retiring>): State {
  return { ...state, retiring: state.retiring.map((one) => (one.id === id ? { ...one, ...changes } : one)) };
}

export function change(state: State, id: number, changes: (held: Held) => Partial<Held>): State {
  return changeAll(state, (held) => (held.id === id ? changes(held) : {}));
}

export function changeAll(state: State, changes: (held: Held) => Partial<Held>): State {
  return {
    ...state,
    candidate: state.candidate && { ...state.candidate, ...changes(state.candidate) },
    current: state.current && { ...state.current, ...changes(state.current) },
    retiring: state.retiring.map((one) => ({ ...one, ...changes(one) })),
  };
}

export function drop(state: State, id: number): State {
  return {
    ...state,
    candidate: state.candidate?.id === id ? null : state.candidate,
    current: state.current?.id === id ? null : state.current,
    retiring: state.retiring.filter((one) => one.id !== id),
  };
}

/** What was granted, under its number. */
export function hold(id: number, grant: Grant): Held {
  return { ...grant, id, validUntil: Number.POSITIVE_INFINITY, renewals: 0, renewFailures: 0, verified: false };
}
