/**
 * What templates may print of a credential's end. It is settled before the first publish and stays as it is: a renewal
 * that moved it would write files and run hooks for nothing. Pure.
 */
import type { Ends } from "../vault/secret.ts";
import { changeCurrent } from "./change.ts";
import { finite, horizonOf } from "./schedule.ts";
import type { Candidate, Held, Policy, State } from "./state.ts";

/** What no renewal can pass is not waited for longer than this. */
const PATIENCE = 5_000;

/** To be published: at once, or when it is known how long it can live, where that is to be printed. */
export function readied(candidate: Candidate, now: number, policy: Policy): Candidate {
  const ready = { ...candidate, failures: 0 };
  return policy.printsHorizon && candidate.ends?.horizon === undefined && isAsked(candidate)
    ? { ...ready, step: "horizon", retryAt: now + PATIENCE }
    : settled(ready, now, policy);
}

/** To be published, whatever is known of its end. */
export function settled(candidate: Candidate, now: number, policy: Policy): Candidate {
  return { ...candidate, step: "publish", failures: 0, retryAt: now, ...endsOf(candidate, policy) };
}

/** What was waited for may be known now. */
export function settle(state: State, now: number, policy: Policy): State {
  const { candidate } = state;
  if (candidate?.step !== "horizon" || isAsked(candidate)) return state;
  return { ...state, candidate: settled(candidate, now, policy) };
}

/** Other templates may print what those before them did not. */
export function printedAnew(state: State, policy: Policy): State {
  const { current } = state;
  return current === null ? state : changeCurrent(state, current.id, endsOf(current, policy));
}

// ---- internal ----

/** Somebody is finding out how long it can live. */
function isAsked(held: Held): boolean {
  return Number.isFinite(held.probeAt) || held.tokenAsked === true;
}

/** Every lease has a max TTL: while that is not known, its token's may be days too late. */
function knownHorizon(held: Held): number | null {
  return isAsked(held) || !Number.isFinite(held.horizon) ? null : finite(horizonOf(held));
}

function endsOf(held: Held, policy: Policy): { readonly ends?: Ends } {
  if (held.lease === "") return {};
  const { expiry, horizon } = held.ends ?? { expiry: Math.min(held.readAt + held.duration, held.tokenExpiry) };
  if (held.ends !== undefined && (horizon !== undefined || !policy.printsHorizon)) return {};
  return { ends: policy.printsHorizon ? { expiry, horizon: knownHorizon(held) } : { expiry } };
}
