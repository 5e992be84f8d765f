/** What follows from what was done: the second half of a credential's life (lifecycle.ts has the first, and the drawing). */
import { backoff, LOCAL_BACKOFF, pace, READ_BACKOFF, RENEWAL_BACKOFF } from "./backoff.ts";
import { issuedAt, unclearLeft } from "./budget.ts";
import { change, changeAll, changeCandidate, changeCurrent, changeRetiring, drop, hold } from "./change.ts";
import { clockJumped, lookedUp } from "./clock-jump.ts";
import { printedAnew, readied, settle, settled } from "./ends.ts";
import { heard, reminded, seeValidity, watched } from "./hearing.ts";
import type { Grant, Outcome } from "./outcomes.ts";
import { abandon, drained, retire, retirement, stop, terminated, unasked } from "./retirement.ts";
import type { Candidate, Current, Policy, Retiring, State, Wanted } from "./state.ts";
import { allHeld, withinTheHour } from "./state.ts";
import { troubleAfter } from "./trouble.ts";

/** A candidate that Postgres refuses is tried again for so long: a replica may lag behind (rule W9). */
const REFUSAL_PATIENCE = 30_000;
/** Looking again whether a release has come to its end. */
const RELEASE_CHECK = 1_500;
/** A hook that cannot work until somebody changes something is tried again this seldom. */
const HOPELESS_RETRY = 60_000;
const UNTRIED = { step: "verify", failures: 0, failingSince: null } as const;
/** The server cuts durations to seconds; a grant that passes a known max TTL by more means that it was raised. */
const HORIZON_TOLERANCE = 2_000;

/** `chance` is from 0 to 1; it only ever moves a retry. */
export function advance(state: State, outcome: Outcome, now: number, policy: Policy, chance: number): State {
  const next = settle(follow(state, outcome, now, policy, chance), now, policy);
  const trouble = troubleAfter(state.trouble, outcome, now);
  return trouble === next.trouble ? next : { ...next, trouble };
}

