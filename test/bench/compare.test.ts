/** The parts of `npm run compare`: what it counts, the table that it makes of it, and that the README shows that table. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type Figures, rowsOf } from "../../bench/compare-rows.ts";
import { startFront } from "../../bench/front.ts";
import { watchLives } from "../../bench/user-lives.ts";
import { type RunningPostgres, startPostgres } from "../../dev/postgres.ts";
import { startServer } from "../support/http.ts";

const MAIN = new URL("../../bench/compare.ts", import.meta.url).pathname;
const README = new URL("../../README.md", import.meta.url);

const ours: Figures = {
  queries: 71_535,
  failed: 0,
  failures: {},
  usersOfAPod: 1,
  refusedRequests: 14,
  ends: [4, 6, 5].map((idleSeconds) => ({ sessions: 0, idleSeconds })),
};
const theirs: Figures = {
  queries: 1_000,
  failed: 3,
  failures: { "42501": 2, "28P01": 1 },
  usersOfAPod: 3,
  refusedRequests: 87_675,
  ends: [{ sessions: 2, idleSeconds: 0 }],
};

describe("the table", () => {
  it("has a row for each figure, and says of nothing what was not seen", () => {
    expect(rowsOf([ours, theirs]).map(([, ...cells]) => cells)).toEqual([
      ["71,535", "1,000"],
      ["0", "3 (42501 × 2, 28P01 × 1)"],
      ["1", "3"],
      ["14", "87,675"],
      ["0 of 3", "1 of 1"],
      ["5.0 (6.0)", "–"],
    ]);
  });

  it("is the README's, row by row", async () => {
    const lines = (await readFile(README, "utf8")).split("\n");
    const head = lines.findIndex((line) => /^\| +\| lessee \| .* agent/.test(line));
    const shown = lines.slice(head + 2, head + 2 + rowsOf([]).length + 1).map((line) => line.split(" | ")[0]?.slice(2));
    expect(shown).toEqual([...rowsOf([]).map(([name]) => name), ""]);
  });
});

describe("what stands before the server", () => {
  it("counts each request, passes it on, and refuses renewals while it is told to", async () => {
    const server = await startServer(() => 200);
    const front = await startFront(server.url.replace(/\/$/, ""));
    onTestFinished(front.stop);
    const ask = async (path: string) => (await fetch(`${front.address}${path}`, { method: "PUT" })).status;
    const all = async () => [
      await ask("/v1/sys/leases/renew"),
      await ask("/v1/auth/token/renew-self"),
      await ask("/v1/sys/leases/lookup"),
    ];
    expect(await all()).toEqual([200, 200, 200]);
    front.refuseRenewals(true);
    expect(await all()).toEqual([400, 400, 200]);
    front.refuseRenewals(false);
    expect(await all()).toEqual([200, 200, 200]);
    expect([front.requests, server.requests.length]).toEqual([9, 7]);
  });
});

describe("the lives of users", () => {
  let postgres: RunningPostgres;
  let admin: pg.Client;

  beforeAll(async () => {
    postgres = await startPostgres();
    admin = new pg.Client({ connectionString: postgres.url });
    await admin.connect();
  });
  afterAll(async () => {
    await admin?.end();
    await postgres?.stop();
  });

  async function connect(user: string, application = "the application"): Promise<pg.Client> {
    const { host, port, database } = postgres;
    const client = new pg.Client({ host, port, database, user, password: "p", application_name: application });
    client.on("error", () => {});
    await client.connect();
    return client;
  }

  it("are those of users that came since, which end in use, or some time after it, or were never used", async () => {
    await admin.query("CREATE ROLE earlier LOGIN PASSWORD 'p'");
    const lives = await watchLives(postgres.url);
    for (const name of ["busy", "idle", "unused", "checked"])
      await admin.query(`CREATE ROLE ${name} LOGIN PASSWORD 'p'`);
    const sessions = await Promise.all([
      connect("busy"),
      connect("idle"),
      connect("checked", "lessee"),
      connect("earlier"),
    ]);
    await expect.poll(() => lives.count()).toBe(4);
    // A look or two with these sessions.
    const looks =
      "SELECT query_start FROM pg_stat_activity WHERE query LIKE 'SELECT rolname AS name%' AND pid <> pg_backend_pid()";
    const last = async () => String((await admin.query(looks)).rows[0]?.query_start);
    const before = await last();
    await expect.poll(last).not.toBe(before);
    await sessions[1].end();
    await admin.query("SELECT pg_sleep(0.3)");
    for (const name of ["busy", "idle", "unused", "checked", "earlier"]) await admin.query(`DROP ROLE ${name}`);
    await expect.poll(() => lives.ends().length).toBe(2);
    const [busy, idle] = lives.ends();
    expect(busy).toMatchObject({ sessions: 1 });
    expect(idle?.sessions).toBe(0);
    expect(idle?.idleSeconds).toBeGreaterThan(0.1);
    expect(lives.count()).toBe(4);
    await lives.stop();
    for (const session of sessions) await session.end().catch(() => {});
  });
});

it("the comparison says what it needs", async () => {
  const env = { PATH: process.env.PATH };
  await expect(promisify(execFile)(process.execPath, [MAIN], { env })).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining("VAULT_BIN=/path/to/vault"),
  });
});
