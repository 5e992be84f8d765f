/** What a server sees of 500 pods at once: they all start, or all lose it, in one moment, and do not come back in one. */
import { describe, expect, it } from "vitest";
import { jitterOf } from "../../src/lease/policy.ts";
import { renewalDue, rotationDue } from "../../src/lease/schedule.ts";
import { advanceToken, decideToken, loginDue, NO_TOKEN, type TokenPolicy } from "../../src/lease/token.ts";
import { HOUR, held, heldToken, MINUTE, SECOND, SEED_POLICY } from "./policies.ts";

const NEVER = Number.POSITIVE_INFINITY;
const PODS = Array.from({ length: 500 }, (_, n) => `tsb-6d4cf56db6-${(n * 7_919 + 100_000).toString(36)}`);

/** Chance of its own for each pod. */
function chanceOf(name: string): () => number {
  let drawn = 0;
  return () => jitterOf(`${name} ${drawn++}`);
}

/** The largest part of these requests that falls into any so long a time. */
function busiest(times: readonly number[], window: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  return Math.max(...sorted.map((from, i) => sorted.findLastIndex((at) => at < from + window) - i + 1)) / PODS.length;
}

/** When a pod that starts at 0 asks for a token, while a login fails until `up`. */
function logins(name: string, up: number, retryAfter?: number): { tried: readonly number[]; loggedInAt: number } {
  const policy: TokenPolicy = {
    lead: HOUR,
    jitter: jitterOf(name),
    printsHorizon: false,
    backoff: { min: SECOND, max: 5 * MINUTE },
  };
  const chance = chanceOf(name);
  const tried: number[] = [];
  let state = NO_TOKEN;
  for (let now = 0; ; ) {
    const action = decideToken(state, "login", now, policy);
    if (action.do === "wait") {
      now = action.until;
      continue;
    }
    if (now >= up) return { tried, loggedInAt: now };
    tried.push(now);
    const failed = {
      is: "login failed",
      error: "503 sealed",
      ...(retryAfter !== undefined && { retryAfter }),
    } as const;
    state = advanceToken(state, failed, now, policy, chance());
  }
}

describe("500 pods that start in one moment", () => {
  it("log in at once: a pod that is alone waits for nobody", () => {
    expect(PODS.map((name) => logins(name, 0).loggedInAt)).toEqual(PODS.map(() => 0));
  });

  it("come apart with every try, and come back one after the other when the server does", () => {
    const fleet = PODS.map((name) => logins(name, MINUTE));
    const nth = (n: number) => fleet.map(({ tried }) => tried[n]!).filter((at) => at !== undefined);
    expect(busiest(nth(1), 100)).toBeLessThan(0.3);
    expect(busiest(nth(2), 100)).toBeLessThan(0.12);
    expect(busiest(nth(4), 100)).toBeLessThan(0.04);
    const back = fleet.map(({ loggedInAt }) => loggedInAt);
    expect(busiest(back, 100)).toBeLessThan(0.025);
    expect(busiest(back, SECOND)).toBeLessThan(0.08);
    // Half of them are back after a minute, all after 100 s; and nobody has asked more often than is allowed.
    expect(back.filter((at) => at < MINUTE + 30 * SECOND).length).toBeGreaterThan(PODS.length / 2);
    expect(Math.max(...back)).toBeLessThan(MINUTE + 100 * SECOND);
    for (const { tried } of fleet) expect(tried.length).toBeLessThanOrEqual(10);
  });

  it("do not come together at the time that a server names to all of them", () => {
    const back = PODS.map((name) => logins(name, MINUTE, 30 * SECOND).loggedInAt);
    expect(Math.min(...back)).toBeGreaterThanOrEqual(MINUTE);
    expect(busiest(back, 100)).toBeLessThan(0.07);
  });
});

describe("500 pods that have logged in in one moment", () => {
  const spreads: Readonly<Record<string, (jitter: number) => number>> = {
    "renew their leases": (jitter) => renewalDue(0, 12 * HOUR, NEVER, HOUR, jitter),
    "log in anew": (jitter) =>
      loginDue(heldToken(), { lead: HOUR, jitter, printsHorizon: false, backoff: { min: SECOND, max: 5 * MINUTE } }),
    rotate: (jitter) => rotationDue(held({ horizon: 24 * HOUR }), { ...SEED_POLICY, jitter }),
  };

  it.each(Object.entries(spreads))("%s over more than an hour, by the name of each", (_what, due) => {
    const times = PODS.map((name) => due(jitterOf(name)));
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(HOUR);
    expect(busiest(times, MINUTE)).toBeLessThan(0.04);
  });
});