function follow(state: State, outcome: Outcome, now: number, policy: Policy, chance: number): State {
  switch (outcome.is) {
    case "asking":
      return state;
    case "reading":
      return { ...state, reading: true };
    case "read":
      return taken(state, outcome.grant, now, policy);
    case "read failed": {
      const failures = state.read.failures + 1;
      const { mayHaveIssued } = outcome;
      const counted = mayHaveIssued ? { ...state, ...issuedAt(state, now, true) } : state;
      const paced = mayHaveIssued ? pace(unclearLeft(counted, policy)) : 0;
      const retryAt = now + Math.max(backoff(READ_BACKOFF, failures, chance, outcome.retryAfter), paced);
      return { ...counted, reading: false, read: { failures, retryAt, unclear: state.read.unclear || mayHaveIssued } };
    }
    case "adopted":
      return adopted(state, outcome, now, policy);
    case "renewed": {
      const renewed = change(state, outcome.id, (held) => ({
        expiry: outcome.expiry,
        horizon: Math.min(
          outcome.horizon,
          outcome.expiry > held.horizon + HORIZON_TOLERANCE ? Number.POSITIVE_INFINITY : held.horizon,
        ),
        renewAt: outcome.renewAt,
        renewals: held.renewals + 1,
        renewFailures: 0,
      }));
      return { ...renewed, look: true, watchAt: now };
    }
    case "renewal failed":
      return renewalFailed(state, outcome, now, chance);
    case "probed": {
      // It lives as long as it can now; the renewal that follows at once brings it back to its rhythm (rule R4).
      const { found } = outcome;
      const known = found === null ? {} : { ...found, renewAt: now };
      return change(state, outcome.id, () => ({ ...known, probeAt: Number.POSITIVE_INFINITY }));
    }
    case "clock jumped":
      return clockJumped(state, now);
    case "looked up":
      return outcome.left === 0 ? lose(lookedUp(state, outcome), outcome.id) : lookedUp(state, outcome);
    case "probe put off":
      return change(state, outcome.id, () => ({ probeAt: outcome.until }));
    case "token renewed":
      return changeAll(state, (held) =>
        held.token === outcome.token
          ? { tokenExpiry: outcome.expiry, tokenHorizon: outcome.horizon, tokenAsked: outcome.asked }
          : {},
      );
    case "renewals forbidden": {
      const never = Number.POSITIVE_INFINITY;
      return changeAll(state, (held) =>
        held.token === outcome.token && held.renewable
          ? { renewable: false, horizon: Math.min(held.horizon, held.expiry), probeAt: never, renewAt: never }
          : {},
      );
    }
    case "token lost":
      return allHeld(state)
        .filter((held) => held.token === outcome.token && held.lease !== "")
        .reduce((rest, held) => lose(rest, held.id), state);
    case "verified":
      return verified(state, outcome, now, policy);
    case "verification failed":
      return verificationFailed(state, outcome, now, chance);
    case "verification given up":
      return forward(state, outcome.id, (candidate) => readied(candidate, now, policy));
    case "horizon given up":
      return forward(state, outcome.id, (candidate) => settled(candidate, now, policy));
    case "reconnected":
      return { ...state, retiring: state.retiring.map((one) => ({ ...one, attached: false })) };
    case "templates changed":
      return printedAnew(state, policy);
    case "published":
      return published(state, outcome.id, outcome.tell, now, policy);
    case "publish waits":
      return changeCandidate(state, outcome.id, { retryAt: Math.min(outcome.until, now + LOCAL_BACKOFF.max) });
    case "publish failed": {
      const failures = (state.candidate?.failures ?? 0) + 1;
      return changeCandidate(state, outcome.id, { failures, retryAt: now + backoff(LOCAL_BACKOFF, failures, chance) });
    }
    case "notified":
      return heard(changeCurrent(state, outcome.id, { telling: null }), now);
    case "notify failed": {
      const failures = (state.current?.telling?.failures ?? 0) + 1;
      const wait = outcome.permanent ? HOPELESS_RETRY : backoff(LOCAL_BACKOFF, failures, chance);
      return changeCurrent(state, outcome.id, { telling: { failures, retryAt: now + wait } });
    }
    case "watched":
      return watched(state, outcome.roles, now, policy);
    case "watch failed": {
      const watchFailures = state.watchFailures + 1;
      const blind = { ...state, watchFailures, watchAt: now + backoff(LOCAL_BACKOFF, watchFailures, chance) };
      return { ...blind, retiring: blind.retiring.map((held) => ({ ...held, quiet: null, sessions: null })) };
    }
    case "attached":
      return changeRetiring(state, outcome.id, { attached: true, failures: 0 });
    case "attach failed": {
      const failures = (state.retiring.find((held) => held.id === outcome.id)?.failures ?? 0) + 1;
      return changeRetiring(state, outcome.id, { failures, retryAt: now + backoff(RENEWAL_BACKOFF, failures, chance) });
    }
    case "not listening":
      return { ...state, deafSince: now };
    case "listening":
      return { ...state, deafSince: null };
    case "reminded":
      return reminded(state, now);
    case "terminated":
      return terminated(state, outcome, now);
    case "release asked":
      return changeRetiring(state, outcome.id, { step: "check", retryAt: now + RELEASE_CHECK });
    case "release failed": {
      const failures = (state.retiring.find((held) => held.id === outcome.id)?.failures ?? 0) + 1;
      return changeRetiring(state, outcome.id, {
        step: "release",
        failures,
        retryAt: now + backoff(RENEWAL_BACKOFF, failures, chance, outcome.retryAfter),
      });
    }
    case "drained":
      return drained(state, outcome.id, now);
    case "released":
    case "left":
      return drop(state, outcome.id);
    case "expired":
      return lose(state, outcome.id);
    case "woken":
      return state.candidate?.step === "publish" ? changeCandidate(state, state.candidate.id, { retryAt: now }) : state;
    case "rotation asked":
      return rotationAsked(state, outcome.hasty ?? false);
    case "unasked":
      return unasked(state, now);
    case "asked again":
      return { ...state, unasked: false };
    case "stop":
      return stop(state, outcome.stopping, now);
  }
}

// ---- what follows --------------------------------------------------------------------------------------------------

function taken(state: State, grant: Grant, now: number, policy: Policy): State {
  const fresh: Candidate = { ...hold(state.nextId, grant), ...UNTRIED, retryAt: now };
  const candidate = policy.verifies && grant.lease !== "" ? fresh : readied(fresh, now, policy);
  const leased = grant.lease !== "";
  const next: State = {
    ...state,
    reading: false,
    nextId: state.nextId + 1,
    wanted: null,
    ...(leased && grant.user !== null && issuedAt(state, now, false)),
    read: { failures: 0, retryAt: now, unclear: false },
  };
  if (state.stopping === null && !state.unasked) return { ...next, candidate };
  // It came too late: nobody will use it.
  const kept = leased && state.stopping?.release !== "never";
  return kept ? { ...next, retiring: [...state.retiring, abandon(candidate, now)] } : next;
}

