import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backoff, LOCAL_BACKOFF, READ_BACKOFF, RENEWAL_BACKOFF } from "../../src/lease/backoff.ts";

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
