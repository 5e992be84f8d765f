/** What a token's life asks of the server: log in, renew, revoke. Every failure is turned into an outcome here. */
import { describe, LesseeError, VaultError } from "../../errors.ts";
import type { Sensitive } from "../../sensitive.ts";
import type { TokenInfo } from "../../vault/client.ts";
import type { VaultAuth } from "../../vault/secret.ts";
import { isPassing, isRefusal, retryAfter } from "../../vault/verdict.ts";
import { finite, horizonFrom, incrementFor, probeDue, renewalDue } from "../schedule.ts";
import { COUNTED, type HeldToken, type TokenOutcome, type TokenPolicy } from "../token.ts";
import { type Login, type LoginDeps, logInOnce } from "./login.ts";

export interface TokenOperationsDeps extends LoginDeps {
  readonly methodName: string;
  /** Others have the token too: it is never revoked, but left to expire (rule W8). */
  readonly givenAway: boolean;
  policy(): TokenPolicy;
  /** A login failed; `isFirst`: none has succeeded yet. */
  onFailure(error: unknown, isFirst: boolean): void;
}

export interface TokenOperations {
  logIn(stop: AbortSignal): Promise<TokenOutcome>;
  /** With a token that an earlier process had; null when the server no longer knows it. Rejects where it does not say. */
  takeUp(token: Sensitive<string>): Promise<HeldToken | null>;
  probe(token: HeldToken): Promise<TokenOutcome>;
  renew(token: HeldToken): Promise<TokenOutcome>;
  /** Null where nobody can say, or it has no end. */
  lookUp(number: number): Promise<Extract<TokenOutcome, { is: "looked up" }> | null>;
  revoke(number: number): Promise<TokenOutcome>;
  forget(number: number): void;
  tokenOf(number: number): Sensitive<string> | undefined;
  policiesOf(number: number): readonly string[];
  /** All that were taken and neither revoked nor forgotten. */
  numbers(): readonly number[];
}

/** Asked for to learn the max TTL; the server answers with what there is (rule M1). */
const PROBE_SECONDS = 99_999_999;

type Verdict =
  | { readonly verdict: "lost" | "kept" | "unknown" }
  | { readonly verdict: "ended"; readonly expiry: number };

interface Known {
  readonly token: Sensitive<string>;
  readonly policies: readonly string[];
  readonly revocable: boolean;
  /** A periodic token's renewals are never shortened by a max TTL. */
  readonly periodic: boolean;
  /** It was looked up once: a lookup that is refused later means that it has ended, and not that it may not look. */
  readonly looks: boolean;
}