/** The current one of an earlier process has to stand in the files still: it is published again, which writes nothing then. */
function adopted(state: State, outcome: Outcome & { is: "adopted" }, now: number, policy: Policy): State {
  const held = { ...hold(state.nextId, outcome.grant), verified: true };
  const next = { ...state, nextId: state.nextId + 1 };
  if (outcome.stage === "current") {
    return { ...next, candidate: readied({ ...held, ...UNTRIED, retryAt: now }, now, policy) };
  }
  const { publishedAt } = outcome;
  const old: Retiring = { ...retirement(held, now), step: publishedAt === null ? "release" : "drain", publishedAt };
  return { ...next, retiring: [...state.retiring, old] };
}

function verified(state: State, outcome: Outcome & { is: "verified" }, now: number, policy: Policy): State {
  const { blind = false, id, validFor } = outcome;
  const proven = changeCandidate(state, id, { verified: true, blind });
  return forward(seeValidity(proven, id, validFor, now), id, (candidate) => readied(candidate, now, policy));
}

function forward(state: State, id: number, step: (candidate: Candidate) => Candidate): State {
  return state.candidate?.id === id ? { ...state, candidate: step(state.candidate) } : state;
}

function published(state: State, id: number, tell: boolean, now: number, policy: Policy): State {
  if (state.candidate?.id !== id) return state;
  const { step: _step, failures: _failures, failingSince: _since, retryAt: _retryAt, ...held } = state.candidate;
  const current: Current = {
    ...held,
    publishedAt: now,
    heardAt: null,
    telling: tell && policy.notifies ? { failures: 0, retryAt: now } : null,
    reminders: 0,
    sessions: null,
  };
  const { hasty } = state;
  const replaced =
    state.current !== null && state.current.lease !== "" ? [{ ...retire(state.current, now), hasty }] : [];
  const rotations = state.rotations + replaced.length;
  return {
    ...state,
    candidate: null,
    current,
    retiring: [...state.retiring, ...replaced],
    hasty: false,
    rotations,
    watchAt: now,
    watchFailures: 0,
  };
}

/** What is on its way already is as good as what was asked for; none is made beside it. */
function rotationAsked(state: State, hasty: boolean): State {
  const onItsWay = state.candidate !== null || state.reading;
  const retiring = hasty ? state.retiring.map((one) => ({ ...one, hasty })) : state.retiring;
  return { ...state, retiring, hasty: state.hasty || hasty, wanted: onItsWay ? state.wanted : "asked for" };
}

function renewalFailed(state: State, outcome: Outcome & { is: "renewal failed" }, now: number, chance: number): State {
  const known = outcome.expiry ?? allHeld(state).find((one) => one.id === outcome.id)?.expiry ?? now;
  // What cannot be renewed, and is known to last no longer, is lost as well.
  if (outcome.verdict === "lost" || (outcome.verdict === "ended" && known <= now)) return lose(state, outcome.id);
  if (outcome.verdict === "ended") {
    const wanted = state.current?.id === outcome.id ? "renewals ended" : state.wanted;
    return {
      ...change(state, outcome.id, () => ({
        renewAt: Number.POSITIVE_INFINITY,
        renewFailures: 0,
        horizon: known,
        expiry: known,
      })),
      wanted,
    };
  }
  return change(state, outcome.id, (held) => ({
    expiry: outcome.expiry ?? held.expiry,
    renewFailures: held.renewFailures + 1,
    renewAt: now + backoff(RENEWAL_BACKOFF, held.renewFailures + 1, chance, outcome.retryAfter),
  }));
}

/** Refused by Postgres for good: given back and asked for anew, but once an hour at most (rule W9). */
function verificationFailed(
  state: State,
  outcome: Outcome & { is: "verification failed" },
  now: number,
  chance: number,
): State {
  const candidate = state.candidate;
  if (candidate?.id !== outcome.id) return state;
  const failingSince = outcome.blames === "server" ? null : (candidate.failingSince ?? now);
  const rejected = withinTheHour(state.rejected, now);
  if (failingSince !== null && now - failingSince >= REFUSAL_PATIENCE && rejected.length === 0) {
    const retiring = [...state.retiring, abandon(candidate, now)];
    return { ...state, candidate: null, retiring, rejected: [now], wanted: state.current === null ? null : "rejected" };
  }
  const failures = candidate.failures + 1;
  return {
    ...state,
    candidate: { ...candidate, failures, failingSince, retryAt: now + backoff(LOCAL_BACKOFF, failures, chance) },
  };
}

/** It has ended, whoever ended it. The current one has to be replaced at once, within the budget. */
function lose(state: State, id: number): State {
  const wanted: Wanted | null = state.current?.id === id && state.stopping === null ? "lost" : state.wanted;
  return { ...drop(state, id), wanted };
}
