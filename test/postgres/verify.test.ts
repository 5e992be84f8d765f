import * as fs from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DatabaseError } from "../../src/errors.ts";
import { Sensitive } from "../../src/sensitive.ts";
import { failure, never, until, usePostgres, validUntil } from "./fixture.ts";

const db = usePostgres();

describe("verify", () => {
  it("logs in with a password full of signs, runs the query and tells the role's oid and life", async () => {
    const user = await db.makeRole("VALID UNTIL 'infinity'");
    const { oids, validFor, warnings } = await db.open().verify(user, never);
    expect(oids).toEqual([await db.oidOf(user)]);
    expect(validFor).toBeNull();
    expect(warnings).toEqual([]);
  });

  it("tells how long Postgres itself will accept new logins (M5)", async () => {
    const user = await db.makeRole(validUntil(90));
    const { validFor } = await db.open().verify(user, never);
    expect(validFor).toBeGreaterThan(60_000);
    expect(validFor).toBeLessThanOrEqual(90_000);
  });

  it("tells the shortest of all servers, of which one may lag behind, or have no end (M5)", async () => {
    const user = await db.makeRole(validUntil(90));
    const columns = "oid, rolname, rolconnlimit";
    // Another server's roles, as of one whose replica has not seen the last renewal.
    await db.admin.query(
      `CREATE SCHEMA behind; GRANT USAGE ON SCHEMA behind TO PUBLIC;
       CREATE VIEW behind.pg_roles AS SELECT ${columns}, rolvaliduntil - interval '60 s' AS rolvaliduntil FROM pg_catalog.pg_roles;
       CREATE SCHEMA endless; GRANT USAGE ON SCHEMA endless TO PUBLIC;
       CREATE VIEW endless.pg_roles AS SELECT ${columns}, 'infinity'::timestamptz AS rolvaliduntil FROM pg_catalog.pg_roles;
       GRANT SELECT ON behind.pg_roles, endless.pg_roles TO PUBLIC`,
    );
    const on = (schema: string) => ({
      connectionUrl: `${db.url({})}&options=-csearch_path%3D${schema},pg_catalog,public`,
    });
    try {
      for (const schemas of [["behind"], ["behind", "endless"], ["endless", "behind"]]) {
        const databases = db.open({}, ...schemas.map(on));
        const { validFor } = await databases.verify(user, never);
        expect(validFor).toBeGreaterThan(20_000);
        expect(validFor).toBeLessThanOrEqual(30_000);
      }
    } finally {
      await db.admin.query("DROP SCHEMA behind, endless CASCADE");
    }
  });

  it("knows the role that logged in even when it is set to its owner (M6)", async () => {
    const owner = await db.makeRole();
    const user = await db.makeRole(`IN ROLE "${owner.username}"`);
    await db.admin.query(`ALTER ROLE "${user.username}" SET ROLE "${owner.username}"`);
    expect((await db.open().verify(user, never)).oids).toEqual([await db.oidOf(user)]);
  });

  it("logs in on every server", async () => {
    const user = await db.makeRole();
    const databases = db.open({}, {});
    expect((await databases.verify(user, never)).oids).toHaveLength(2);
  });

  it("proves the password anew each time, although a connection of the user is open", async () => {
    const user = await db.makeRole();
    const databases = db.open();
    await databases.verify(user, never);
    const wrong = { ...user, password: new Sensitive("another") };
    expect(await failure(databases.verify(wrong, never))).toMatchObject({ sqlstate: "28P01" });
  });

  it("takes nothing from the PG… variables of the environment", async () => {
    const user = await db.makeRole();
    const before = { ...process.env };
    Object.assign(process.env, { PGOPTIONS: "-c nonsense=1", PGSSLMODE: "require", PGPORT: "1", PGUSER: "x" });
    try {
      await db.open().verify(user, never);
    } finally {
      process.env = before;
    }
  });

  it("warns of too little room for two generations (M7)", async () => {
    const user = await db.makeRole("CONNECTION LIMIT 2");
    const databases = db.open();
    expect((await databases.verify(user, never)).room).toEqual([]);
    const application = await db.makeRole();
    for (let i = 0; i < 3; i++) await db.login(application);
    await databases.sessions(user, [await db.watched(application)], never);
    const { room } = await databases.verify(user, never);
    expect(room.join()).toMatch(/the role's CONNECTION LIMIT is 2, 1 in use, 4 more may be needed/);
  });
});

it("looks for room on every server (M7)", async () => {
  const user = await db.makeRole();
  await db.admin.query("CREATE DATABASE narrow CONNECTION LIMIT 1");
  const narrow = db.open({}, { connectionUrl: db.url({ database: "narrow" }) });
  try {
    expect(await narrow.room(user, never)).toEqual([
      expect.stringMatching(/\/narrow: little room .*: the database's CONNECTION LIMIT is 1, 1 in use, 1 more/),
    ]);
  } finally {
    await narrow.close();
    await db.admin.query("DROP DATABASE narrow");
  }
});

describe("what a failure blames (W9)", () => {
  it("28P01, a wrong password: the credential", async () => {
    const user = await db.makeRole();
    const error = await failure(db.open().verify({ ...user, password: new Sensitive("wrong-pa55") }, never));
    expect(error).toMatchObject({ blames: "credential", sqlstate: "28P01" });
    expect(error.message).toContain(`${db.server.port}/tsb as ${user.username}: password authentication failed`);
    expect(error.message).not.toContain("wrong-pa55");
  });

  it("28P01, VALID UNTIL in the past: the credential", async () => {
    const user = await db.makeRole(validUntil(-5));
    const error = await failure(db.open().verify(user, never));
    expect(error).toMatchObject({ blames: "credential", sqlstate: "28P01" });
    expect(error.hint).toMatch(/VALID UNTIL/);
  });

  it("28000, a role that may not log in: the credential", async () => {
    const user = await db.makeRole();
    await db.admin.query(`ALTER ROLE "${user.username}" NOLOGIN`);
    expect(await failure(db.open().verify(user, never))).toMatchObject({ blames: "credential", sqlstate: "28000" });
  });

  it("28000, pg_hba.conf refuses: the server", async () => {
    const user = await db.makeRole();
    const file = join(db.server.folder, "data/pg_hba.conf");
    const rules = await fs.readFile(file, "utf8");
    await fs.writeFile(file, `host all "${user.username}" all reject\n${rules}`);
    await db.admin.query("SELECT pg_reload_conf()");
    try {
      await until(
        async () => (await db.admin.query("SELECT FROM pg_hba_file_rules WHERE auth_method = 'reject'")).rowCount === 1,
      );
      let error: DatabaseError | undefined;
      await until(async () => {
        error = await failure(
          db
            .open()
            .verify(user, never)
            .then(() => Promise.reject(new DatabaseError("server", "not yet"))),
        );
        return error.message !== "not yet";
      });
      expect(error).toMatchObject({ blames: "server", sqlstate: "28000" });
      expect(error?.hint).toMatch(/pg_hba.conf/);
    } finally {
      await fs.writeFile(file, rules);
      await db.admin.query("SELECT pg_reload_conf()");
    }
  });

  it("42501, a verify_query that is forbidden: the privilege", async () => {
    const user = await db.makeRole();
    const error = await failure(db.open({ verifyQuery: "SELECT 1 FROM locked" }).verify(user, never));
    expect(error).toMatchObject({ blames: "privilege", sqlstate: "42501" });
    expect(error.hint).toMatch(/GRANT/);
  });

  it("53300, the role's CONNECTION LIMIT: the server", async () => {
    const user = await db.makeRole("CONNECTION LIMIT 1");
    await db.login(user);
    const error = await failure(db.open().verify(user, never));
    expect(error).toMatchObject({ blames: "server", sqlstate: "53300" });
    expect(error.hint).toMatch(/CONNECTION LIMIT/);
  });

  it("3D000, a database that does not exist: the server", async () => {
    const user = await db.makeRole();
    const error = await failure(db.open({ connectionUrl: db.url({ database: "nowhere" }) }).verify(user, never));
    expect(error).toMatchObject({ blames: "server", sqlstate: "3D000" });
  });

  it("42P01, a verify_query that is wrong: the server", async () => {
    const user = await db.makeRole();
    const error = await failure(db.open({ verifyQuery: "SELECT 1 FROM no_such_table" }).verify(user, never));
    expect(error).toMatchObject({ blames: "server", sqlstate: "42P01" });
  });

  it("57014, a verify_query that takes too long: the server, within the timeout", async () => {
    const user = await db.makeRole();
    const databases = db.open({ verifyQuery: "SELECT pg_sleep(60)", connectTimeout: 200 });
    expect(await failure(databases.verify(user, never))).toMatchObject({ blames: "server", sqlstate: "57014" });
  });

  it("a refused port: the server, with what to look at", async () => {
    const user = await db.makeRole();
    const error = await failure(db.open({ connectionUrl: db.url({ port: await closedPort() }) }).verify(user, never));
    expect(error).toMatchObject({ blames: "server", sqlstate: undefined });
    expect(error.message).toContain("ECONNREFUSED");
    expect(error.hint).toMatch(/nothing listens/);
  });

  it.each(["require", "verify-ca", "verify-full"])("sslmode=%s to a server without TLS: the server", async (mode) => {
    const user = await db.makeRole();
    const error = await failure(db.open({ connectionUrl: db.url({ sslmode: mode }) }).verify(user, never));
    expect(error.blames).toBe("server");
    expect(error.message).toMatch(/does not support SSL/);
    expect(error.hint).toMatch(/sslmode=disable/);
  });

  it("no sslmode is `prefer`: without TLS where the server has none", async () => {
    const user = await db.makeRole();
    await db.open({ connectionUrl: db.url({ sslmode: undefined }) }).verify(user, never);
  });

  it("an sslrootcert that is not there: the server", async () => {
    const user = await db.makeRole();
    const connectionUrl = `${db.url({ sslmode: "verify-full" })}&sslrootcert=/no/such/ca.pem`;
    expect((await failure(db.open({ connectionUrl }).verify(user, never))).message).toMatch(
      /sslrootcert.*cannot be read/,
    );
  });

  it.each([
    ["that accepts and says nothing", "disable", ""],
    ["that does not answer the question for TLS", "require", ""],
    ["that hangs in the middle of TLS", "require", "S"],
    ["that speaks another protocol", "require", "HTTP/1.1 400 Bad Request\r\n\r\n"],
  ])("a server %s: the server, within the timeout", async (_, sslmode, answer) => {
    const user = await db.makeRole();
    await withDeafServer(answer, async (port) => {
      const databases = db.open({ connectionUrl: db.url({ port, sslmode }), connectTimeout: 100 });
      const error = await failure(databases.verify(user, never));
      expect(error.blames).toBe("server");
      expect(error.message).toMatch(/no answer within 100 ms|error establishing an SSL connection/);
    });
  });

  it("an abort ends a login that is under way", async () => {
    const user = await db.makeRole();
    await withDeafServer("", async (port, connected) => {
      const stop = new AbortController();
      const verified = failure(db.open({ connectionUrl: db.url({ port }) }).verify(user, stop.signal));
      await connected;
      stop.abort();
      expect((await verified).message).toMatch(/given up/);
    });
  });

  it("an abort ends a query that is under way", async () => {
    const user = await db.makeRole();
    const stop = new AbortController();
    const databases = db.open({ verifyQuery: "SELECT pg_sleep(60)" });
    const verified = failure(databases.verify(user, stop.signal));
    await until(async () => (await db.activity(user, "state = 'active' AND query LIKE '%pg_sleep%'")) === 1);
    stop.abort();
    expect((await verified).message).toMatch(/given up/);
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
    expect(() => db.open({ connectionUrl })).toThrow(message);
    expect(() => db.open({ connectionUrl })).not.toThrow(/secret-of-admin/);
  });
});
async function closedPort(): Promise<number> {
  const listener = createServer();
  const port = await listen(listener);
  await new Promise((resolve) => listener.close(resolve));
  return port;
}

/** A server that gives one answer to whatever it hears first. */
async function withDeafServer(
  answer: string,
  test: (port: number, connected: Promise<void>) => Promise<void>,
): Promise<void> {
  const sockets: Socket[] = [];
  const listener = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    socket.once("data", () => socket.write(answer));
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
