import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { horizonFrom, incrementFor, renewalDue } from "../../src/lease/schedule.ts";
import {
  advanceToken,
  decideToken,
  type HeldToken,
  loginDue,
  NO_TOKEN,
  serves,
  type TokenAction,
  type TokenLane,
  type TokenOutcome,
  type TokenPolicy,
  type TokenState,
} from "../../src/lease/token.ts";
import { anySeconds, HOUR, MINUTE, SECOND, heldToken as token } from "./policies.ts";

const INFINITY = Number.POSITIVE_INFINITY;
const policy: TokenPolicy = {
  lead: 10 * MINUTE,
  jitter: 0,
  printsHorizon: false,
  backoff: { min: SECOND, max: 5 * MINUTE },
};

interface Walk {
  readonly broken: readonly string[];
  readonly logins: readonly number[];
  readonly renewals: readonly number[];
}

interface WalkOptions {
  readonly ttl: number;
  readonly maxTtl: number;
  readonly lead: number;
  /** From 0 (never) to 1 (always): how often a call fails. */
  readonly trouble: number;
  /** What chance decides, from 0 to 1, over and over. */
  readonly chances: readonly number[];
  readonly steps: number;
}

/** A token's life against a server that grants, shortens, refuses and forgets. Leases come and go under it. */
function walk(options: WalkOptions): Walk {
  const lanes: readonly TokenLane[] = ["login", "keep"];
  const own = { ...policy, lead: options.lead };
  const broken: string[] = [];
  const logins: number[] = [];
  const renewals: number[] = [];
  const failedAt = new Map<string, number>();
  let state: TokenState = NO_TOKEN;
  let now = 1_000;
  let numbers = 0;
  let turn = 0;
  const chance = () => options.chances[turn++ % options.chances.length]!;
  const check = (holds: boolean, what: string) => {
    if (!holds) broken.push(`at ${now}: ${what}`);
  };

  function grant(): HeldToken {
    const horizon = now + options.maxTtl;
    const granted = Math.min(options.ttl, options.maxTtl);
    return {
      number: ++numbers,
      loggedInAt: now,
      duration: options.ttl,
      expiry: now + granted,
      horizon,
      renewable: true,
      probeAt: now + SECOND,
      renewAt: renewalDue(now, granted, horizon, own.lead, 0),
      renewFailures: 0,
      refusals: 0,
    };
  }
  function outcomeOf(action: TokenAction): TokenOutcome {
    const fails = chance() < options.trouble;
    if (action.do === "probe") {
      const token = [state.active, ...state.older].find((one) => one?.number === action.number)!;
      return {
        is: "probed",
        number: action.number,
        found: fails ? null : { expiry: token.horizon, horizon: token.horizon },
      };
    }
    if (fails) {
      const name = JSON.stringify(action);
      check(failedAt.get(name) !== now, `two failing calls at one instant: ${name}`);
      failedAt.set(name, now);
    }
    switch (action.do) {
      case "log in":
        logins.push(now);
        return fails ? { is: "login failed", error: "x" } : { is: "logged in", token: grant() };
      case "renew": {
        renewals.push(now);
        const one = [state.active, ...state.older].find((held) => held?.number === action.number)!;
        const verdict = (["kept", "unknown", "lost", "ended"] as const)[Math.floor(chance() * 3.99)]!;
        if (one.expiry <= now) return { is: "renewal failed", number: action.number, verdict: "lost", error: "x" };
        if (fails) return { is: "renewal failed", number: action.number, verdict, expiry: one.expiry, error: "x" };
        const asked = incrementFor(options.ttl, own.lead);
        const granted = Math.max(0, Math.min(asked, one.loggedInAt + options.maxTtl - now));
        const horizon = Math.min(one.horizon, horizonFrom(now, asked, granted));
        const renewAt = renewalDue(now, granted, horizon, own.lead, 0);
        return { is: "renewed", number: action.number, expiry: now + granted, horizon, renewAt };
      }
      case "revoke":
        check(!state.parents.has(action.number), "a token is revoked while leases depend on it (rule W8)");
        check(state.active?.number !== action.number, "the active token is revoked");
        return { is: "revoked", number: action.number };
      default:
        throw new Error(action.do);
    }
  }

  for (let step = 0; step < options.steps; step++) {
    const until: number[] = [];
    for (const lane of lanes) {
      const action = decideToken(state, lane, now, own);
      if (action.do === "wait") {
        check(Number.isFinite(action.until) && action.until > now, `${lane} waits for ${action.until - now}`);
        until.push(action.until);
        continue;
      }
      const outcome = outcomeOf(action);
      state = advanceToken(state, outcome, now, own, chance());
      const alive = [state.active, ...state.older].flatMap((one) => (one === null ? [] : [one.number]));
      if (chance() < 0.1)
        state = advanceToken(
          state,
          { is: "parents", parents: new Set(alive.filter(() => chance() < 0.5)) },
          now,
          own,
          0,
        );
    }
    if (until.length === lanes.length) now = Math.min(...until);
  }
  return { broken, logins, renewals };
}

const walks: fc.Arbitrary<WalkOptions> = fc.record({
  ttl: anySeconds.filter((ttl) => ttl > 0),
  maxTtl: anySeconds.filter((ttl) => ttl > 0),
  lead: fc.integer({ min: 0, max: 4 * HOUR }),
  trouble: fc.constantFrom(0, 0.1, 0.5, 1),
  chances: fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 7, maxLength: 41 }),
  steps: fc.constant(300),
});

