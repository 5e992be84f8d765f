import * as fs from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RunningPostgres, startPostgres } from "../../dev/postgres.ts";
import type { PostgresConfig } from "../../src/config/types.ts";
import { DatabaseError } from "../../src/errors.ts";
import type { Clock, Databases, DatabaseUser } from "../../src/ports.ts";
import { openDatabases } from "../../src/postgres/databases.ts";
import { Sensitive } from "../../src/sensitive.ts";

const PASSWORD = "p@ss/w:rd?#%&é";
const never = new AbortController().signal;

let server: RunningPostgres;
let admin: pg.Client;
let clock: TestClock;
const opened: Databases[] = [];
const clients: pg.Client[] = [];
let roles = 0;

beforeAll(async () => {
  server = await startPostgres();
  admin = new pg.Client(server.url);
  await admin.connect();
  await admin.query("CREATE TABLE orders (id int); CREATE TABLE locked (id int)");
});
afterAll(async () => {
  await admin?.end();
  await server?.stop();
});
beforeEach(() => {
  clock = testClock();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((databases) => databases.close()));
  await Promise.all(clients.splice(0).map((client) => client.end()));
});

describe("verify", () => {
  it("logs in with a password full of signs, runs the query and tells the role's oid and life", async () => {
    const user = await makeRole("VALID UNTIL 'infinity'");
    const { oids, validFor, warnings } = await open().verify(user, never);
    expect(oids).toEqual([await oidOf(user)]);
    expect(validFor).toBeNull();
    expect(warnings).toEqual([]);
  });

  it("tells how long Postgres itself will accept new logins (M5)", async () => {
    const user = await makeRole(validUntil(90));
    const { validFor } = await open().verify(user, never);
    expect(validFor).toBeGreaterThan(60_000);
    expect(validFor).toBeLessThanOrEqual(90_000);
  });

  it("knows the role that logged in even when it is set to its owner (M6)", async () => {
    const owner = await makeRole();
    const user = await makeRole(`IN ROLE "${owner.username}"`);
    await admin.query(`ALTER ROLE "${user.username}" SET ROLE "${owner.username}"`);
    expect((await open().verify(user, never)).oids).toEqual([await oidOf(user)]);
  });

  it("logs in on every server", async () => {
    const user = await makeRole();
    const databases = open({}, {});
    expect((await databases.verify(user, never)).oids).toHaveLength(2);
  });

  it("proves the password anew each time, although a connection of the user is open", async () => {
    const user = await makeRole();
    const databases = open();
    await databases.verify(user, never);
    const wrong = { ...user, password: new Sensitive("another") };
    expect(await failure(databases.verify(wrong, never))).toMatchObject({ sqlstate: "28P01" });
  });

  it("takes nothing from the PG… variables of the environment", async () => {
    const user = await makeRole();
    const before = { ...process.env };
    Object.assign(process.env, { PGOPTIONS: "-c nonsense=1", PGSSLMODE: "require", PGPORT: "1", PGUSER: "x" });
    try {
      await open().verify(user, never);
    } finally {
      process.env = before;
    }
  });

  it("warns of too little room for two generations (M7)", async () => {
    const user = await makeRole("CONNECTION LIMIT 2");
    const databases = open();
    expect((await databases.verify(user, never)).warnings).toEqual([]);
    const application = await makeRole();
    for (let i = 0; i < 3; i++) await login(application);
    await databases.sessions(user, [await watched(application)], never);
    const { warnings } = await databases.verify(user, never);
    expect(warnings.join()).toMatch(/the role's CONNECTION LIMIT is 2, 1 in use, 4 more may be needed/);
  });
});

describe("what a failure blames (W9)", () => {
  it("28P01, a wrong password: the credential", async () => {
    const user = await makeRole();
    const error = await failure(open().verify({ ...user, password: new Sensitive("wrong-pa55") }, never));
    expect(error).toMatchObject({ blames: "credential", sqlstate: "28P01" });
    expect(error.message).toContain(`${server.port}/tsb as ${user.username}: password authentication failed`);
    expect(error.message).not.toContain("wrong-pa55");
  });

  it("28P01, VALID UNTIL in the past: the credential", async () => {
    const user = await makeRole(validUntil(-5));
    const error = await failure(open().verify(user, never));
    expect(error).toMatchObject({ blames: "credential", sqlstate: "28P01" });
    expect(error.hint).toMatch(/VALID UNTIL/);
  });

  it("28000, a role that may not log in: the credential", async () => {
    const user = await makeRole();
    await admin.query(`ALTER ROLE "${user.username}" NOLOGIN`);
    expect(await failure(open().verify(user, never))).toMatchObject({ blames: "credential", sqlstate: "28000" });
  });

  it("28000, pg_hba.conf refuses: the server", async () => {
    const user = await makeRole();
    const file = join(server.folder, "data/pg_hba.conf");
    const rules = await fs.readFile(file, "utf8");
    await fs.writeFile(file, `host all "${user.username}" all reject\n${rules}`);
    await admin.query("SELECT pg_reload_conf()");
    try {
      await until(
        async () => (await admin.query("SELECT FROM pg_hba_file_rules WHERE auth_method = 'reject'")).rowCount === 1,
      );
      let error: DatabaseError | undefined;
      await until(async () => {
        error = await failure(
          open()
            .verify(user, never)
            .then(() => Promise.reject(new DatabaseError("server", "not yet"))),
        );
        return error.message !== "not yet";
      });
      expect(error).toMatchObject({ blames: "server", sqlstate: "28000" });
      expect(error?.hint).toMatch(/pg_hba.conf/);
    } finally {
      await fs.writeFile(file, rules);
      await admin.query("SELECT pg_reload_conf()");
    }
  });

  it("42501, a verify_query that is forbidden: the privilege", async () => {
    const user = await makeRole();
    const error = await failure(open({ verifyQuery: "SELECT 1 FROM locked" }).verify(user, never));
    expect(error).toMatchObject({ blames: "privilege", sqlstate: "42501" });
    expect(error.hint).toMatch(/GRANT/);
  });

  it("53300, the role's CONNECTION LIMIT: the server", async () => {
    const user = await makeRole("CONNECTION LIMIT 1");
    await login(user);
    const error = await failure(open().verify(user, never));
    expect(error).toMatchObject({ blames: "server", sqlstate: "53300" });
    expect(error.hint).toMatch(/CONNECTION LIMIT/);
  });

  it("3D000, a database that does not exist: the server", async () => {
    const user = await makeRole();
    const error = await failure(open({ connectionUrl: url({ database: "nowhere" }) }).verify(user, never));
    expect(error).toMatchObject({ blames: "server", sqlstate: "3D000" });
  });

  it("42P01, a verify_query that is wrong: the server", async () => {
    const user = await makeRole();
    const error = await failure(open({ verifyQuery: "SELECT 1 FROM no_such_table" }).verify(user, never));
    expect(error).toMatchObject({ blames: "server", sqlstate: "42P01" });
  });

  it("57014, a verify_query that takes too long: the server, within the timeout", async () => {
    const user = await makeRole();
    const databases = open({ verifyQuery: "SELECT pg_sleep(60)", connectTimeout: 200 });
    expect(await failure(databases.verify(user, never))).toMatchObject({ blames: "server", sqlstate: "57014" });
  });

  it("a refused port: the server, with what to look at", async () => {
    const user = await makeRole();
    const error = await failure(open({ connectionUrl: url({ port: await closedPort() }) }).verify(user, never));
    expect(error).toMatchObject({ blames: "server", sqlstate: undefined });
    expect(error.message).toContain("ECONNREFUSED");
    expect(error.hint).toMatch(/nothing listens/);
  });

  it.each(["require", "verify-ca", "verify-full"])("sslmode=%s to a server without TLS: the server", async (mode) => {
    const user = await makeRole();
    const error = await failure(open({ connectionUrl: url({ sslmode: mode }) }).verify(user, never));
    expect(error.blames).toBe("server");
    expect(error.message).toMatch(/does not support SSL/);
    expect(error.hint).toMatch(/sslmode=disable/);
  });

  it("no sslmode is `prefer`: without TLS where the server has none", async () => {
    const user = await makeRole();
    await open({ connectionUrl: url({ sslmode: undefined }) }).verify(user, never);
  });

  it("an sslrootcert that is not there: the server", async () => {
    const user = await makeRole();
    const connectionUrl = `${url({ sslmode: "verify-full" })}&sslrootcert=/no/such/ca.pem`;
    expect((await failure(open({ connectionUrl }).verify(user, never))).message).toMatch(/sslrootcert.*cannot be read/);
  });

  it("a server that accepts and says nothing: the server, within the timeout", async () => {
    const user = await makeRole();
    await withSilentServer(async (port) => {
      const databases = open({ connectionUrl: url({ port }), connectTimeout: 100 });
      const error = await failure(databases.verify(user, never));
      expect(error.blames).toBe("server");
      expect(error.message).toMatch(/no answer within 100 ms/);
    });
  });

  it("an abort ends a login that is under way", async () => {
    const user = await makeRole();
    await withSilentServer(async (port, connected) => {
      const stop = new AbortController();
      const verified = failure(open({ connectionUrl: url({ port }) }).verify(user, stop.signal));
      await connected;
      stop.abort();
      expect((await verified).message).toMatch(/given up/);
    });
  });

  it("an abort ends a query that is under way", async () => {
    const user = await makeRole();
    const stop = new AbortController();
    const databases = open({ verifyQuery: "SELECT pg_sleep(60)" });
    const verified = failure(databases.verify(user, stop.signal));
    await until(async () => (await activity(user, "state = 'active' AND query LIKE '%pg_sleep%'")) === 1);
    stop.abort();
    expect((await verified).message).toMatch(/given up/);
  });
});

describe("sessions", () => {
  it("counts those of each role, ours left out, and tells what else is known", async () => {
    const [current, old] = [await makeRole(), await makeRole(validUntil(600))];
    await login(old);
    await login(old);
    const databases = open();
    await databases.verify(old, never);
    await databases.verify(current, never);
    const answers = await databases.sessions(current, [await watched(old), await watched(current)], never);
    expect(answers).toMatchObject([
      { username: old.username, sessions: 2, exists: true, owned: 0 },
      { username: current.username, sessions: 0, exists: true, owned: 0, validFor: null },
    ]);
    expect(answers[0]?.validFor).toBeGreaterThan(500_000);
  });

  it("a role that is dropped under a living session is gone, and its session still counts (W4)", async () => {
    const [current, old] = [await makeRole(), await makeRole()];
    const role = await watched(old);
    const session = await login(old);
    await dropRole(old);
    const databases = open();
    expect(await databases.sessions(current, [role], never)).toMatchObject([{ sessions: 1, exists: false }]);
    await session.end();
    await until(async () => (await databases.sessions(current, [role], never))[0]?.sessions === 0);
  });

  it("counts what keeps a role from being dropped (M6)", async () => {
    const [current, old] = [await makeRole(), await makeRole()];
    await admin.query(`CREATE TABLE "of ${old.username}" (id serial)`);
    await admin.query(`ALTER TABLE "of ${old.username}" OWNER TO "${old.username}"`);
    expect(await open().sessions(current, [await watched(old)], never)).toMatchObject([{ owned: 2 }]);
    await admin.query(`DROP TABLE "of ${old.username}"`);
  });

  it("finds a role by its name where the oid is not known", async () => {
    const [current, old] = [await makeRole(), await makeRole()];
    await login(old);
    const role = { username: old.username, oids: [] };
    expect(await open().sessions(current, [role], never)).toMatchObject([{ sessions: 1, exists: true }]);
  });

  it("adds up the servers, and leaves out one whose drain is off", async () => {
    const [current, old] = [await makeRole(), await makeRole()];
    await login(old);
    const oid = await oidOf(old);
    const role = { username: old.username, oids: [oid, oid] };
    expect(await open({}, {}).sessions(current, [role], never)).toMatchObject([{ sessions: 2 }]);
    expect(await open({}, { drain: "off" }).sessions(current, [role], never)).toMatchObject([{ sessions: 1 }]);
  });

  it("polls on one connection, closes it when unused, and opens it again", async () => {
    const [current, old] = [await makeRole(), await makeRole()];
    const databases = open();
    await databases.verify(current, never);
    for (let i = 0; i < 5; i++) await databases.sessions(current, [await watched(old)], never);
    expect(await activity(current, "true")).toBe(1);
    clock.advance(59_000);
    expect(await activity(current, "true")).toBe(1);
    clock.advance(1_001);
    await until(async () => (await activity(current, "true")) === 0);
    await databases.sessions(current, [await watched(old)], never);
    expect(await activity(current, "true")).toBe(1);
  });

  it("survives a server that ends the idle connection, and logs in again", async () => {
    const user = await makeRole();
    const databases = open();
    await databases.verify(user, never);
    await admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", [user.username]);
    await until(async () => (await activity(user, "true")) === 0);
    await until(async () => {
      const answer = await databases.sessions(user, [await watched(user)], never).catch(() => undefined);
      return answer?.[0]?.exists === true;
    });
  });

  it("answers questions one after the other, and drops one that is no longer asked", async () => {
    const user = await makeRole();
    const role = await watched(user);
    const databases = open();
    const stop = new AbortController();
    const first = databases.sessions(user, [role], never);
    const second = failure(databases.sessions(user, [role], stop.signal));
    const third = databases.sessions(user, [role], never);
    stop.abort();
    expect((await second).message).toMatch(/given up/);
    expect(await first).toEqual(await third);
    expect(await activity(user, "true")).toBe(1);
  });

  it("leaves no session behind after close", async () => {
    const user = await makeRole();
    const databases = open({ drain: "terminate" });
    await databases.verify(user, never);
    await databases.close();
    await until(async () => (await activity(user, "true")) === 0);
  });
});

describe("terminate", () => {
  it("ends idle sessions of the user, then all, and never those of another", async () => {
    const [user, other] = [await makeRole(), await makeRole()];
    await login(other);
    await login(user);
    const busy = await login(user);
    await busy.query("BEGIN; SELECT 1");
    const databases = open({ drain: "terminate" });
    await databases.verify(user, never);
    expect(await databases.terminate(user, "idle", never)).toBe(1);
    await until(async () => (await activity(user, "application_name <> 'lessee'")) === 1);
    expect(await databases.terminate(user, "all", never)).toBe(1);
    await until(async () => (await activity(user, "application_name <> 'lessee'")) === 0);
    expect(await activity(other, "true")).toBe(1);
  });

  it("works for a role that is set to its owner at login (M6)", async () => {
    const owner = await makeRole();
    const user = await makeRole(`IN ROLE "${owner.username}"`);
    await admin.query(`ALTER ROLE "${user.username}" SET ROLE "${owner.username}"`);
    await login(user);
    expect(await open().terminate(user, "idle", never)).toBe(1);
  });

  it("works when no new login is possible any more (R8)", async () => {
    const user = await makeRole();
    const databases = open({ drain: "terminate" });
    await login(user);
    await databases.verify(user, never);
    await admin.query(`ALTER ROLE "${user.username}" ${validUntil(-5)}`);
    clock.advance(3_600_000);
    expect(await databases.terminate(user, "all", never)).toBe(1);
  });

  it("lets go of the user's own connection when its role is gone", async () => {
    const [current, old] = [await makeRole(), await makeRole()];
    const databases = open({ drain: "terminate" });
    await databases.verify(old, never);
    const role = await watched(old);
    await dropRole(old);
    await databases.sessions(current, [role], never);
    const left = "SELECT count(*)::int AS n FROM pg_stat_activity WHERE usesysid = $1";
    await until(async () => (await admin.query(left, [role.oids[0]])).rows[0].n === 0);
  });
});

describe("a connection_url that cannot be used is said at once", () => {
  it.each([
    ["postgresql://{{username}}:{{password}}@a:1,b:2/db", /several hosts/],
    ["mysql://{{username}}:{{password}}@a/db", /begins with mysql:/],
    ["postgresql://admin:secret-of-admin@a/db", /names the user "admin"/],
    ["postgresql://user:secret-of-admin@a/db", /names the user "user"/],
    ["postgresql://a/db?port=x", /port is not a number/],
    ["postgresql://a/db?sslmode=on", /sslmode=on is not known/],
    ["postgresql://a/db?sslmod=require", /parameter "sslmod" is not known/],
    ["no url", /not a URL/],
  ])("%s", (connectionUrl, message) => {
    expect(() => open({ connectionUrl })).toThrow(message);
    expect(() => open({ connectionUrl })).not.toThrow(/secret-of-admin/);
  });
});

function open(...configs: readonly Partial<PostgresConfig>[]): Databases {
  const blocks = (configs.length === 0 ? [{}] : configs).map(
    (config): PostgresConfig => ({
      connectionUrl: url({}),
      verifyQuery: "SELECT 1 FROM orders LIMIT 1",
      drain: "watch",
      connectTimeout: 10_000,
      ...config,
    }),
  );
  const databases = openDatabases(blocks, { clock, files: fs });
  opened.push(databases);
  return databases;
}

function url(parts: { port?: number; database?: string; sslmode?: string | undefined }): string {
  const { port = server.port, database = server.database } = parts;
  const mode = "sslmode" in parts ? parts.sslmode : "disable";
  return `postgresql://{{username}}:{{password}}@${server.host}:${port}/${database}${mode ? `?sslmode=${mode}` : ""}`;
}

async function makeRole(clause = ""): Promise<DatabaseUser> {
  const username = `v-kubernet-pg-role-${++roles}`;
  await admin.query(`CREATE ROLE "${username}" LOGIN PASSWORD '${PASSWORD}' ${clause}`);
  await admin.query(`GRANT SELECT ON orders TO "${username}"`);
  return { username, password: new Sensitive(PASSWORD) };
}

async function dropRole(user: DatabaseUser): Promise<void> {
  await admin.query(`REVOKE ALL ON orders FROM "${user.username}"; DROP ROLE "${user.username}"`);
}

function validUntil(seconds: number): string {
  return `VALID UNTIL '${new Date(Date.now() + seconds * 1000).toISOString()}'`;
}

async function oidOf(user: DatabaseUser): Promise<number> {
  return (await admin.query("SELECT oid::int8::float8 AS oid FROM pg_roles WHERE rolname = $1", [user.username]))
    .rows[0].oid;
}

async function watched(user: DatabaseUser) {
  return { username: user.username, oids: [await oidOf(user)] };
}

/** A session of the application. */
async function login(user: DatabaseUser): Promise<pg.Client> {
  const { host, port, database } = server;
  const client = new pg.Client({ host, port, database, user: user.username, password: user.password.reveal() });
  client.on("error", () => undefined);
  await client.connect();
  clients.push(client);
  return client;
}

async function activity(user: DatabaseUser, condition: string): Promise<number> {
  const text = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename = $1 AND ${condition}`;
  return (await admin.query(text, [user.username])).rows[0].n;
}

async function failure(work: Promise<unknown>): Promise<DatabaseError> {
  const error = await work.then(
    () => new Error("it did not fail"),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof DatabaseError)) throw error;
  return error;
}

/** Postgres tells of the end of a session only by no longer showing it. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
}

async function closedPort(): Promise<number> {
  const listener = createServer();
  const port = await listen(listener);
  await new Promise((resolve) => listener.close(resolve));
  return port;
}

async function withSilentServer(test: (port: number, connected: Promise<void>) => Promise<void>): Promise<void> {
  const sockets: Socket[] = [];
  const listener = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
  });
  const connected = new Promise<void>((resolve) => listener.once("connection", () => resolve()));
  try {
    await test(await listen(listener), connected);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => listener.close(resolve));
  }
}

async function listen(listener: Server): Promise<number> {
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("not a port");
  return address.port;
}

interface TestClock extends Clock {
  advance(by: number): void;
}

function testClock(): TestClock {
  let now = 1_000_000;
  const sleepers = new Set<{ until: number; wake: () => void }>();
  return {
    now: () => now,
    sleep: (wakeAt, signal) =>
      new Promise((resolve) => {
        const sleeper = { until: wakeAt, wake: resolve };
        sleepers.add(sleeper);
        signal.addEventListener("abort", () => {
          sleepers.delete(sleeper);
          resolve();
        });
      }),
    advance(by) {
      now += by;
      for (const sleeper of sleepers) {
        if (sleeper.until <= now) {
          sleepers.delete(sleeper);
          sleeper.wake();
        }
      }
    },
  };
}
