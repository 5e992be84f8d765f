import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LesseeError } from "../../src/errors.ts";
import { horizonFrom, incrementFor, renewalDue } from "../../src/lease/schedule.ts";
import {
  advanceToken,
  COUNTED,
  decideToken,
  endsLogin,
  type HeldToken,
  isAsked,
  loginDue,
  NO_TOKEN,
  serves,
  type TokenAction,
  type TokenLane,
  type TokenOutcome,
  type TokenPolicy,
  type TokenState,
  tokenEnd,
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

  it("serves while what is left is as long as the lease would live, or nine tenths of what a new login would give", () => {
    expect(serves(token(), 20 * HOUR, 4 * HOUR)).toBe(true);
    expect(serves(token(), 20 * HOUR, 4 * HOUR + 1)).toBe(false);
    const later = token({ loggedInAt: HOUR, horizon: 11 * HOUR });
    expect(serves(later, INFINITY, 2 * HOUR)).toBe(true);
    expect(serves(later, INFINITY, 2 * HOUR + 1)).toBe(false);
  });

  it("is asked how long it can live until that is known, and it has come back to its rhythm", () => {
    expect(isAsked(token(), 0)).toBe(false);
    expect(isAsked(token({ probeAt: 9 }), 0)).toBe(true);
    expect(isAsked(token({ renewAt: 5 }), 4)).toBe(false);
    expect(isAsked(token({ renewAt: 5 }), 5)).toBe(true);
  });

  it.each([
    ["a lead before its horizon", token(), {}, 24 * HOUR - policy.lead],
    ["never, where it has none", token({ horizon: INFINITY }), {}, INFINITY],
    ["a minute before, where no credential has a lead", token(), { lead: 0 }, 24 * HOUR - MINUTE],
    ["a tenth of its life before, where that is less", token({ horizon: 5 * MINUTE }), { lead: 0 }, 4.5 * MINUTE],
    [
      "W2: at half of its life, where the lead does not fit",
      token({ loggedInAt: HOUR, horizon: 3 * HOUR }),
      { lead: 90 * MINUTE },
      2 * HOUR,
    ],
    ["earlier by a tenth of what two leads leave, in a fleet", token(), { lead: 2 * HOUR, jitter: 1 }, 20 * HOUR],
    [
      "no earlier, where two leads leave nothing",
      token({ horizon: 3 * HOUR }),
      { lead: HOUR + HOUR / 2, jitter: 1 },
      1.5 * HOUR,
    ],
    ["from its login on", token({ loggedInAt: HOUR, horizon: 25 * HOUR }), { lead: 2 * HOUR, jitter: 0.5 }, 22 * HOUR],
  ])("is followed by another %s", (_what, one, changes, due) => {
    expect(loginDue(one, { ...policy, ...changes })).toBe(due);
  });

  it("is asked how long it can live before it is renewed, and after what is childless is revoked", () => {
    const asked: TokenState = { ...NO_TOKEN, active: token({ probeAt: 5, renewAt: 5 }), parents: new Set([1]) };
    expect(decideToken(asked, "keep", 5, policy)).toEqual({ do: "probe", number: 1 });
    expect(decideToken(asked, "keep", 4, policy)).toEqual({ do: "wait", until: 5 });
    const childless = { ...asked, older: [token({ number: 2, probeAt: 5 }), token({ number: 3 })] };
    expect(decideToken({ ...childless, parents: new Set([2]) }, "keep", 5, policy)).toEqual({
      do: "revoke",
      number: 3,
    });
    const ends = { ...childless, active: token({ expiry: 5 }) };
    expect(decideToken(ends, "keep", 5, policy)).toEqual({ do: "renew", number: 1 });
  });

  it("M13: is asked about at its end, and with back-off where that has failed", () => {
    const ended = (changes: Partial<HeldToken>): TokenState => ({
      ...NO_TOKEN,
      active: token({ expiry: 5, renewAt: INFINITY, ...changes }),
    });
    expect(decideToken(ended({}), "keep", 4, policy)).toEqual({ do: "wait", until: 5 });
    expect(decideToken(ended({ renewFailures: 1, renewAt: 9 }), "keep", 6, policy)).toEqual({ do: "wait", until: 9 });
    expect(decideToken(ended({ renewFailures: 1, renewAt: 9 }), "keep", 9, policy)).toEqual({ do: "renew", number: 1 });
    expect(decideToken(ended({ renewFailures: 1, renewAt: 3 }), "keep", 4, policy)).toEqual({ do: "renew", number: 1 });
  });

  it("looks again from time to time", () => {
    expect(decideToken(NO_TOKEN, "keep", 7, policy)).toEqual({ do: "wait", until: 7 + 10 * MINUTE });
    expect(decideToken(active, "login", 7, policy)).toEqual({ do: "wait", until: 7 + 10 * MINUTE });
  });

  it("is logged in for again when that may be tried again", () => {
    const failed = { ...NO_TOKEN, login: { failures: 1, retryAt: 9 } };
    expect(decideToken(failed, "login", 8, policy)).toEqual({ do: "wait", until: 9 });
    expect(decideToken(failed, "login", 9, policy)).toEqual({ do: "log in" });
    expect(advanceToken(failed, { is: "logged in", token: token() }, 9, policy, 0)).toMatchObject({
      login: { failures: 0, retryAt: 9 },
      older: [],
    });
    expect(advanceToken(failed, { is: "woken" }, 10, policy, 0).login.retryAt).toBe(9);
  });

  it("is renewed, and no other with it", () => {
    const two: TokenState = { ...NO_TOKEN, active: token({ number: 2 }), older: [token({ renewFailures: 3 })] };
    const times = { expiry: 5, horizon: 6, renewAt: 4 };
    const renewed = advanceToken(two, { is: "renewed", number: 1, ...times }, 3, policy, 0);
    expect(renewed).toEqual({ ...two, older: [token({ ...times, renewFailures: 0 })] });
    const lost = { is: "renewal failed", number: 2, verdict: "lost", error: "x" } as const;
    expect(advanceToken(two, lost, 3, policy, 0)).toMatchObject({ active: null, older: [{ number: 1 }] });
    expect(advanceToken(two, { is: "revoked", number: 1 }, 3, policy, 0)).toMatchObject({
      active: { number: 2 },
      older: [],
    });
    expect(advanceToken(NO_TOKEN, { is: "revoked", number: 1 }, 3, policy, 0)).toEqual(NO_TOKEN);
    expect(advanceToken(NO_TOKEN, { is: "renewed", number: 1, ...times }, 3, policy, 0)).toEqual(NO_TOKEN);
  });

  it("W6: whose renewals have ended lasts as long as it lasts, and is gone where that is over", () => {
    const ended = (expiry: number) =>
      advanceToken(
        { ...NO_TOKEN, active: token({ renewFailures: 3 }) },
        { is: "renewal failed", number: 1, verdict: "ended", expiry, error: "x" },
        5,
        policy,
        0,
      ).active;
    expect(ended(6)).toMatchObject({ expiry: 6, horizon: 6, renewAt: INFINITY, renewFailures: 0 });
    expect(ended(5)).toBeNull();
  });

  it("whose renewals fail is renewed later and later, and not before the server says", () => {
    const fail = (retryAfter?: number) =>
      advanceToken(
        { ...NO_TOKEN, active: token({ renewFailures: 2 }) },
        {
          is: "renewal failed",
          number: 1,
          verdict: "unknown",
          error: "x",
          ...(retryAfter !== undefined && { retryAfter }),
        },
        5,
        policy,
        0,
      ).active;
    expect(fail()).toMatchObject({ renewFailures: 3, renewAt: 5 + 12 * SECOND });
    expect(fail(MINUTE)?.renewAt).toBe(5 + MINUTE);
  });

  it("M1: knows how long it can live when it was told, and is renewed at once then", () => {
    const asked: TokenState = { ...NO_TOKEN, active: token({ probeAt: 5 }) };
    const found = { expiry: 7 * HOUR, horizon: 8 * HOUR };
    expect(advanceToken(asked, { is: "probed", number: 1, found }, 5, policy, 0).active).toEqual(
      token({ ...found, renewAt: 5 }),
    );
    expect(advanceToken(asked, { is: "probed", number: 1, found: null }, 5, policy, 0).active).toEqual(token());
  });

  it.each([
    ["three quarters of the doubled wait", 3, 0, undefined, 3 * SECOND],
    ["one and a half of it", 3, 1, undefined, 6 * SECOND],
    ["min_backoff at least", 1, 0, undefined, SECOND],
    ["max_backoff at most", 30, 1, undefined, 5 * MINUTE],
    ["max_backoff at most, with the least chance", 30, 0, undefined, 0.75 * 5 * MINUTE],
    ["as long as the server says", 1, 0, MINUTE, MINUTE],
    ["no less than its own time, whatever the server says", 3, 1, 1, 6 * SECOND],
  ] as const)("a login that failed is tried again after %s", (_what, failures, chance, retryAfter, wait) => {
    const before = { ...NO_TOKEN, login: { failures: failures - 1, retryAt: 0 } };
    const failed = { is: "login failed", error: "x", ...(retryAfter !== undefined && { retryAfter }) } as const;
    expect(advanceToken(before, failed, 7, policy, chance).login).toEqual({ failures, retryAt: 7 + wait });
  });

  it.each([
    ["its horizon", {}, 24 * HOUR],
    ["its horizon, though a renewal was refused", { refusals: 1 }, 24 * HOUR],
    ["its expiry, when two were", { refusals: 2 }, HOUR],
    ["its horizon, though five have failed", { renewFailures: 5 }, 24 * HOUR],
    ["its expiry, when six have", { renewFailures: 6 }, HOUR],
    ["its horizon then, where that comes first", { refusals: 2, horizon: HOUR / 2 }, HOUR / 2],
  ])("really ends at %s", (_what, changes, end) => {
    expect(tokenEnd(token(changes))).toBe(end);
  });

  it("W6: counts a renewal as refused only where the server still knows it", () => {
    const fail = (verdict: "kept" | "unknown") =>
      advanceToken(
        { ...NO_TOKEN, active: token({ refusals: 3 }) },
        { is: "renewal failed", number: 1, verdict, error: "x" },
        5,
        policy,
        0,
      ).active?.refusals;
    expect([fail("kept"), fail("unknown")]).toEqual([4, 3]);
    const two: TokenState = { ...NO_TOKEN, active: token({ refusals: 3 }) };
    const ended = { is: "renewal failed", number: 1, verdict: "ended", expiry: 6, error: "x" } as const;
    expect(advanceToken(two, ended, 5, policy, 0).active?.refusals).toBe(0);
    const renewed = { is: "renewed", number: 1, expiry: 5, horizon: 6, renewAt: 4 } as const;
    expect(advanceToken(two, renewed, 5, policy, 0).active?.refusals).toBe(0);
  });

  it("M3: that is counted ends the agent at its first login; any failure does with exit_on_err", () => {
    const counted = new LesseeError(COUNTED, "num_uses");
    expect(endsLogin(counted, true, false)).toMatch(/no token that can be worked with: .*num_uses/);
    expect(endsLogin(counted, false, false)).toBeNull();
    expect(endsLogin(new LesseeError("other", "x"), true, false)).toBeNull();
    expect(endsLogin(new Error("x"), true, false)).toBeNull();
    expect(endsLogin(Object.assign(new Error("x"), { code: COUNTED }), true, false)).toBeNull();
    expect(endsLogin(new Error("x"), false, true)).toMatch(/exit_on_err/);
  });

  it("does nothing more once the sidecar stops", () => {
    const stopped = advanceToken(active, { is: "stop" }, 0, policy, 0);
    for (const lane of ["login", "keep"] as const)
      expect(decideToken(stopped, lane, 0, policy)).toEqual({ do: "done" });
  });
});
