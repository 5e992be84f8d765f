/**
 * A token's life, pure: the parent of the leases. It is renewed as they are; near its horizon a new one is logged in
 * for, and the old one stays alive until nothing depends on it, then it is revoked.
 *
 *   log in ─► active: renewed ─► (its time, or it does not last for a read) ─► older: renewed ─► childless ─► revoked
 */
import { describe, LesseeError } from "../errors.ts";
import { type BackoffPolicy, backoff, doubled, RENEWAL_BACKOFF } from "./backoff.ts";

export interface TokenPolicy {
  /** The longest lead of the credentials that are read with it. */
  readonly lead: number;
  readonly jitter: number;
  /** How long it can live at most is waited for. */
  readonly printsHorizon: boolean;
  readonly backoff: BackoffPolicy;
}

export interface HeldToken {
  /** Our own number for it, rising. */
  readonly number: number;
  readonly loggedInAt: number;
  /** As granted at the login; Infinity for a token without end. */
  readonly duration: number;
  readonly expiry: number;
  readonly horizon: number;
  readonly renewable: boolean;
  /** When it is asked how long it can live; Infinity when that is known. */
  readonly probeAt: number;
  readonly renewAt: number;
  readonly renewFailures: number;
  /** So many of these in a row were a no of a server that knows the token still. */
  readonly refusals: number;
}

export interface TokenState {
  readonly active: HeldToken | null;
  readonly older: readonly HeldToken[];
  /** Tokens that leases depend on, or reads that are under way. */
  readonly parents: ReadonlySet<number>;
  readonly login: { readonly failures: number; readonly retryAt: number };
  /** A new one is wanted whatever the times say. */
  readonly wanted: boolean;
  readonly stopping: boolean;
}

export type TokenLane = "login" | "keep";

export type TokenAction =
  | { readonly do: "log in" }
  | { readonly do: "probe"; readonly number: number }
  | { readonly do: "renew"; readonly number: number }
  | { readonly do: "revoke"; readonly number: number }
  | { readonly do: "wait"; readonly until: number }
  | { readonly do: "done" };

export type TokenOutcome =
  | { readonly is: "logged in"; readonly token: HeldToken }
  | { readonly is: "login failed"; readonly error: string; readonly retryAfter?: number }
  | {
      readonly is: "renewed";
      readonly number: number;
      readonly expiry: number;
      readonly horizon: number;
      readonly renewAt: number;
    }
  | {
      readonly is: "renewal failed";
      readonly number: number;
      readonly verdict: "lost" | "kept" | "unknown";
      readonly error: string;
      readonly retryAfter?: number;
    }
  /** Alive until `expiry`, and never renewable again. */
  | {
      readonly is: "renewal failed";
      readonly number: number;
      readonly verdict: "ended";
      readonly expiry: number;
      readonly error: string;
    }
  /** Null where nothing was found out; the first shortened renewal will tell then. */
  | {
      readonly is: "probed";
      readonly number: number;
      readonly found: { readonly expiry: number; readonly horizon: number } | null;
    }
  /** By a clock that has jumped it would end sooner. */
  | { readonly is: "looked up"; readonly number: number; readonly expiry: number }
  | { readonly is: "revoked"; readonly number: number }
  | { readonly is: "wanted" }
  | { readonly is: "woken" }
  | { readonly is: "parents"; readonly parents: ReadonlySet<number> }
  | { readonly is: "stop" };

export const NO_TOKEN: TokenState = {
  active: null,
  older: [],
  parents: new Set(),
  login: { failures: 0, retryAt: 0 },
  wanted: false,
  stopping: false,
};

const FAR = 10 * 60_000;
/** What is left is told in whole seconds. */
const TRUNCATION = 2_000;

export function decideToken(state: TokenState, lane: TokenLane, now: number, policy: TokenPolicy): TokenAction {
  if (state.stopping) return { do: "done" };
  return lane === "login" ? login(state, now, policy) : keep(state, now);
}

export function advanceToken(
  state: TokenState,
  outcome: TokenOutcome,
  now: number,
  policy: TokenPolicy,
  chance: number,
): TokenState {
  switch (outcome.is) {
    case "logged in":
      return {
        ...state,
        active: outcome.token,
        older: state.active === null ? state.older : [...state.older, state.active],
        login: { failures: 0, retryAt: now },
        wanted: false,
      };
    case "login failed": {
      const failures = state.login.failures + 1;
      return {
        ...state,
        login: { failures, retryAt: now + loginBackoff(policy.backoff, failures, chance, outcome.retryAfter) },
      };
    }
    case "renewed":
      return change(state, outcome.number, () => ({
        expiry: outcome.expiry,
        horizon: outcome.horizon,
        renewAt: outcome.renewAt,
        renewFailures: 0,
        refusals: 0,
      }));
    case "renewal failed":
      if (outcome.verdict === "lost") return drop(state, outcome.number);
      if (outcome.verdict === "ended") {
        if (outcome.expiry <= now) return drop(state, outcome.number);
        const { expiry } = outcome;
        return change(state, outcome.number, () => ({
          expiry,
          horizon: expiry,
          renewAt: Number.POSITIVE_INFINITY,
          renewFailures: 0,
          refusals: 0,
        }));
      }
      return change(state, outcome.number, (token) => ({
        renewFailures: token.renewFailures + 1,
        refusals: outcome.verdict === "kept" ? token.refusals + 1 : token.refusals,
        renewAt: now + backoff(RENEWAL_BACKOFF, token.renewFailures + 1, chance, outcome.retryAfter),
      }));
    case "probed": {
      // It lives as long as it can now; the renewal that follows at once brings it back to its rhythm.
      const { found } = outcome;
      const known = found === null ? {} : { ...found, renewAt: now };
      return change(state, outcome.number, () => ({ ...known, probeAt: Number.POSITIVE_INFINITY }));
    }
    case "looked up":
      return change(state, outcome.number, (token) => later(token, outcome.expiry - token.expiry));
    case "revoked":
      return drop(state, outcome.number);
    case "wanted":
      return { ...state, wanted: true };
    case "woken":
      return { ...state, login: { ...state.login, retryAt: Math.min(state.login.retryAt, now) } };
    case "parents":
      return { ...state, parents: outcome.parents };
    case "stop":
      return { ...state, stopping: true };
  }
}

