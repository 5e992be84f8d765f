/** Keeps the sidecar logged in: runs token.ts's lanes against the server, and lends the token to those who read. */
import type { AuthMethod } from "../auth/method.ts";
import { describe, LesseeError, VaultError } from "../errors.ts";
import type { Clock, Emit, Files, Random } from "../ports.ts";
import type { Sensitive } from "../sensitive.ts";
import type { TokenStatus } from "../status.ts";
import type { TokenInfo, VaultClient } from "../vault/client.ts";
import type { VaultAuth } from "../vault/secret.ts";
import { createPulse, runLane } from "./lane.ts";
import { horizonFrom, incrementFor, renewalDue } from "./schedule.ts";
import {
  advanceToken,
  decideToken,
  type HeldToken,
  NO_TOKEN,
  serves,
  type TokenAction,
  type TokenLane,
  type TokenOutcome,
  type TokenPolicy,
  type TokenState,
} from "./token.ts";

export interface TokensDeps {
  readonly client: VaultClient;
  readonly method: AuthMethod;
  readonly methodName: string;
  readonly mountPath: string;
  /** Others have the token too: it is never revoked, but left to expire (rule W8). */
  readonly givenAway: boolean;
  readonly files: Pick<Files, "readFile">;
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: Emit;
  policy(): TokenPolicy;
  /** Every secret that came up, so that no output shows it. */
  learn(secret: Sensitive<string>): void;
  /** A new token is active. */
  onLogin(session: Session): void;
  /** The times of a token have changed, or it has ended. */
  onChange(change: TokenChange): void;
  /** A login failed. */
  onFailure(error: unknown): void;
}

/** A token as a parent of leases. */
export interface Session {
  readonly number: number;
  readonly token: Sensitive<string>;
  readonly expiry: number;
  readonly horizon: number;
}

export type TokenChange =
  | { readonly is: "token renewed"; readonly token: number; readonly expiry: number; readonly horizon: number }
  | { readonly is: "token lost"; readonly token: number };

export interface Tokens {
  /** Runs until `stop`. */
  run(): Promise<void>;
  /**
   * The active token, if a lease of `life` under it would not be cut short by it; else the next one, once it is
   * there. Until `giveBack` it counts as a parent. Rejects only when `signal` aborts.
   */
  borrow(life: number, signal: AbortSignal): Promise<Session>;
  giveBack(session: Session): void;
  /** The token was refused: log in anew, in the ordinary rhythm. */
  refused(session: Session): void;
  /** The token with this number, if it is still alive. */
  tokenOf(number: number): Sensitive<string> | undefined;
  setParents(numbers: Iterable<number>): void;
  /** A file that the method reads has changed: a failed login is worth trying again now. */
  wake(): void;
  /** Takes a token up that an earlier process had; false when the server no longer knows it. */
  adopt(token: Sensitive<string>): Promise<Session | null>;
  stop(): void;
  /** The last act: revokes what is still alive, children and all. */
  revokeAll(): Promise<void>;
  status(): TokenStatus | null;
}

/** Asked for to learn the max TTL; the server answers with what there is (rule M1). */
const PROBE_SECONDS = 99_999_999;

