/** Keeps the sidecar logged in: runs token.ts's lanes against the server, and lends the token to those who read. */
import type { Random } from "../../ports.ts";
import type { Sensitive } from "../../sensitive.ts";
import type { TokenStatus } from "../../status.ts";
import type { Outcome } from "../outcomes.ts";
import { finite } from "../schedule.ts";
import {
  advanceToken,
  decideToken,
  type HeldToken,
  isAsked,
  NO_TOKEN,
  serves,
  type TokenAction,
  type TokenLane,
  type TokenOutcome,
  type TokenState,
  tokenEnd,
} from "../token.ts";
import { createPulse, either, runLane } from "./lane.ts";
import { createTokenOperations, type TokenOperationsDeps } from "./token-operations.ts";

export interface TokensDeps extends TokenOperationsDeps {
  readonly random: Random;
  /** A new token is active. */
  onLogin(session: Session): void;
  /** The times of a token have changed, or it has ended. */
  onChange(change: TokenChange): void;
}

/** A token as a parent of leases. */
export interface Session {
  readonly number: number;
  readonly token: Sensitive<string>;
  readonly expiry: number;
  readonly horizon: number;
  /** How long it can live is being asked for still. */
  readonly asked: boolean;
}

/** Somebody else's need of a token of ours. */
export interface Hold {
  readonly lost: AbortSignal;
  release(): void;
}

/** What becomes of a token, for whatever is held under it. */
export type TokenChange = Extract<Outcome, { readonly is: "token renewed" | "token lost" }>;

export interface Tokens {
  /** Runs until `stop`. */
  run(): Promise<void>;
  /**
   * The active token, if a lease of `life` under it would not be cut short by it; else the next one, once it is
   * there. Until `giveBack` it counts as a parent. Rejects only when `signal` aborts.
   */
  borrow(life: number, signal: AbortSignal): Promise<Session>;
  giveBack(session: Session): void;
  /** The same session as it is now; as it was where its token has ended. */
  renewed(session: Session): Session;
  /** The active token at this moment, for whoever asks on behalf of somebody else; null while there is none. */
  current(): Sensitive<string> | null;
  /** Until `release` the token counts as a parent; `lost` aborts when it has ended. Nothing for one that is not ours. */
  hold(token: Sensitive<string>): Hold;
  /** The token was refused: log in anew, in the ordinary rhythm. */
  refused(session: Session): void;
  /** The token with this number, if it is still alive. */
  tokenOf(number: number): Sensitive<string> | undefined;
  setParents(numbers: Iterable<number>): void;
  /** A file that the method reads has changed: a failed login is worth trying again now. */
  wake(): void;
  /** Asks how long it lives by the server's clock, once for all who ask at a time; never rejects. */
  lookUp(number: number): Promise<void>;
  /** It may not be renewed: it ends when it does now, and what was read with it. */
  endRenewals(number: number): void;
  /** The credentials have been replaced: log in anew with those that are there now. */
  renew(): void;
  /** Takes a token up that an earlier process had; null when the server no longer knows it. Rejects where it does not say. */
  adopt(token: Sensitive<string>): Promise<Session | null>;
  stop(): void;
  /** The last act: revokes what is still alive, children and all. */
  revokeAll(): Promise<void>;
  status(): TokenStatus | null;
}