describe("the token's laws, walked", () => {
  it("waits end in the future and are finite, no two failing calls at one instant, no parent is revoked", () => {
    fc.assert(
      fc.property(walks, (options) => {
        expect(walk(options).broken).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it("logins that fail are 10 in the first minute and 2 a minute after it (promise 6)", () => {
    fc.assert(
      fc.property(walks, (options) => {
        const { logins } = walk({ ...options, trouble: 1, steps: 100 });
        const start = logins[0]!;
        expect(logins.filter((at) => at < start + MINUTE).length).toBeLessThanOrEqual(10);
        const later = logins.filter((at) => at >= start + MINUTE);
        for (const at of later)
          expect(later.filter((time) => time > at - MINUTE && time <= at).length).toBeLessThanOrEqual(2);
      }),
    );
  });

  it("no new login before half of a token's life is over, if nothing fails", () => {
    fc.assert(
      fc.property(walks, (options) => {
        const { logins } = walk({ ...options, trouble: 0 });
        for (const [index, at] of logins.entries()) {
          const before = logins[index - 1];
          if (before !== undefined) expect(at - before).toBeGreaterThanOrEqual(options.maxTtl / 2);
        }
      }),
    );
  });
});

describe("a token", () => {
  const active: TokenState = { ...NO_TOKEN, active: token() };

  it("is followed by a new one a lead before its horizon, and becomes older", () => {
    const due = loginDue(token(), policy);
    expect(due).toBe(24 * HOUR - policy.lead);
    expect(decideToken(active, "login", due - 1, policy)).toEqual({ do: "wait", until: due });
    expect(decideToken(active, "login", due, policy)).toEqual({ do: "log in" });
    const next = advanceToken(active, { is: "logged in", token: token({ number: 2 }) }, due, policy, 0);
    expect([next.active?.number, next.older.map(({ number }) => number)]).toEqual([2, [1]]);
  });

  it("W8: is revoked when it is older and childless, and not before", () => {
    const older: TokenState = { ...active, active: token({ number: 2 }), older: [token()], parents: new Set([1]) };
    expect(decideToken(older, "keep", 0, policy)).toMatchObject({ do: "wait" });
    expect(decideToken({ ...older, parents: new Set() }, "keep", 0, policy)).toEqual({ do: "revoke", number: 1 });
    expect(decideToken({ ...active, parents: new Set() }, "keep", 0, policy)).toMatchObject({ do: "wait" });
  });

  it("is renewed while it is older, because leases depend on it", () => {
    const older: TokenState = {
      ...active,
      active: token({ number: 2 }),
      older: [token({ renewAt: 5 })],
      parents: new Set([1]),
    };
    expect(decideToken(older, "keep", 5, policy)).toEqual({ do: "renew", number: 1 });
  });

  it("M13: that should have ended is asked about before it is given up, and not at once again", () => {
    expect(decideToken(active, "keep", HOUR, policy)).toEqual({ do: "renew", number: 1 });
    const unknown = { is: "renewal failed", number: 1, verdict: "unknown", error: "x" } as const;
    const later = advanceToken(active, unknown, HOUR, policy, 0);
    expect(later.active).not.toBeNull();
    expect(decideToken(later, "keep", HOUR, policy)).toMatchObject({ do: "wait" });
    expect(advanceToken(active, { ...unknown, verdict: "lost" }, HOUR, policy, 0).active).toBeNull();
  });

  it("W6: is kept where a renewal fails and it is still known; its end is its horizon where renewals have ended", () => {
    const fail = (verdict: "lost" | "kept" | "ended" | "unknown") =>
      advanceToken(active, { is: "renewal failed", number: 1, verdict, expiry: HOUR, error: "x" }, 0, policy, 0).active;
    expect(fail("lost")).toBeNull();
    expect(fail("kept")).toMatchObject({ renewFailures: 1, renewAt: 3 * SECOND, horizon: 24 * HOUR });
    expect(fail("unknown")).toMatchObject({ renewFailures: 1 });
    expect(fail("ended")).toMatchObject({ horizon: HOUR, renewAt: INFINITY });
  });

  it("that was refused is replaced, once; until then reads wait", () => {
    const wanted = advanceToken(active, { is: "wanted" }, 0, policy, 0);
    expect(decideToken(wanted, "login", 0, policy)).toEqual({ do: "log in" });
    expect(advanceToken(wanted, { is: "logged in", token: token({ number: 2 }) }, 0, policy, 0).wanted).toBe(false);
  });

  it("a login that failed is tried at once when its file has changed", () => {
    const failed = advanceToken(NO_TOKEN, { is: "login failed", error: "x", retryAfter: HOUR }, 0, policy, 0);
    expect(decideToken(failed, "login", 0, policy)).toMatchObject({ do: "wait" });
    const woken = advanceToken(failed, { is: "woken" }, 5, policy, 0);
    expect(decideToken(woken, "login", 5, policy)).toEqual({ do: "log in" });
  });

  it("serves for a read while a new login would not give the lease longer", () => {
    expect(serves(token({ horizon: INFINITY }), INFINITY, 0)).toBe(true);
    expect(serves(token(), INFINITY, HOUR)).toBe(true);
    expect(serves(token(), INFINITY, 3 * HOUR)).toBe(false);
    expect(serves(token(), 20 * HOUR, 3 * HOUR)).toBe(true);
    expect(serves(token(), 22 * HOUR, 3 * HOUR)).toBe(false);
  });

  it("does nothing more once the sidecar stops", () => {
    const stopped = advanceToken(active, { is: "stop" }, 0, policy, 0);
    for (const lane of ["login", "keep"] as const)
      expect(decideToken(stopped, lane, 0, policy)).toEqual({ do: "done" });
  });
});
