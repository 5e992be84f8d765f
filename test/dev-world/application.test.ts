import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { Report } from "../../dev/app/tally.ts";
import { createTables } from "../../dev/postgres/tsb.ts";
import { type RunningPostgres, startPostgres } from "../../dev/postgres.ts";

const main = new URL("../../dev/app/main.ts", import.meta.url).pathname;
let postgres: RunningPostgres;
let admin: pg.Client;

beforeAll(async () => {
  postgres = await startPostgres();
  await createTables(postgres.url);
  admin = new pg.Client({ connectionString: postgres.url });
  await admin.connect();
});

afterAll(async () => {
  await admin.end();
  await postgres.stop();
});

describe("the sample application", () => {
  it("waits for the file, holds eight connections and loses no query while it is closed and opened anew", async () => {
    const app = await startApp({ lifetime: 300 });
    const user = await createUser("patient");
    await app.publish(user);
    const before = await app.report((report) => report.connections[user] === 8);
    const after = await app.report((report) => report.ok > before.ok + 500);
    expect(after.user).toBe(user);
    const last = await app.stop();
    expect(last).toMatchObject({ failed: 0, failures: {}, lastFailure: null, connections: {} });
    expect(last.ok).toBeGreaterThan(500);
  });

  it("opens each connection with what the file says at that moment", async () => {
    const app = await startApp({ lifetime: 300 });
    const [first, second] = [await createUser("first"), await createUser("second")];
    await app.publish(first);
    await app.report((report) => uses(report, first));
    await app.publish(second);
    await app.report((report) => uses(report, second));
    expect((await app.stop()).failed).toBe(0);
  });

  it("reads the file once and again on SIGHUP, in the variant that is told", async () => {
    const lifetime = 300;
    const app = await startApp({ lifetime, habit: "sighup" });
    const [first, second] = [await createUser("once"), await createUser("again")];
    await app.publish(first);
    await app.report((report) => uses(report, first));
    await app.publish(second);
    const published = Date.now();
    const deaf = await app.report((report) => report.at > published + 3 * lifetime && report.user !== null);
    expect(deaf.user).toBe(first);
    app.child.kill("SIGHUP");
    await app.report((report) => uses(report, second));
    expect((await app.stop()).failed).toBe(0);
  });

  it("counts the queries that fail when its user is dropped, and the connections after them", async () => {
    const app = await startApp({ lifetime: 2_000 });
    const user = await createUser("doomed");
    await app.publish(user);
    const before = await app.report((report) => report.connections[user] === 8);
    expect(before.failed).toBe(0);
    await admin.query(`DROP OWNED BY ${user}; DROP ROLE ${user}`);
    const after = await app.report((report) => (report.failures["28P01"] ?? 0) > 0);
    expect(after.failures["42501"]).toBeGreaterThan(0);
    expect(after.lastFailure).toContain(user);
    const { failed, failures } = await app.stop();
    expect(failed).toBe(Object.values(failures).reduce((sum, n) => sum + n, 0));
  });

  it("counts a connection that broke between two queries by what broke it", async () => {
    const app = await startApp({ lifetime: 5_000 });
    const user = await createUser("broken");
    await app.publish(user);
    await app.report((report) => report.connections[user] === 8);
    // In a pause between two queries nearly always, for the pauses are longer than the queries.
    await admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", [user]);
    const { failures } = await app.report((report) => report.failed >= 8);
    expect(failures).toEqual({ "57P01": 8 });
    await app.stop();
  });

  it("ends when the process that started it does", async () => {
    const app = await startApp({ lifetime: 300 });
    app.child.stdin?.destroy();
    expect(await once(app.child, "exit")).toEqual([0, null]);
  });
});

/** Whether all connections are this user's; one may be missing, just being opened anew. */
function uses({ connections }: Report, user: string): boolean {
  return Object.keys(connections).join() === user;
}

async function createUser(name: string): Promise<string> {
  await admin.query(
    `CREATE ROLE ${name} LOGIN PASSWORD '${name}'; GRANT ALL ON ALL TABLES IN SCHEMA public TO ${name}`,
  );
  return name;
}

async function startApp({ lifetime, habit = "per-connection" }: { lifetime: number; habit?: string }) {
  const folder = await mkdtemp(join(tmpdir(), "lessee-app-"));
  const config = join(folder, "config.yaml");
  const child: ChildProcess = spawn(
    process.execPath,
    [main, `--config=${config}`, `--port=${postgres.port}`, `--lifetime=${lifetime}`, `--habit=${habit}`],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await rm(folder, { recursive: true });
  });
  const reports = createInterface({ input: child.stdout as Readable })[Symbol.asyncIterator]();

  async function report(wanted: (report: Report & { final: boolean }) => boolean): Promise<Report> {
    for (;;) {
      const { value, done } = await reports.next();
      if (done) throw new Error("the application ended before it came so far");
      const said = JSON.parse(value);
      if (wanted(said)) return said;
    }
  }

  return {
    child,
    report,
    async publish(user: string) {
      await writeFile(`${config}.new`, `---\nusername: ${user}\npassword: ${user}`);
      await rename(`${config}.new`, config);
    },
    async stop(): Promise<Report> {
      child.kill("SIGTERM");
      return report(({ final }) => final);
    },
  };
}