export function createTokens(deps: TokensDeps): Tokens {
  const { clock } = deps;
  const pulse = createPulse();
  const operations = createTokenOperations(deps);
  const borrowed = new Map<number, number>();
  const held = new Map<number, AbortController>();
  const lookups = new Map<number, Promise<void>>();
  let state: TokenState = NO_TOKEN;
  let parents: ReadonlySet<number> = new Set();
  const stopping = new AbortController();

  function apply(outcome: TokenOutcome): void {
    const now = clock.now();
    state = advanceToken(state, outcome, now, deps.policy(), deps.random());
    switch (outcome.is) {
      case "logged in":
        deps.onLogin(sessionOf(outcome.token));
        break;
      case "login failed": {
        const { error } = outcome;
        deps.emit({
          is: "login failed",
          method: deps.methodName,
          mount: deps.mountPath,
          error,
          retryIn: state.login.retryAt - now,
        });
        break;
      }
      case "renewed":
      case "probed":
      case "looked up":
        tellTimes(outcome.number);
        break;
      case "renewal failed": {
        const kept = find(outcome.number);
        const retryIn = kept === undefined ? null : finite(kept.renewAt - now);
        deps.emit({ is: "token renewal failed", error: outcome.error, lost: kept === undefined, retryIn });
        if (kept === undefined) lose(outcome.number);
        else tellTimes(outcome.number);
        break;
      }
      default:
        break;
    }
    pulse.beat();
  }

  function tellTimes(number: number): void {
    const token = find(number);
    if (token !== undefined) deps.onChange({ is: "token renewed", token: number, ...timesOf(token) });
  }

  function timesOf(token: HeldToken): Omit<Session, "number" | "token"> {
    return { expiry: token.expiry, horizon: tokenEnd(token), asked: isAsked(token, clock.now()) };
  }

  function lose(number: number): void {
    operations.forget(number);
    held.get(number)?.abort();
    held.delete(number);
    deps.onChange({ is: "token lost", token: number });
  }

  function run(lane: TokenLane): Promise<void> {
    return runLane<TokenAction, TokenOutcome>({
      clock,
      pulse,
      decide: () => decideToken(state, lane, clock.now(), deps.policy()),
      perform: (action) => {
        if (action.do === "log in") return operations.logIn(stopping.signal);
        if (action.do === "probe") return operations.probe(find(action.number)!);
        return action.do === "renew" ? operations.renew(find(action.number)!) : operations.revoke(action.number);
      },
      apply,
    });
  }

  async function lookUp(number: number): Promise<void> {
    const outcome = await operations.lookUp(number);
    if (outcome !== null && find(number) !== undefined) apply(outcome);
  }

  function find(number: number): HeldToken | undefined {
    return state.active?.number === number ? state.active : state.older.find((token) => token.number === number);
  }

  function sessionOf(token: HeldToken): Session {
    return { number: token.number, token: operations.tokenOf(token.number)!, ...timesOf(token) };
  }

  function lend(number: number): void {
    borrowed.set(number, (borrowed.get(number) ?? 0) + 1);
    refreshParents();
  }

  function takeBack(number: number): void {
    const left = (borrowed.get(number) ?? 1) - 1;
    if (left > 0) borrowed.set(number, left);
    else borrowed.delete(number);
    refreshParents();
  }

  function refreshParents(): void {
    apply({ is: "parents", parents: new Set([...parents, ...borrowed.keys()]) });
  }

  return {
    run: async () => void (await Promise.all([run("login"), run("keep")])),
    async borrow(life, signal) {
      let askedFor = -1;
      for (;;) {
        const { signal: changed } = pulse;
        const { active } = state;
        if (active !== null && !state.wanted) {
          const fresh = active.number !== askedFor && askedFor !== -1;
          if (fresh || serves(active, life, clock.now())) {
            lend(active.number);
            return sessionOf(active);
          }
          askedFor = active.number;
          apply({ is: "wanted" });
          continue;
        }
        if (signal.aborted) throw signal.reason;
        await clock.sleep(clock.now() + 60_000, either(signal, changed));
      }
    },
    giveBack: ({ number }) => takeBack(number),
    renewed(session) {
      const token = find(session.number);
      return token === undefined ? session : sessionOf(token);
    },
    current: () => (state.active === null ? null : (operations.tokenOf(state.active.number) ?? null)),
    hold(token) {
      const number = operations.numbers().find((one) => operations.tokenOf(one)?.reveal() === token.reveal());
      if (number === undefined) return { lost: new AbortController().signal, release: () => undefined };
      const end = held.get(number) ?? new AbortController();
      held.set(number, end);
      lend(number);
      return { lost: end.signal, release: () => takeBack(number) };
    },
    refused(session) {
      if (state.active?.number === session.number) apply({ is: "wanted" });
    },
    tokenOf: operations.tokenOf,
    setParents(numbers) {
      const next = new Set(numbers);
      if (next.size === parents.size && [...next].every((number) => parents.has(number))) return;
      parents = next;
      refreshParents();
    },
    lookUp(number) {
      const asked = lookups.get(number) ?? lookUp(number).finally(() => lookups.delete(number));
      lookups.set(number, asked);
      return asked;
    },
    endRenewals(number) {
      const expiry = find(number)?.expiry ?? Number.POSITIVE_INFINITY;
      const error = "its policies do not allow it";
      if (Number.isFinite(expiry)) apply({ is: "renewal failed", number, verdict: "ended", expiry, error });
    },
    wake: () => apply({ is: "woken" }),
    renew() {
      if (state.active !== null) apply({ is: "wanted" });
    },
    async adopt(token) {
      const taken = await operations.takeUp(token);
      if (taken === null) return null;
      apply({ is: "logged in", token: taken });
      return sessionOf(taken);
    },
    stop() {
      stopping.abort();
      apply({ is: "stop" });
    },
    async revokeAll() {
      for (const number of operations.numbers()) await operations.revoke(number);
    },
    status: () =>
      state.active && {
        method: deps.methodName,
        loggedInAt: state.active.loggedInAt,
        expiry: finite(state.active.expiry),
        horizon: finite(tokenEnd(state.active)),
        renewable: state.active.renewable,
        policies: operations.policiesOf(state.active.number),
        older: state.older.length,
      },
  };
}