/**
 * Whether a read under this token is worth while: a lease of `life` should not be cut short by its token when a new
 * login would give it longer. `life` is Infinity while it is not known.
 */
export function serves(token: HeldToken, life: number, now: number): boolean {
  const end = tokenEnd(token);
  const left = end - now;
  const fresh = end - token.loggedInAt;
  return left >= Math.min(life, 0.9 * fresh) || left === Number.POSITIVE_INFINITY;
}

/** How long it can live is not the last word yet, or it has not come back to its rhythm after that was found out. */
export function isAsked(token: HeldToken, now: number): boolean {
  return Number.isFinite(token.probeAt) || token.renewAt <= now;
}

/** Renewals that are refused so often, or that fail so often for whatever reason, are not counted on any more. */
const REFUSALS_GIVEN_UP = 2;
const FAILURES_GIVEN_UP = 6;

/** When it really ends, and all that was read with it: at its horizon, or at its expiry where its renewals keep failing. */
export function tokenEnd({ expiry, horizon, refusals, renewFailures }: HeldToken): number {
  return refusals >= REFUSALS_GIVEN_UP || renewFailures >= FAILURES_GIVEN_UP ? Math.min(horizon, expiry) : horizon;
}

/** When a new login is due for its own sake; Infinity while no end is known. */
export function loginDue(token: HeldToken, policy: TokenPolicy): number {
  const end = tokenEnd(token);
  if (end === Number.POSITIVE_INFINITY) return end;
  const life = end - token.loggedInAt;
  const lead = Math.max(policy.lead, Math.min(life / 10, 60_000));
  // Where two leads do not fit this is below 0, and what counts is the half of the life.
  const spread = (policy.jitter / 10) * (life - 2 * lead);
  return token.loggedInAt + Math.max(life - lead - spread, life / 2);
}

/** No other try brings another token, until somebody changes the role. */
export const COUNTED = "token-num-uses";

/** Why a failed login is the end of the agent, in words; null where it is tried again. */
export function endsLogin(error: unknown, isFirst: boolean, exitOnErr: boolean): string | null {
  if (isFirst && error instanceof LesseeError && error.code === COUNTED)
    return `no token that can be worked with: ${describe(error)}`;
  return exitOnErr ? `the login failed, and exit_on_err is set: ${describe(error)}` : null;
}

// ---- internal ----

/**
 * From three quarters of the doubled wait to one and a half of it: pods that were started together come apart with every
 * try. `min_backoff` is the least that is waited, `max_backoff` the most.
 */
function loginBackoff(policy: BackoffPolicy, failures: number, chance: number, retryAfter?: number): number {
  const middle = doubled(policy, failures);
  const least = Math.min(policy.max, Math.max(policy.min, 0.75 * middle));
  const most = Math.min(policy.max, 1.5 * middle);
  const wait = least + chance * (most - least);
  return retryAfter === undefined ? wait : Math.max(wait, backoff(policy, failures, chance, retryAfter));
}

function login(state: TokenState, now: number, policy: TokenPolicy): TokenAction {
  const due = state.active === null || state.wanted ? now : loginDue(state.active, policy);
  if (due > now) return wait(now, due);
  return state.login.retryAt <= now ? { do: "log in" } : wait(now, state.login.retryAt);
}

function keep(state: TokenState, now: number): TokenAction {
  const all = state.active === null ? state.older : [state.active, ...state.older];
  for (const token of all) {
    if (endDue(token) <= now) return { do: "renew", number: token.number };
  }
  for (const token of state.older) {
    if (!state.parents.has(token.number)) return { do: "revoke", number: token.number };
  }
  for (const token of all) {
    if (token.probeAt <= now) return { do: "probe", number: token.number };
    if (token.renewAt <= now) return { do: "renew", number: token.number };
  }
  return wait(now, ...all.flatMap((token) => [endDue(token), token.probeAt, token.renewAt]));
}

/** By our clock it ends then; the server is asked, because clocks jump (rule M13). */
function endDue(token: HeldToken): number {
  return token.renewFailures > 0 ? Math.max(token.expiry, token.renewAt) : token.expiry;
}

function wait(now: number, ...appointments: readonly number[]): TokenAction {
  return { do: "wait", until: Math.min(now + FAR, ...appointments.filter((at) => at > now)) };
}

function change(state: TokenState, number: number, changes: (token: HeldToken) => Partial<HeldToken>): TokenState {
  const changed = (token: HeldToken) => (token.number === number ? { ...token, ...changes(token) } : token);
  return { ...state, active: state.active && changed(state.active), older: state.older.map(changed) };
}

/** Where the server gives it so much longer, that time has not passed (rule M13). */
function later(token: HeldToken, by: number): Partial<HeldToken> {
  if (!(by > TRUNCATION)) return {};
  const { expiry, horizon, loggedInAt, renewAt } = token;
  return { loggedInAt: loggedInAt + by, expiry: expiry + by, horizon: horizon + by, renewAt: renewAt + by };
}

function drop(state: TokenState, number: number): TokenState {
  return {
    ...state,
    active: state.active?.number === number ? null : state.active,
    older: state.older.filter((token) => token.number !== number),
  };
}
