import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lastCallAt, sessionsEndAt } from "../../src/lease/escalation.ts";
import { endOf, leadOf, settlingOf } from "../../src/lease/schedule.ts";
import type { Policy, Retiring } from "../../src/lease/state.ts";
import { HEARS, type LabSidecar, useLab } from "./lab.ts";
import { anyPolicy, HOUR, held, MINUTE, SECOND, SEED_POLICY } from "./policies.ts";
import { walk } from "./world.ts";

const NEVER = Number.POSITIVE_INFINITY;
const observes: Policy = { ...SEED_POLICY, verifies: true, observes: true, notifies: true };
const every: Policy = { ...observes, escalate: ["notify", "idle", "all"] };

function retiring(changes: Partial<Retiring> = {}): Retiring {
  return {
    ...held(),
    horizon: 24 * HOUR,
    step: "drain",
    publishedAt: 0,
    replacedAt: 22 * HOUR,
    heardAt: null,
    quiet: null,
    sessions: 3,
    lateAt: null,
    remindedAt: null,
    attached: false,
    hasty: false,
    ended: "none",
    failures: 0,
    retryAt: 0,
    ...changes,
  };
}

describe("W5: the escalation", () => {
  const anyRetiring = fc
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
      fc.property(anyPolicy, anyRetiring, (policy, one) => {
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
      fc.property(anyPolicy, anyRetiring, (policy, one) => {
        const wanted = { ...policy, observes: true, terminates: false, escalate: ["idle", "all"] as const };
        expect(sessionsEndAt(one, wanted).idle).toBeGreaterThanOrEqual((one.replacedAt + endOf(one)) / 2);
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
      { numRuns: 12 },
    );
  });
});

describe("an application that does not listen", { timeout: 120_000 }, () => {
  const lab = useLab();
  const DEAF = { connectionMaxLifetime: 5 * MINUTE, quietPeriod: MINUTE, margin: 30 * SECOND };
  const user = ({ keeper }: LabSidecar) => keeper.status().current?.user;

  /** It answers its hook and goes on with the first credential. */
  async function deaf(options: Parameters<typeof lab.start>[0] = {}) {
    await lab.databaseRole("deaf", { default_ttl: "1h", max_ttl: "2h" });
    const sidecar = await lab.start({ ...DEAF, postgres: [lab.block()], role: "deaf", notifiers: [HEARS], ...options });
    const old = user(sidecar);
    const [busy, idle] = [await lab.login(sidecar), await lab.login(sidecar)];
    await busy.query("BEGIN");
    // Until its max TTL is known.
    await sidecar.pass(2 * SECOND);
    sidecar.keeper.take({ is: "rotation asked" });
    await sidecar.until("confirmed");
    return { sidecar, old, busy, idle };
  }

  it("is told again, then its idle sessions end, then all of them, and only then the credential", async () => {
    const { sidecar, old, busy, idle } = await deaf();
    const ends = sidecar.keeper.state().retiring[0]!.horizon;
    const said = await sidecar.until("not listening");
    expect(said).toMatchObject({ user: old, sessions: 2 });
    expect(Math.abs(said.ends! - ends)).toBeLessThan(2 * SECOND);
    expect((await sidecar.until("reminded")).user).toBe(old);
    expect(sidecar.keeper.status().notListening).toMatchObject({ user: old, sessions: 2, urgent: false });
    await sidecar.until("notified");
    await sidecar.until("reminded");
    await sidecar.until("notified");
    expect(sidecar.keeper.status().notListening?.urgent).toBe(true);

    const first = await sidecar.until("terminated");
    expect(first).toMatchObject({ user: old, which: "idle", sessions: 1 });
    await expect(idle.query("SELECT 1")).rejects.toThrow();
    expect((await busy.query("SELECT count(*) FROM orders")).rowCount).toBe(1);
    const second = await sidecar.until("terminated");
    expect(second).toMatchObject({ user: old, which: "all", sessions: 1 });
    expect(sidecar.clock.now()).toBeLessThan(ends);
    expect(ends - sidecar.clock.now()).toBeLessThanOrEqual(DEAF.margin + 3 * SECOND);
    await sidecar.until("released", (event) => event.user === old);
    expect(sidecar.keeper.status().notListening).toMatchObject({ user: null, urgent: true });

    await lab.login(sidecar);
    await sidecar.until("listening again");
    expect(sidecar.keeper.status().notListening).toBeNull();
  });

  it("is noticed early by the sessions that it opens with the old password", async () => {
    const { sidecar, old } = await deaf({ connectionMaxLifetime: HOUR, postgres: [lab.block()], role: "deaf" });
    await sidecar.pass(2 * MINUTE);
    expect(sidecar.count("not listening")).toBe(0);
    await lab.loginAs(sidecar, old!);
    await sidecar.until("not listening");
    expect(sidecar.clock.now() - sidecar.keeper.state().retiring[0]!.replacedAt).toBeLessThan(5 * MINUTE);
  });

  it("R8: is cut off where its user may log in no more, by a connection that was opened at the publish", async () => {
    const { sidecar, old } = await deaf();
    await sidecar.pass(MINUTE);
    const own = "SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename = $1 AND application_name = 'lessee'";
    expect((await lab.admin.query(own, [old])).rows).toEqual([{ n: 1 }]);
    await lab.admin.query(`ALTER ROLE "${old}" NOLOGIN`);
    await sidecar.until("terminated", ({ which }) => which === "all");
    expect(sidecar.events.filter((event) => event.is === "terminated").map((event) => event.sessions)).toEqual([1, 1]);
    await sidecar.until("released", (event) => event.user === old);
    expect((await lab.admin.query(own, [old])).rows).toEqual([{ n: 0 }]);
  });

  it("loses nothing by us with escalate = []", async () => {
    const { sidecar, old, idle } = await deaf({ escalate: [] });
    await sidecar.until("not listening");
    await sidecar.pass(30 * MINUTE);
    expect((await idle.query("SELECT 1")).rowCount).toBe(1);
    await sidecar.until("lost", (event) => event.user === old);
    expect([sidecar.count("terminated"), sidecar.count("reminded")]).toEqual([0, 0]);
  });
});
