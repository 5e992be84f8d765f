import { describe, expect, it } from "vitest";
import { endIdleSessions } from "../../src/postgres/queries.ts";
import { failure, never, until, usePostgres, validUntil } from "./fixture.ts";

const db = usePostgres();

describe("sessions", () => {
  it("counts those of each role, ours left out, and tells what else is known", async () => {
    const [current, old] = [await db.makeRole(), await db.makeRole(validUntil(600))];
    await db.login(old);
    await db.login(old);
    const databases = db.open();
    await databases.verify(old, never);
    await databases.verify(current, never);
    const answers = await databases.sessions(current, [await db.watched(old), await db.watched(current)], never);
    expect(answers).toMatchObject([
      { username: old.username, sessions: 2, exists: true, owned: 0 },
      { username: current.username, sessions: 0, exists: true, owned: 0, validFor: null },
    ]);
    expect(answers[0]?.validFor).toBeGreaterThan(500_000);
  });

  it("a role that is dropped under a living session is gone, and its session still counts (W4)", async () => {
    const [current, old] = [await db.makeRole(), await db.makeRole()];
    const role = await db.watched(old);
    const session = await db.login(old);
    await db.dropRole(old);
    const databases = db.open();
    expect(await databases.sessions(current, [role], never)).toMatchObject([{ sessions: 1, exists: false }]);
    await session.end();
    await until(async () => (await databases.sessions(current, [role], never))[0]?.sessions === 0);
  });

  it("counts what keeps a role from being dropped (M6)", async () => {
    const [current, old] = [await db.makeRole(), await db.makeRole()];
    await db.admin.query(`CREATE TABLE "of ${old.username}" (id serial)`);
    await db.admin.query(`ALTER TABLE "of ${old.username}" OWNER TO "${old.username}"`);
    expect(await db.open().sessions(current, [await db.watched(old)], never)).toMatchObject([{ owned: 2 }]);
    await db.admin.query(`DROP TABLE "of ${old.username}"`);
  });

  it("finds a role by its name where the oid is not known", async () => {
    const [current, old] = [await db.makeRole(), await db.makeRole()];
    await db.login(old);
    const role = { username: old.username, oids: [] };
    expect(await db.open().sessions(current, [role], never)).toMatchObject([{ sessions: 1, exists: true }]);
  });

  it("adds up the servers, and leaves out one whose drain is off", async () => {
    const [current, old] = [await db.makeRole(), await db.makeRole()];
    await db.login(old);
    const oid = await db.oidOf(old);
    const role = { username: old.username, oids: [oid, oid] };
    expect(await db.open({}, {}).sessions(current, [role], never)).toMatchObject([{ sessions: 2 }]);
    expect(await db.open({}, { drain: "off" }).sessions(current, [role], never)).toMatchObject([{ sessions: 1 }]);
  });

  it("polls on one connection, closes it when unused, and opens it again", async () => {
    const [current, old] = [await db.makeRole(), await db.makeRole()];
    const databases = db.open();
    await databases.verify(current, never);
    for (let i = 0; i < 5; i++) await databases.sessions(current, [await db.watched(old)], never);
    expect(await db.activity(current, "true")).toBe(1);
    db.clock.advance(59_000);
    expect(await db.activity(current, "true")).toBe(1);
    db.clock.advance(1_001);
    await until(async () => (await db.activity(current, "true")) === 0);
    await databases.sessions(current, [await db.watched(old)], never);
    expect(await db.activity(current, "true")).toBe(1);
  });

  it("survives a server that ends the idle connection, and logs in again", async () => {
    const user = await db.makeRole();
    const databases = db.open();
    await databases.verify(user, never);
    await db.admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", [user.username]);
    await until(async () => (await db.activity(user, "true")) === 0);
    await until(async () => {
      const answer = await databases.sessions(user, [await db.watched(user)], never).catch(() => undefined);
      return answer?.[0]?.exists === true;
    });
  });

  it("answers questions one after the other, and drops one that is no longer asked", async () => {
    const user = await db.makeRole();
    const role = await db.watched(user);
    const databases = db.open();
    const stop = new AbortController();
    const first = databases.sessions(user, [role], never);
    const second = failure(databases.sessions(user, [role], stop.signal));
    const third = databases.sessions(user, [role], never);
    stop.abort();
    expect((await second).message).toMatch(/given up/);
    expect(await first).toEqual(await third);
    expect(await db.activity(user, "true")).toBe(1);
  });

  it("leaves no session behind after close", async () => {
    const user = await db.makeRole();
    const databases = db.open({ drain: "terminate" });
    await databases.verify(user, never);
    await databases.close();
    await until(async () => (await db.activity(user, "true")) === 0);
  });
});