export function createTokens(deps: TokensDeps): Tokens {
  const { client, clock, emit } = deps;
  const pulse = createPulse();
  const secrets = new Map<number, { token: Sensitive<string>; policies: readonly string[]; revocable: boolean }>();
  const borrowed = new Map<number, number>();
  let state: TokenState = NO_TOKEN;
  let parents: ReadonlySet<number> = new Set();
  let lastNumber = 0;
  const stopping = new AbortController();

  function apply(outcome: TokenOutcome): void {
    state = advanceToken(state, outcome, clock.now(), deps.policy(), deps.random());
    if (outcome.is === "logged in") deps.onLogin(sessionOf(outcome.token));
    if (outcome.is === "renewed")
      deps.onChange({ is: "token renewed", token: outcome.number, expiry: outcome.expiry, horizon: outcome.horizon });
    if (outcome.is === "lost" || (outcome.is === "renewal failed" && outcome.verdict === "lost"))
      deps.onChange({ is: "token lost", token: outcome.number });
    pulse.beat();
  }

  function run(lane: TokenLane): Promise<void> {
    return runLane<TokenAction, TokenOutcome>({
      clock,
      pulse,
      decide: () => decideToken(state, lane, clock.now(), deps.policy()),
      perform: (action) => {
        if (action.do === "log in") return logIn();
        return action.do === "renew" ? renew(find(action.number)!) : revoke(action.number);
      },
      apply,
    });
  }

  function find(number: number): HeldToken | undefined {
    return state.active?.number === number ? state.active : state.older.find((token) => token.number === number);
  }

  function sessionOf(token: HeldToken): Session {
    return {
      number: token.number,
      token: secrets.get(token.number)!.token,
      expiry: token.expiry,
      horizon: token.horizon,
    };
  }

  function refreshParents(): void {
    apply({ is: "parents", parents: new Set([...parents, ...borrowed.keys()]) });
  }

  async function logIn(): Promise<TokenOutcome> {
    try {
      const request = await deps.method.prepare({ files: deps.files });
      request.secrets.forEach(deps.learn);
      const sentAt = clock.now();
      const auth = await client.login(deps.mountPath, request.body, stopping.signal);
      deps.learn(auth.token);
      deps.learn(auth.accessor);
      const token = await take(auth, sentAt);
      emit({
        is: "login",
        method: deps.methodName,
        mount: deps.mountPath,
        ...(deps.method.role === undefined ? {} : { role: deps.method.role }),
        ttl: token.duration,
        renewable: auth.renewable,
        policies: auth.policies,
      });
      return { is: "logged in", token };
    } catch (error) {
      if (stopping.signal.aborted) return { is: "stop" };
      const outcome: TokenOutcome = { is: "login failed", ...retryAfter(error) };
      const now = clock.now();
      const next = advanceToken(state, outcome, now, deps.policy(), 0).login.retryAt;
      emit({
        is: "login failed",
        method: deps.methodName,
        mount: deps.mountPath,
        error: describe(error),
        retryIn: next - now,
      });
      deps.onFailure(error);
      return outcome;
    }
  }

  /** Finds out how long the token can live, and makes it live as long as it should. */
  async function take(auth: VaultAuth, sentAt: number): Promise<HeldToken> {
    if (auth.numUses > 0) {
      throw new LesseeError(
        "auth",
        `the token may be used ${auth.numUses} times only, and its leases die with the last use`,
        {
          hint: "set token_num_uses = 0 on the auth role",
        },
      );
    }
    const number = ++lastNumber;
    secrets.set(number, {
      token: auth.token,
      policies: auth.policies,
      revocable: !deps.givenAway && auth.type !== "batch",
    });
    const duration = auth.durationSeconds === 0 ? Number.POSITIVE_INFINITY : auth.durationSeconds * 1_000;
    const info = await client.lookupSelf(auth.token).catch(() => null);
    if (info !== null && !info.orphan) {
      emit({
        is: "warning",
        code: "token-parent",
        message: "the token has a parent, whose end it would share and cannot see",
      });
    }
    const plain: HeldToken = {
      number,
      loggedInAt: sentAt,
      duration,
      expiry: sentAt + duration,
      horizon: capOf(info, sentAt),
      renewable: auth.renewable && auth.type === "service" && duration !== Number.POSITIVE_INFINITY,
      renewAt: Number.POSITIVE_INFINITY,
      renewFailures: 0,
    };
    if (!plain.renewable) return { ...plain, horizon: Math.min(plain.horizon, plain.expiry) };
    const scheduled = {
      ...plain,
      renewAt: renewalDue(sentAt, duration, plain.horizon, deps.policy().lead, deps.policy().jitter),
    };
    return isPeriodic(info) ? scheduled : await probe(scheduled, auth.token);
  }

  async function probe(token: HeldToken, secret: Sensitive<string>): Promise<HeldToken> {
    try {
      const askedAt = clock.now();
      const most = await client.renewSelf(secret, PROBE_SECONDS);
      const horizon = Math.min(
        token.horizon,
        horizonFrom(askedAt, PROBE_SECONDS * 1_000, most.durationSeconds * 1_000),
      );
      return { ...token, ...(await renewal({ ...token, horizon }, secret)) };
    } catch (error) {
      // Not allowed, or not now: the first shortened renewal will tell.
      emit({ is: "warning", code: "token-probe", message: `the token's max TTL is not known yet: ${describe(error)}` });
      return token;
    }
  }

  async function renewal(
    token: HeldToken,
    secret: Sensitive<string>,
  ): Promise<{ expiry: number; horizon: number; renewAt: number }> {
    const { lead, jitter } = deps.policy();
    const asked = incrementFor(token.duration, lead);
    const sentAt = clock.now();
    const auth = await client.renewSelf(secret, asked / 1_000);
    const granted = auth.durationSeconds * 1_000;
    const cap = periodic.has(token.number) ? Number.POSITIVE_INFINITY : horizonFrom(sentAt, asked, granted);
    const horizon = auth.renewable ? Math.min(cap, token.horizon) : sentAt + granted;
    return { expiry: sentAt + granted, horizon, renewAt: renewalDue(sentAt, granted, horizon, lead, jitter) };
  }

  async function renew(token: HeldToken): Promise<TokenOutcome> {
    const secret = secrets.get(token.number)!.token;
    try {
      const renewed = await renewal(token, secret);
      emit({
        is: "token renewed",
        ttl: renewed.expiry - clock.now(),
        expiry: renewed.expiry,
        horizon: finite(renewed.horizon),
      });
      return { is: "renewed", number: token.number, ...renewed };
    } catch (error) {
      const verdict = await judge(secret, error);
      const outcome: TokenOutcome = { is: "renewal failed", number: token.number, verdict, ...retryAfter(error) };
      emit({ is: "token renewal failed", error: describe(error), lost: verdict === "lost", retryIn: null });
      return outcome;
    }
  }

  /** A refused renewal is judged by a lookup, whatever its status (rule W6). */
  async function judge(secret: Sensitive<string>, error: unknown): Promise<"lost" | "kept" | "ended" | "unknown"> {
    if (!(error instanceof VaultError) || isPassing(error)) return "unknown";
    try {
      const info = await client.lookupSelf(secret);
      if (info.ttlSeconds <= 0) return "lost";
      return info.renewable ? "kept" : "ended";
    } catch (second) {
      return second instanceof VaultError && second.status === 403 ? "lost" : "unknown";
    }
  }

  async function revoke(number: number): Promise<TokenOutcome> {
    const held = secrets.get(number);
    try {
      if (held?.revocable) {
        await client.revokeSelf(held.token);
        emit({ is: "token revoked" });
      }
    } catch (error) {
      emit({ is: "warning", code: "token-revoke", message: `an old token is left to expire: ${describe(error)}` });
    }
    secrets.delete(number);
    return { is: "revoked", number };
  }

  const periodic = new Set<number>();
  function isPeriodic(info: TokenInfo | null): boolean {
    if (info === null || info.periodSeconds === 0) return false;
    periodic.add(lastNumber);
    return true;
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
            borrowed.set(active.number, (borrowed.get(active.number) ?? 0) + 1);
            refreshParents();
            return sessionOf(active);
          }
          askedFor = active.number;
          apply({ is: "wanted" });
          continue;
        }
        if (signal.aborted) throw signal.reason;
        await clock.sleep(clock.now() + 60_000, AbortSignal.any([signal, changed]));
      }
    },
    giveBack(session) {
      const left = (borrowed.get(session.number) ?? 1) - 1;
      if (left > 0) borrowed.set(session.number, left);
      else borrowed.delete(session.number);
      refreshParents();
    },
    refused(session) {
      if (state.active?.number === session.number) apply({ is: "wanted" });
    },
    tokenOf: (number) => secrets.get(number)?.token,
    setParents(numbers) {
      const next = new Set(numbers);
      if (next.size === parents.size && [...next].every((number) => parents.has(number))) return;
      parents = next;
      refreshParents();
    },
    wake: () => apply({ is: "woken" }),
    async adopt(token) {
      const sentAt = clock.now();
      const info = await client.lookupSelf(token).catch(() => null);
      if (info === null || info.ttlSeconds <= 0 || info.numUses > 0) return null;
      deps.learn(token);
      const auth = {
        token,
        durationSeconds: info.ttlSeconds,
        renewable: info.renewable,
        numUses: 0,
        type: "service",
        policies: info.policies,
      };
      const taken = await take(auth as VaultAuth, sentAt);
      apply({ is: "logged in", token: taken });
      return sessionOf(taken);
    },
    stop() {
      stopping.abort();
      apply({ is: "stop" });
    },
    async revokeAll() {
      for (const number of [...secrets.keys()]) await revoke(number);
    },
    status: () =>
      state.active && {
        method: deps.methodName,
        loggedInAt: state.active.loggedInAt,
        expiry: finite(state.active.expiry),
        horizon: finite(state.active.horizon),
        renewable: state.active.renewable,
        policies: secrets.get(state.active.number)?.policies ?? [],
        older: state.older.length,
      },
  };
}

/** The server is busy, sealed or restarting: no verdict about the token. */
export function isPassing(error: VaultError): boolean {
  return (
    error.status === 429 ||
    error.status === 412 ||
    error.status === 473 ||
    error.status === 502 ||
    error.status === 503 ||
    error.status === 504
  );
}

export function retryAfter(error: unknown): { retryAfter?: number } {
  return error instanceof VaultError && error.retryAfter !== undefined ? { retryAfter: error.retryAfter } : {};
}

/** null in place of Infinity, as JSON and events have it. */
export function finite(time: number): number | null {
  return Number.isFinite(time) ? time : null;
}

function capOf(info: TokenInfo | null, sentAt: number): number {
  return info === null || info.explicitMaxTtlSeconds === 0
    ? Number.POSITIVE_INFINITY
    : sentAt + info.explicitMaxTtlSeconds * 1_000;
}
