/** What happens to an application that does not listen, with a real Postgres. */
import { describe, expect, it } from "vitest";
import { HEARS, type LabSidecar, useLab } from "./lab.ts";
import { HOUR, MINUTE, SECOND } from "./policies.ts";

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