export function createTokenOperations(deps: TokenOperationsDeps): TokenOperations {
  const { client, clock, emit } = deps;
  const known = new Map<number, Known>();
  let lastNumber = 0;

  async function logIn(stop: AbortSignal): Promise<TokenOutcome> {
    try {
      const login = await logInOnce(deps, stop);
      if (login.numUses > 0) throw await refused(login);
      const token = take(login);
      emit({
        is: "login",
        method: deps.methodName,
        mount: deps.mountPath,
        ...(deps.method.role === undefined ? {} : { role: deps.method.role }),
        ttl: token.duration,
        renewable: login.renewable,
        policies: login.policies,
      });
      return { is: "logged in", token };
    } catch (error) {
      if (stop.aborted) return { is: "stop" };
      deps.onFailure(error, lastNumber === 0);
      return { is: "login failed", error: describe(error), ...retryAfter(error) };
    }
  }

  /** Its leases would die with its last use (rule M3); of a login of ours nothing is left behind. */
  async function refused({ numUses, token }: Login): Promise<LesseeError> {
    if (!deps.method.borrowsToken) await client.revokeSelf(token).catch(() => undefined);
    const message = `the token may be used ${numUses} times only, and its leases die with the last use`;
    return new LesseeError(COUNTED, message, { hint: "set token_num_uses = 0 on the auth role" });
  }

  function take({ sentAt, ...auth }: Login): HeldToken {
    const number = ++lastNumber;
    const isOurs = !deps.givenAway && !deps.method.borrowsToken && !deps.wrapTtl;
    const revocable = isOurs && auth.type !== "batch";
    known.set(number, { token: auth.token, policies: auth.policies, revocable, periodic: false, looks: false });
    const never = Number.POSITIVE_INFINITY;
    const duration = auth.durationSeconds === 0 ? never : auth.durationSeconds * 1_000;
    const expiry = sentAt + duration;
    const token = { number, loggedInAt: sentAt, duration, expiry, renewFailures: 0, refusals: 0 };
    if (duration === never) return { ...token, horizon: never, renewable: false, probeAt: never, renewAt: never };
    if (!auth.renewable || auth.type === "batch") {
      return { ...token, horizon: expiry, renewable: false, probeAt: never, renewAt: never };
    }
    const { lead, jitter, printsHorizon } = deps.policy();
    const renewAt = renewalDue(sentAt, duration, never, lead, jitter);
    return { ...token, horizon: never, renewable: true, probeAt: probeDue(sentAt, printsHorizon), renewAt };
  }

  /** Finds out how long the token can live at most: what it says of itself, and what a renewal for ever is cut to. */
  async function probe(token: HeldToken): Promise<TokenOutcome> {
    const { token: secret } = known.get(token.number)!;
    try {
      const info = await lookUp(token.number, secret).catch(() => null);
      if (info !== null && !info.orphan) {
        emit({
          is: "warning",
          code: "token-parent",
          message: "the token has a parent, whose end it would share and cannot see",
        });
      }
      const cap = capOf(info, token.loggedInAt);
      if (info !== null && info.periodSeconds > 0) {
        learn(token.number, { periodic: true });
        return { is: "probed", number: token.number, found: { expiry: token.expiry, horizon: cap } };
      }
      const sentAt = clock.now();
      const most = granted(await client.renewSelf(secret, PROBE_SECONDS));
      const horizon = Math.min(cap, horizonFrom(sentAt, PROBE_SECONDS * 1_000, most));
      return { is: "probed", number: token.number, found: { expiry: sentAt + most, horizon } };
    } catch (error) {
      emit({ is: "warning", code: "token-probe", message: `the token's max TTL is not known yet: ${describe(error)}` });
      return { is: "probed", number: token.number, found: null };
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
    const life = granted(auth);
    const cap = known.get(token.number)?.periodic ? Number.POSITIVE_INFINITY : horizonFrom(sentAt, asked, life);
    const horizon = auth.renewable ? Math.min(cap, token.horizon) : sentAt + life;
    return { expiry: sentAt + life, horizon, renewAt: renewalDue(sentAt, life, horizon, lead, jitter) };
  }

  async function renew(token: HeldToken): Promise<TokenOutcome> {
    const secret = known.get(token.number)!.token;
    try {
      // Asked for at its end only, and answered by the lookup.
      if (!token.renewable) throw new VaultError(400, "the token has come to its end", ["token is not renewable"]);
      const renewed = await renewal(token, secret);
      emit({
        is: "token renewed",
        ttl: renewed.expiry - clock.now(),
        expiry: renewed.expiry,
        horizon: finite(renewed.horizon),
      });
      return { is: "renewed", number: token.number, ...renewed };
    } catch (error) {
      const judged = await judge(token, secret, error);
      return { is: "renewal failed", number: token.number, ...judged, error: describe(error), ...retryAfter(error) };
    }
  }

  /** A refused renewal is judged by a lookup, whatever its status (rule W6). */
  async function judge({ number, expiry }: HeldToken, secret: Sensitive<string>, error: unknown): Promise<Verdict> {
    if (!(error instanceof VaultError) || isPassing(error)) return { verdict: "unknown" };
    try {
      const sentAt = clock.now();
      const info = await lookUp(number, secret);
      if (hasEnded(info)) return { verdict: "lost" };
      return info.renewable ? { verdict: "kept" } : { verdict: "ended", expiry: sentAt + info.ttlSeconds * 1_000 };
    } catch (second) {
      if (!(second instanceof VaultError && second.status === 403)) return { verdict: "unknown" };
      // Who may neither renew it nor look at it knows its end by the clock only (rule R1).
      return known.get(number)?.looks || error.status !== 403 ? { verdict: "lost" } : { verdict: "ended", expiry };
    }
  }

  async function lookUp(number: number, secret: Sensitive<string>): Promise<TokenInfo> {
    const info = await client.lookupSelf(secret);
    learn(number, { looks: true });
    return info;
  }

  function learn(number: number, what: Partial<Known>): void {
    const before = known.get(number);
    if (before !== undefined) known.set(number, { ...before, ...what });
  }

  async function revoke(number: number): Promise<TokenOutcome> {
    const held = known.get(number);
    try {
      if (held?.revocable) {
        await client.revokeSelf(held.token);
        emit({ is: "token revoked" });
      }
    } catch (error) {
      // 403 is what a token that has ended gets, and that is all that was wanted.
      if (!(error instanceof VaultError && error.status === 403)) {
        emit({ is: "warning", code: "token-revoke", message: `an old token is left to expire: ${describe(error)}` });
      }
    }
    known.delete(number);
    return { is: "revoked", number };
  }

  return {
    logIn,
    probe,
    async takeUp(token) {
      const identity = await deps.method.identity?.(deps);
      const sentAt = clock.now();
      const info = await client.lookupSelf(token, identity).catch((error: unknown) => {
        if (isRefusal(error)) return null;
        throw error;
      });
      if (info === null || hasEnded(info) || info.numUses > 0) return null;
      deps.learn(token);
      return take({ ...info, token, durationSeconds: info.ttlSeconds, sentAt });
    },
    renew,
    async lookUp(number) {
      const token = known.get(number)?.token;
      const sentAt = clock.now();
      const info = token === undefined ? null : await lookUp(number, token).catch(() => null);
      if (info === null || !info.expires) return null;
      return { is: "looked up", number, expiry: sentAt + info.ttlSeconds * 1_000 };
    },
    revoke,
    forget: (number) => void known.delete(number),
    tokenOf: (number) => known.get(number)?.token,
    policiesOf: (number) => known.get(number)?.policies ?? [],
    numbers: () => [...known.keys()],
  };
}

// ---- internal ----

/** In milliseconds. No time at all is a renewal that failed: the lookup says whether it is the token's last second. */
function granted({ durationSeconds }: VaultAuth): number {
  if (durationSeconds > 0) return durationSeconds * 1_000;
  throw new VaultError(200, "the token was granted no more time", []);
}

function hasEnded(info: TokenInfo): boolean {
  return info.expires && info.ttlSeconds <= 0;
}

function capOf(info: TokenInfo | null, sentAt: number): number {
  return info === null || info.explicitMaxTtlSeconds === 0
    ? Number.POSITIVE_INFINITY
    : sentAt + info.explicitMaxTtlSeconds * 1_000;
}
