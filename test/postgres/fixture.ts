/** A Postgres for one test file, with what its tests need of it. Everything is closed after each test. */
import * as fs from "node:fs/promises";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { type RunningPostgres, startPostgres } from "../../dev/postgres.ts";
import type { PostgresConfig } from "../../src/config/types.ts";
import { DatabaseError } from "../../src/errors.ts";
import type { Clock, Databases, DatabaseUser, WatchedRole } from "../../src/ports.ts";
import { openDatabases } from "../../src/postgres/databases.ts";
import { Sensitive } from "../../src/sensitive.ts";

/** Signs that a URL, a connection string or SQL could stumble over. */
const PASSWORD = "p@ss/w:rd?#%&é";

export const never = new AbortController().signal;

export interface Fixture {
  readonly server: RunningPostgres;
  /** A superuser's session; there are the tables `orders`, which every role may read, and `locked`. */
  readonly admin: pg.Client;
  readonly clock: TestClock;
  /** One `postgres` block for each argument; without any, one with defaults. */
  open(...configs: readonly Partial<PostgresConfig>[]): Databases;
  url(parts: { port?: number; database?: string; sslmode?: string | undefined }): string;
  makeRole(clause?: string): Promise<DatabaseUser>;
  dropRole(user: DatabaseUser): Promise<void>;
  oidOf(user: DatabaseUser): Promise<number>;
  watched(user: DatabaseUser): Promise<WatchedRole>;
  /** A session of the application. */
  login(user: DatabaseUser): Promise<pg.Client>;
  /** Sessions of the user that Postgres shows and for which `condition` holds. */
  activity(user: DatabaseUser, condition: string): Promise<number>;
}

/** Registers the hooks of the test file that calls it. */
export function usePostgres(): Fixture {
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

  const url: Fixture["url"] = (parts) => {
    const { port = server.port, database = server.database } = parts;
    const mode = "sslmode" in parts ? parts.sslmode : "disable";
    return `postgresql://{{username}}:{{password}}@${server.host}:${port}/${database}${mode ? `?sslmode=${mode}` : ""}`;
  };
  const oidOf: Fixture["oidOf"] = async ({ username }) => {
    const text = "SELECT oid::int8::float8 AS oid FROM pg_roles WHERE rolname = $1";
    return (await admin.query(text, [username])).rows[0].oid;
  };

  return {
    get server() {
      return server;
    },
    get admin() {
      return admin;
    },
    get clock() {
      return clock;
    },
    url,
    oidOf,
    open(...configs) {
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
    },
    async makeRole(clause = "") {
      const username = `v-kubernet-pg-role-${++roles}`;
      await admin.query(`CREATE ROLE "${username}" LOGIN PASSWORD '${PASSWORD}' ${clause}`);
      await admin.query(`GRANT SELECT ON orders TO "${username}"`);
      return { username, password: new Sensitive(PASSWORD) };
    },
    async dropRole({ username }) {
      await admin.query(`REVOKE ALL ON orders FROM "${username}"; DROP ROLE "${username}"`);
    },
    async watched(user) {
      return { username: user.username, oids: [await oidOf(user)] };
    },
    async login({ username, password }) {
      const { host, port, database } = server;
      const client = new pg.Client({ host, port, database, user: username, password: password.reveal() });
      // Some tests end it from outside.
      client.on("error", () => undefined);
      await client.connect();
      clients.push(client);
      return client;
    },
    async activity({ username }, condition) {
      const text = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename = $1 AND ${condition}`;
      return (await admin.query(text, [username])).rows[0].n;
    },
  };
}

/** The DatabaseError with which `work` must fail. */
export async function failure(work: Promise<unknown>): Promise<DatabaseError> {
  const error = await work.then(
    () => new Error("it did not fail"),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof DatabaseError)) throw error;
  return error;
}

/** Postgres tells of the end of a session only by no longer showing it. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
}

export function validUntil(seconds: number): string {
  return `VALID UNTIL '${new Date(Date.now() + seconds * 1000).toISOString()}'`;
}

/** Stands still until it is told to advance. */
export interface TestClock extends Clock {
  advance(by: number): void;
}

export function testClock(): TestClock {
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
