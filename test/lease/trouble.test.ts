/** Promise 6: what bounds the requests while the server refuses, at the edge of each bound. */
import { describe, expect, it } from "vitest";
import type { Outcome } from "../../src/lease/outcomes.ts";
import type { Trouble } from "../../src/lease/state.ts";
import { freeToAsk, troubleAfter } from "../../src/lease/trouble.ts";
import { MINUTE } from "./policies.ts";

const NOW = 100 * MINUTE;
const trouble = (changes: Partial<Trouble> = {}): Trouble => ({
  since: NOW,
  reads: true,
  leases: false,
  asked: [],
  ...changes,
});
const grant = {} as never;
const failed = { error: "x" } as const;

describe("trouble", () => {
  it.each([
    ["a read", { is: "read failed", mayHaveIssued: false, ...failed }, { reads: true, leases: false, asked: [NOW] }],
    [
      "a renewal, with its lookup",
      { is: "renewal failed", id: 1, verdict: "kept", ...failed },
      { reads: false, leases: true, asked: [NOW, NOW] },
    ],
    [
      "a release, with its other way",
      { is: "release failed", id: 1, ...failed },
      { reads: false, leases: true, asked: [NOW, NOW] },
    ],
    ["a question for the max TTL", { is: "probed", id: 1, found: null }, { reads: false, leases: true, asked: [NOW] }],
  ] as const)("begins with %s that fails", (_what, outcome, expected) => {
    expect(troubleAfter(null, outcome as Outcome, NOW)).toEqual({ since: NOW, ...expected });
  });

  it.each([
    ["a read", { is: "read", grant }, { reads: true, leases: false }],
    ["a renewal", { is: "renewed", id: 1, expiry: 0, horizon: 0, renewAt: 0 }, { reads: false, leases: true }],
    ["a release", { is: "released", id: 1 }, { reads: false, leases: true }],
    [
      "a question for the max TTL",
      { is: "probed", id: 1, found: { expiry: 0, horizon: 0 } },
      { reads: false, leases: true },
    ],
  ] as const)("ends with %s that succeeds, and no sooner than all of it", (_what, outcome, kinds) => {
    expect(troubleAfter(null, outcome as Outcome, NOW)).toBeNull();
    expect(troubleAfter(trouble(kinds), outcome as Outcome, NOW)).toBeNull();
    const both = trouble({ reads: true, leases: true, asked: [5] });
    const left = { reads: !kinds.reads, leases: !kinds.leases };
    expect(troubleAfter(both, outcome as Outcome, NOW)).toEqual({ ...both, ...left });
  });

  it("goes on with another failure, of the same kind or not, from the same beginning", () => {
    const began = trouble({ since: 5, asked: [7] });
    const release = { is: "release failed", id: 1, ...failed } as const;
    expect(troubleAfter(began, release, NOW)).toEqual({ since: 5, reads: true, leases: true, asked: [7] });
  });

  it("counts what is asked meanwhile, for a minute, and nothing without it", () => {
    const asking = { is: "asking", requests: 2 } as const;
    expect(troubleAfter(null, asking, NOW)).toBeNull();
    const asked = [NOW - MINUTE, NOW - MINUTE + 1];
    expect(troubleAfter(trouble({ asked }), asking, NOW)?.asked).toEqual([NOW - MINUTE + 1, NOW, NOW]);
  });

  it("is not changed by what has nothing to do with the server", () => {
    const began = trouble();
    expect(troubleAfter(began, { is: "woken" }, NOW)).toBe(began);
  });
});

describe("a request", () => {
  const times = (count: number, at: number) => Array<number>(count).fill(at);

  it.each([
    ["is free without trouble", null, 2, NOW],
    ["is free as one of ten in the first minute", trouble({ asked: times(8, NOW) }), 2, NOW],
    [
      "waits for the end of that minute as the eleventh",
      trouble({ since: NOW - 5, asked: times(9, NOW) }),
      2,
      NOW - 5 + MINUTE,
    ],
    ["is free when that is over", trouble({ since: NOW - MINUTE, asked: [] }), 2, NOW],
    [
      "waits for a minute without any, where it may cost two",
      trouble({ since: 0, asked: [NOW - 9] }),
      2,
      NOW - 9 + MINUTE,
    ],
    ["is free beside another, where it costs one", trouble({ since: 0, asked: [NOW - 9] }), 1, NOW],
    [
      "waits for the first of two to be a minute old",
      trouble({ since: 0, asked: [NOW - 9, NOW - 5] }),
      1,
      NOW - 9 + MINUTE,
    ],
    [
      "waits for the last of them, where it may cost two",
      trouble({ since: 0, asked: [NOW - 9, NOW - 5] }),
      2,
      NOW - 5 + MINUTE,
    ],
    ["does not wait for what is a minute old", trouble({ since: 0, asked: times(2, NOW - MINUTE) }), 2, NOW],
  ])("%s", (_what, state, requests, at) => {
    expect(freeToAsk(state, requests, NOW)).toBe(at);
  });
});
