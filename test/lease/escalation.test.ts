import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lastCallAt, sessionsEndAt, sweepOf } from "../../src/lease/escalation.ts";
import { endOf, leadOf, settlingOf } from "../../src/lease/schedule.ts";
import type { Policy, Retiring } from "../../src/lease/state.ts";
import { runs } from "./laws.ts";
import { anyPolicy, retiring as anyRetiring, HOUR, MINUTE, SECOND, SEED_POLICY } from "./policies.ts";
import { walk } from "./world.ts";

const NEVER = Number.POSITIVE_INFINITY;
const observes: Policy = { ...SEED_POLICY, verifies: true, observes: true, notifies: true };
const every: Policy = { ...observes, escalate: ["notify", "idle", "all"] };

function retiring(changes: Partial<Retiring> = {}): Retiring {
  return anyRetiring({ horizon: 24 * HOUR, replacedAt: 22 * HOUR, sessions: 3, ...changes });
}

describe("W5: the escalation", () => {
  const anyOld = fc
    .record({
      replacedAt: fc.nat(24 * HOUR),
      left: fc.nat(24 * HOUR),
      heardAfter: fc.option(fc.nat(24 * HOUR)),
    })
    .map(({ replacedAt, left, heardAfter }) =>
      retiring({
        replacedAt,
        horizon: replacedAt + left,
        heardAt: heardAfter === null ? null : replacedAt + heardAfter,
      }),
    );

  it("has told the application again, then ended its idle sessions, then all, before the credential ends, heard or not", () => {
    fc.assert(
      fc.property(anyPolicy, anyOld, (policy, one) => {
        const wanted = { ...policy, observes: true, escalate: ["notify", "idle", "all"] as const };
        const { idle, all } = sessionsEndAt(one, wanted);
        const end = endOf(one);
        expect(lastCallAt(one, wanted)).toBeLessThanOrEqual(Math.max(end, one.replacedAt));
        expect(idle).toBeLessThanOrEqual(end);
        expect(all).toBeLessThanOrEqual(end);
        if (!policy.terminates) {
          expect(lastCallAt(one, wanted)).toBeLessThanOrEqual(idle);
          expect(idle).toBeLessThanOrEqual(all);
        }
      }),
    );
  });

  it("never comes before half of the time for the change is over, however short that is", () => {
    fc.assert(
      fc.property(anyPolicy, anyOld, (policy, one) => {
        const wanted = { ...policy, observes: true, terminates: false, escalate: ["idle", "all"] as const };
        expect(sessionsEndAt(one, wanted).idle).toBeGreaterThanOrEqual((one.replacedAt + endOf(one)) / 2);
      }),
    );
  });

  it("looks for idle sessions a few times, and asks for an ever shorter rest", () => {
    fc.assert(
      fc.property(anyPolicy, anyOld, (policy, one) => {
        const wanted = { ...policy, observes: true, escalate: ["notify", "idle", "all"] as const };
        const { idle, all } = sessionsEndAt(one, wanted);
        const until = Math.min(all, endOf(one));
        let swept: Retiring = one;
        let [sweeps, rest] = [0, 1_000];
        for (let now = idle; now < until; now = sweepOf(swept, now, wanted).at) {
          const { at, idleFor } = sweepOf(swept, now, wanted);
          expect(at).toBeLessThanOrEqual(now);
          expect(idleFor).toBeLessThanOrEqual(rest);
          expect(idleFor).toBeGreaterThanOrEqual(20);
          [sweeps, rest, swept] = [sweeps + 1, idleFor, { ...swept, sweptAt: now }];
          expect(sweepOf(swept, now, wanted).at).toBeGreaterThanOrEqual(now + 50);
        }
        expect(sweeps).toBeLessThanOrEqual(Math.max(13, (until - idle) / 500 + 1));
        if (sweeps > 6) expect(rest).toBe(20);
      }),
    );
  });

  it("leaves alone who has heard in time: every connection has closed by itself before a step is due", () => {
    const one = retiring({ horizon: 24 * HOUR, replacedAt: 24 * HOUR - leadOf(every, 0) + every.preparation });
    const { idle } = sessionsEndAt(one, every);
    expect(one.replacedAt + every.hearing - every.quietPeriod + settlingOf(every)).toBeLessThanOrEqual(idle);
  });

  it("leaves connections that may still close by themselves to the last second, where the TTLs leave them no more", () => {
    // Heard when less than a connection's life is left: whatever is ended before its end is a query lost.
    const one = retiring({ heardAt: 23.5 * HOUR });
    expect(sessionsEndAt(one, every)).toEqual({ idle: 24 * HOUR - 1_000, all: 24 * HOUR - 500 });
    // Who is not told opens a new one when an old one has had its time, and not before.
    const untold = { ...retiring(), replacedAt: 23.5 * HOUR };
    expect(sessionsEndAt(untold, { ...every, notifies: false }).idle).toBe(24 * HOUR - 1_000);
    expect(sessionsEndAt(untold, { ...every, notifies: true }).idle).toBeLessThan(24 * HOUR - 1_000);
    // One that was opened after the change is no such connection.
    const late = sessionsEndAt({ ...one, lateAt: 23.6 * HOUR }, every);
    expect(late.idle).toBe(24 * HOUR - every.margin - every.quietPeriod);
  });

  it("moves forward where heard comes late, and the deadline stays", () => {
    const terminate = { ...observes, terminates: true };
    const heardAt = 22 * HOUR;
    const late = heardAt + HOUR;
    expect(sessionsEndAt(retiring({ heardAt }), terminate).idle).toBe(heardAt + settlingOf(terminate));
    const { idle, all } = sessionsEndAt(retiring({ heardAt: late }), { ...terminate, escalate: ["idle", "all"] });
    expect(idle).toBe(24 * HOUR - 1_000);
    expect(all).toBe(24 * HOUR - 500);
  });

  it.each([
    { escalate: [], idle: false, all: false },
    { escalate: ["notify"], idle: false, all: false },
    { escalate: ["idle"], idle: true, all: false },
    { escalate: ["all"], idle: false, all: true },
  ] as const)("with $escalate ends no sessions that it was not asked to", ({ escalate, idle, all }) => {
    const times = sessionsEndAt(retiring(), { ...observes, escalate });
    expect([times.idle < NEVER, times.all < NEVER]).toEqual([idle, all]);
  });

  it("has no date where the end is not known, or the sessions cannot be seen", () => {
    expect(sessionsEndAt(retiring({ horizon: NEVER }), every)).toEqual({ idle: NEVER, all: NEVER });
    expect(sessionsEndAt(retiring(), { ...every, observes: false })).toEqual({ idle: NEVER, all: NEVER });
  });

  it("reaches an application that answers every hook and never takes another credential, whatever the times", {
    timeout: 120_000,
  }, () => {
    const times = fc.record({
      seed: fc.integer(),
      life: fc.integer({ min: 10 * MINUTE, max: 4 * HOUR }),
      connectionMaxLifetime: fc.option(fc.integer({ min: SECOND, max: 20 * MINUTE })),
      margin: fc.integer({ min: 2 * SECOND, max: 10 * SECOND }),
      quietPeriod: fc.integer({ min: 10 * SECOND, max: 30 * SECOND }),
      notifies: fc.boolean(),
      terminates: fc.boolean(),
    });
    fc.assert(
      fc.property(times, ({ seed, life, ...changes }) => {
        const policy = { ...every, ...changes, readerGrace: 5 * SECOND, hearing: 10 * SECOND };
        fc.pre(life >= 2 * leadOf(policy, life));
        const { broken, replaced, deafAt } = walk({
          seed,
          policy,
          ttl: life / 2,
          maxTtl: life,
          tokenTtl: NEVER,
          trouble: 0,
          steps: 30_000,
          stopAfter: 30_000,
          release: "never",
          deaf: true,
        });
        expect(broken).toEqual([]);
        const [first] = replaced;
        if (first === undefined) return;
        expect(first.ended.map(({ which }) => which)).toEqual(["idle", "all"]);
        for (const { at } of first.ended) expect(at).toBeLessThan(first.end);
        const half = (first.replacedAt + first.end) / 2 - SECOND;
        if (!policy.terminates) expect(first.ended[0]!.at).toBeGreaterThanOrEqual(half);
        expect(deafAt[0]).toBeLessThan(first.ended[0]!.at);
      }),
      { numRuns: runs(12) },
    );
  });
});
