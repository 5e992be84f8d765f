/** Two real servers, a primary and its streaming replica: what one `postgres` block for each makes of them. */
import * as fs from "node:fs/promises";
import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Replica, startReplica } from "../../dev/postgres/replica.ts";
import { type RunningPostgres, startPostgres } from "../../dev/postgres.ts";
import { DatabaseError } from "../../src/errors.ts";
import type { Databases, DatabaseUser } from "../../src/ports.ts";
import { openDatabases } from "../../src/postgres/databases.ts";
import { Sensitive } from "../../src/sensitive.ts";
import { never, testClock } from "./fixture.ts";

let primary: RunningPostgres;
let replica: Replica;
let admin: pg.Client;
let databases: Databases;
let users = 0;

beforeAll(async () => {
  primary = await startPostgres({ replicas: true });
  admin = new pg.Client(primary.url);
  await admin.connect();
  await admin.query("CREATE TABLE orders (id int)");
  replica = await startReplica(primary);
  databases = openDatabases([block(primary.port), block(replica.port)], { clock: testClock(), files: fs });
}, 60_000);

afterAll(async () => {
  await databases?.close();
  await admin?.end();
  await replica?.stop();
  await primary?.stop();
});

function block(port: number) {
  return {
    connectionUrl: `postgresql://{{username}}:{{password}}@${primary.host}:${port}/${primary.database}?sslmode=disable`,
    verifyQuery: "SELECT count(*) FROM orders",
    drain: "watch" as const,
    connectTimeout: 10_000,
  };
}

async function makeRole(): Promise<DatabaseUser> {
  const user = { username: `v-replica-${++users}`, password: new Sensitive(`secret-${users}`) };
  await admin.query(`CREATE ROLE "${user.username}" LOGIN PASSWORD '${user.password.reveal()}'`);
  await admin.query(`GRANT SELECT ON orders TO "${user.username}"`);
  return user;
}

async function login({ username, password }: DatabaseUser, port: number): Promise<pg.Client> {
  const { host, database } = primary;
  const client = new pg.Client({ host, port, database, user: username, password: password.reveal() });
  client.on("error", () => {});
  await client.connect();
  return client;
}

it("W9: a replica that lags refuses a new user for a moment, and a retry is all that it takes", async () => {
  await replica.lag();
  const user = await makeRole();
  const refused = await databases.verify(user, never).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(DatabaseError);
  expect(refused).toMatchObject({ blames: "credential", sqlstate: "28P01" });
  expect((refused as DatabaseError).message).toContain(`:${replica.port}/`);
  await replica.catchUp();
  const { oids } = await databases.verify(user, never);
  expect(oids[0]).toBe(oids[1]);
});

it("M12: sessions on the replica keep the old user as those on the primary do, and are ended with them", async () => {
  const [old, current] = [await makeRole(), await makeRole()];
  await replica.catchUp();
  const { oids } = await databases.verify(old, never);
  const role = { username: old.username, oids };
  await databases.attach(old, never);
  const sessions = async () => (await databases.sessions(current, [role], never))[0]?.sessions;
  expect(await sessions()).toBe(0);
  const there = [await login(old, replica.port), await login(old, replica.port), await login(old, primary.port)];
  expect(await sessions()).toBe(3);
  await there[2]!.end();
  // The view of one server knows nothing of the other: without its block these two would not be seen.
  await expect.poll(sessions).toBe(2);
  await admin.query(`ALTER ROLE "${old.username}" NOLOGIN`);
  await replica.catchUp();
  expect(await databases.terminate(old, null, never)).toBe(2);
  await expect.poll(sessions).toBe(0);
});

it("W7: a role is gone when it is gone on every server", async () => {
  const [old, current] = [await makeRole(), await makeRole()];
  await replica.catchUp();
  const role = { username: old.username, oids: (await databases.verify(old, never)).oids };
  await databases.forget(old.username);
  await replica.lag();
  await admin.query(`DROP OWNED BY "${old.username}"; DROP ROLE "${old.username}"`);
  const exists = async () => (await databases.sessions(current, [role], never))[0]?.exists;
  expect(await exists()).toBe(true);
  await replica.catchUp();
  expect(await exists()).toBe(false);
});
