import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { advance } from "../../src/lease/advance.ts";
import { backoff, LOCAL_BACKOFF, pace, READ_BACKOFF, RENEWAL_BACKOFF } from "../../src/lease/backoff.ts";
import { decide } from "../../src/lease/lifecycle.ts";
import { NOTHING_YET } from "../../src/lease/state.ts";
import { HOUR, MINUTE, SEED_POLICY } from "./policies.ts";

const policies = fc.constantFrom(READ_BACKOFF, RENEWAL_BACKOFF, LOCAL_BACKOFF);
const chances = fc.double({ min: 0, max: 1, noNaN: true });

/** How many tries fall into each minute, if all of them fail from time 0 on and each takes no time. */
function triesByMinute(policy: typeof READ_BACKOFF, chance: number, minutes: number): readonly number[] {
  const counts = Array.from({ length: minutes }, () => 0);
  let at = 0;
  for (let failures = 1; at < minutes * 60_000; failures++) {
    counts[Math.floor(at / 60_000)]!++;
    at += backoff(policy, failures, chance);
  }
  return counts;
}

describe("a wait", () => {
  it("is between three quarters of the least and the most, however often it failed", () => {
    fc.assert(
      fc.property(
        policies,
        fc.oneof(fc.integer({ min: 1, max: 2_000 }), fc.constant(1e9)),
        chances,
        (policy, failures, chance) => {
          const wait = backoff(policy, failures, chance);
          expect(wait).toBeGreaterThanOrEqual(0.75 * policy.min);
          expect(wait).toBeLessThanOrEqual(policy.max);
        },
      ),
    );
  });

  it("is never shorter than what the server asked for, within reason", () => {
    fc.assert(
      fc.property(
        policies,
        fc.integer({ min: 1, max: 50 }),
        chances,
        fc.nat(1e12),
        (policy, failures, chance, asked) => {
          const wait = backoff(policy, failures, chance, asked);
          expect(wait).toBeGreaterThanOrEqual(Math.min(asked, 10 * policy.max));
          expect(wait).toBeGreaterThanOrEqual(backoff(policy, failures, chance));
          expect(wait).toBeLessThanOrEqual(10 * policy.max);
        },
      ),
    );
  });
});

describe("a wait, in numbers", () => {
  it.each([
    ["the least at first", 1, 0, undefined, 1_000],
    ["doubled after each failure", 4, 0, undefined, 8_000],
    ["the most at last", 8, 0, undefined, 80_000],
    ["a quarter less by chance", 4, 1, undefined, 6_000],
    ["as long as the server asks", 1, 0, 20_000, 20_000],
    ["and by chance a tenth more", 1, 1, 20_000, 22_000],
    ["and by chance the least more, where that is more", 1, 1, 2_000, 3_000],
    ["its own, where the server asks for less", 4, 0, 2_000, 8_000],
    ["ten times the most, where the server asks for more", 1, 1, 10 * HOUR, 800_000],
  ] as const)("is %s", (_what, failures, chance, retryAfter, wait) => {
    expect(backoff(READ_BACKOFF, failures, chance, retryAfter)).toBe(wait);
  });

  it("is short for what stays inside the pod, and longer for what is followed by a lookup", () => {
    expect([LOCAL_BACKOFF, READ_BACKOFF, RENEWAL_BACKOFF]).toEqual([
      { min: 500, max: 15_000 },
      { min: 1_000, max: 80_000 },
      { min: 3_000, max: 80_000 },
    ]);
  });
});

describe("promise 6: 10 requests in the first minute and 2 a minute after it", () => {
  it.each([
    ["reads and logins", READ_BACKOFF, 1],
    ["renewals, each with its lookup", RENEWAL_BACKOFF, 2],
  ])("%s, whatever chance says", (_what, policy, requests) => {
    fc.assert(
      fc.property(chances, (chance) => {
        const [first, ...later] = triesByMinute(policy, chance, 30);
        expect(first! * requests).toBeLessThanOrEqual(10);
        for (const tries of later) expect(tries * requests).toBeLessThanOrEqual(2);
      }),
    );
  });
});

describe("the pace of reads that may each have made a user", () => {
  const policy = { ...SEED_POLICY, maxNewPerHour: 6 };

  /** When it reads again, with a server that never answers, from a time of `0` on. */
  function tries(until: number): readonly number[] {
    const times: number[] = [];
    let state = NOTHING_YET;
    for (let now = 0; now < until; ) {
      const action = decide(state, "issue", now, policy);
      if (action.do === "wait") now = action.until;
      else {
        times.push(now);
        const failed = { is: "read failed", mayHaveIssued: true, error: "no answer" } as const;
        state = advance(advance(state, { is: "reading" }, now, policy, 0), failed, now, policy, 0);
      }
    }
    return times;
  }

  it("keeps the last tries of an hour for an outage that lasts, and never passes the budget", () => {
    const times = tries(3 * HOUR);
    for (const end of [MINUTE, 5 * MINUTE, 20 * MINUTE, HOUR, 2 * HOUR]) {
      // Whenever the server is back, it is noticed after no more than three times as long as it was away.
      const next = times.find((at) => at >= end);
      expect(next).toBeLessThanOrEqual(4 * end);
    }
    for (const at of times) expect(times.filter((one) => one >= at && one < at + HOUR).length).toBeLessThanOrEqual(6);
  });

  it("begins soon, and not at all when nothing is left", () => {
    expect(pace(5)).toBeLessThan(5_000);
    expect([pace(1), pace(5), pace(0)]).toEqual([HOUR / 4, HOUR / 1_024, 0]);
  });
});