const CONNECTION = { alive: true, encrypted: false, processId: null, end: async () => undefined };

describe("terminate", () => {
  it("ends idle sessions of the user, then all, and never those of another", async () => {
    const [user, other] = [await db.makeRole(), await db.makeRole()];
    await db.login(other);
    await db.login(user);
    const busy = await db.login(user);
    await busy.query("BEGIN; SELECT 1");
    const databases = db.open({ drain: "terminate" });
    await databases.verify(user, never);
    expect(await databases.terminate(user, 0, never)).toBe(1);
    await until(async () => (await db.activity(user, "application_name <> 'lessee'")) === 1);
    expect(await databases.terminate(user, null, never)).toBe(1);
    await until(async () => (await db.activity(user, "application_name <> 'lessee'")) === 0);
    expect(await db.activity(other, "true")).toBe(1);
  });

  it("W5: ends what has rested for so long, and nothing that has just been put back", async () => {
    const user = await db.makeRole();
    await db.login(user);
    const fresh = await db.login(user);
    const databases = db.open({ drain: "terminate" });
    await databases.verify(user, never);
    // A second by Postgres' own clock after both logins.
    await db.admin.query("SELECT pg_sleep(1)");
    await fresh.query("SELECT 1");
    expect(await databases.terminate(user, 900, never)).toBe(1);
    await until(async () => (await db.activity(user, "application_name <> 'lessee'")) === 1);
    expect((await fresh.query("SELECT 1")).rowCount).toBe(1);
  });

  it("W5: spares a session that has had a query, or has begun one, since it was seen to be idle", async () => {
    const user = await db.makeRole();
    const sessions = [await db.login(user), await db.login(user), await db.login(user)] as const;
    const own = await db.login(user);
    let asked = false;
    const ended = await endIdleSessions(
      {
        ...CONNECTION,
        async query(text, values) {
          // Those after the first get to work in between.
          if (text.includes("pg_stat_get_activity") && !asked) {
            asked = true;
            await sessions[1].query("BEGIN");
            await sessions[2].query("SELECT 1");
          }
          return (await own.query(text, [...values])).rows;
        },
      },
      0,
      never,
    );
    expect(ended).toBe(1);
    await expect(sessions[0].query("SELECT 1")).rejects.toThrow();
    for (const spared of sessions.slice(1)) expect((await spared.query("SELECT 1")).rowCount).toBe(1);
  });

  it("works for a role that is set to its owner at login (M6)", async () => {
    const owner = await db.makeRole();
    const user = await db.makeRole(`IN ROLE "${owner.username}"`);
    await db.admin.query(`ALTER ROLE "${user.username}" SET ROLE "${owner.username}"`);
    await db.login(user);
    expect(await db.open().terminate(user, 0, never)).toBe(1);
  });

  it("works when no new login is possible any more (R8)", async () => {
    const user = await db.makeRole();
    const databases = db.open({ drain: "terminate" });
    await db.login(user);
    await databases.verify(user, never);
    await db.admin.query(`ALTER ROLE "${user.username}" ${validUntil(-5)}`);
    db.clock.advance(3_600_000);
    expect(await databases.terminate(user, null, never)).toBe(1);
  });

  it("R8: keeps no connection where nobody is to be ended", async () => {
    const user = await db.makeRole();
    await db.open({ drain: "terminate" }, { drain: "off" }).attach(user, never);
    expect(await db.activity(user, "application_name = 'lessee'")).toBe(1);
  });

  it("lets go of the user's own connection when its role is gone", async () => {
    const [current, old] = [await db.makeRole(), await db.makeRole()];
    const databases = db.open({ drain: "terminate" });
    await databases.verify(old, never);
    const role = await db.watched(old);
    await db.dropRole(old);
    await databases.sessions(current, [role], never);
    const left = "SELECT count(*)::int AS n FROM pg_stat_activity WHERE usesysid = $1";
    await until(async () => (await db.admin.query(left, [role.oids[0]])).rows[0].n === 0);
  });
});
