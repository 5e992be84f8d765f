/** The whole demo as a process, with TTLs still shorter than its own. It needs the bundle: `npm run build`. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import pg from "pg";
import { describe, expect, it, type TestContext } from "vitest";
import { findPgBouncer } from "../../../dev/pgbouncer.ts";

const main = new URL("../../../dev/demo/main.ts", import.meta.url).pathname;
const SHORT = ["--default-ttl=8s", "--max-ttl=20s", "--connection-max-lifetime=1s"];

describe.concurrent("the demo", () => {
  it("rotates without a failed query, ends by itself and leaves nothing", { timeout: 90_000 }, async ({
    onTestFinished,
  }) => {
    const demo = await startDemo(onTestFinished, [...SHORT, "--for=25s"]);
    expect(await demo.ended).toBe(0);
    for (const event of ["login", "read", "verified", "published", "renewed", "rotation due", "drained", "released"])
      expect(demo.lines.join("\n")).toMatch(new RegExp(`^ +[0-9.]+s  ${event} `, "m"));
    const table = demo.table();
    expect(table["rotations begun"]).toBeGreaterThanOrEqual(2);
    expect(table["rotations completed"]).toBeGreaterThanOrEqual(1);
    expect(table.queries).toBeGreaterThan(1_000);
    expect(table.failed).toBe(0);
    expect(table["most users at once"]).toBe(2);
    expect(table["users left"]).toBe(0);
    expect(table["requests to Vault"]).toBeGreaterThan(5);
    await demo.expectNothingLeft();
  });

  const habits = ["restart", ...(findPgBouncer(process.env) === undefined ? [] : ["pgbouncer"])];
  it.for(habits)("runs with an application of the habit %s", { timeout: 90_000 }, async (habit, { onTestFinished }) => {
    const demo = await startDemo(onTestFinished, [...SHORT, "--for=18s", `--application=${habit}`]);
    expect(await demo.ended).toBe(0);
    const table = demo.table();
    expect(table["rotations begun"]).toBeGreaterThanOrEqual(1);
    expect(table.queries).toBeGreaterThan(500);
    expect([table.failed, table["users left"]]).toEqual([0, 0]);
    await demo.expectNothingLeft();
  });

  it("ends in order on SIGINT", { timeout: 60_000 }, async ({ onTestFinished }) => {
    const demo = await startDemo(onTestFinished, SHORT);
    await demo.line("published");
    demo.child.kill("SIGINT");
    expect(await demo.ended).toBe(0);
    expect(demo.table()["users left"]).toBe(0);
    await demo.expectNothingLeft();
  });

  it("shows queries that fail, and ends with 1 for them", { timeout: 60_000 }, async ({ expect, onTestFinished }) => {
    const demo = await startDemo(onTestFinished, [...SHORT, "--for=5s"]);
    await demo.line("in use|published");
    await expect.poll(() => demo.breakSessions(), { timeout: 5_000 }).toBeGreaterThan(0);
    expect(await demo.ended).toBe(1);
    expect(demo.table().failed).toBeGreaterThan(0);
    expect(demo.lines.join("\n")).toContain("57P01");
    await demo.expectNothingLeft();
  });

  it("says which part ended by itself, and ends the others in order", { timeout: 60_000 }, async ({
    onTestFinished,
  }) => {
    const demo = await startDemo(onTestFinished, [...SHORT, "--for=60s"]);
    await demo.line("published");
    process.kill(Number(await demo.read("application.pid")), "SIGKILL");
    expect(await demo.ended).toBe(1);
    expect(demo.lines.join("\n")).toContain("the sample application was ended by SIGKILL");
    await demo.expectNothingLeft();
  });

  it("is cleaned up by its guards when it is killed itself", { timeout: 60_000 }, async ({
    expect,
    onTestFinished,
  }) => {
    const demo = await startDemo(onTestFinished, [...SHORT]);
    await demo.line("published");
    demo.child.kill("SIGKILL");
    await demo.ended;
    await expect.poll(() => readdir(demo.folder), { timeout: 20_000 }).toEqual([]);
    await demo.expectNothingLeft();
  });
});

async function startDemo(onTestFinished: TestContext["onTestFinished"], args: readonly string[]) {
  const folder = await mkdtemp(join(tmpdir(), "lessee-demo-test-"));
  // A PgBouncer that root starts runs as nobody and has to pass through.
  await chmod(folder, 0o711);
  const child: ChildProcess = spawn(process.execPath, [main, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: folder },
  });
  const lines: string[] = [];
  for (const input of [child.stdout, child.stderr])
    createInterface({ input: input as Readable }).on("line", (line) => {
      lines.push(line);
      child.emit("line");
    });
  const ended = once(child, "close").then(([code]) => code as number | null);
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
    await rm(folder, { recursive: true, force: true });
  });

  async function read(name: string): Promise<string> {
    const demo = (await readdir(folder)).find((entry) => entry.startsWith("lessee-demo-"));
    return readFile(join(folder, String(demo), name), "utf8");
  }

  return {
    child,
    folder,
    lines,
    ended,
    read,
    /** Waits for an event of the timeline. */
    async line(event: string): Promise<void> {
      const wanted = new RegExp(`^ +[0-9.]+s .*(${event})`);
      while (!lines.some((line) => wanted.test(line))) {
        const gone = await Promise.race([once(child, "line"), ended.then(() => "ended")]);
        if (gone === "ended") throw new Error(`it ended before ${event}:\n${lines.join("\n")}`);
      }
    },
    table(): Record<string, number> {
      const rows = lines.flatMap((line) => /^ {2}([a-zA-Z ]+?) +([0-9,]+)$/.exec(line) ?? []);
      const pairs: [string, number][] = [];
      for (let i = 0; i < rows.length; i += 3) pairs.push([rows[i + 1]!, Number(rows[i + 2]!.replaceAll(",", ""))]);
      return Object.fromEntries(pairs);
    },
    /** Ends the application's sessions, logged in as its own user; says how many there were. */
    async breakSessions(): Promise<number> {
      const [, user, password] = /^username: (.*)\npassword: (.*)$/.exec(await read("config.yaml")) ?? [];
      const [, host, port] = /^Postgres at (.*):(\d+),/m.exec(lines.join("\n")) ?? [];
      const client = new pg.Client({ host, port: Number(port), user, password, database: "tsb" });
      await client.connect();
      const { rows } = await client.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid() AND application_name = ''",
      );
      await client.end();
      return rows.length;
    },
    async expectNothingLeft(): Promise<void> {
      expect(await readdir(folder)).toEqual([]);
      const commands = await Promise.all(
        (await readdir("/proc").catch(() => []))
          .filter((name) => /^\d+$/.test(name))
          .map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")),
      );
      expect(commands.filter((command) => command.includes(folder))).toEqual([]);
      const [, vault] = /emulated Vault at (\S+)/.exec(lines.join("\n")) ?? [];
      await expect(fetch(`${vault}/v1/sys/health`)).rejects.toMatchObject({ cause: { code: "ECONNREFUSED" } });
    },
  };
}
