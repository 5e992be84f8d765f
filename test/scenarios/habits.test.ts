/**
 * Applications of every habit beside lessee as it runs in a pod: how each learns of a new credential, over two rotations
 * and more, without a failed query and without a user that is left.
 */
import { chmod, mkdir } from "node:fs/promises";
import { afterAll, beforeAll, describe, it } from "vitest";
import type { Habit } from "../../dev/app/habits.ts";
import { findPgBouncer, pgbouncerTemplates, startPgBouncer } from "../../dev/pgbouncer.ts";
import { configuration } from "../support/configuration.ts";
import { type Application, startWorld, type World } from "../support/world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

interface Case {
  readonly habit: Habit;
  /** Into the credential's block. */
  readonly notify?: (app: Application) => string;
  readonly publish?: "rename" | "symlink" | "in-place";
}

const PGBOUNCER = findPgBouncer(process.env);

const signal = ({ pidFile }: Application) => `notify "signal" {\n pid_file = "${pidFile}"\n signal = "SIGHUP"\n}`;
const http = ({ reloadUrl }: Application) => `notify "http" { url = "${reloadUrl}" }`;

/** Files that are renamed, with the first two habits, are in promises.test.ts; `restart` is in ../supervise/exec.test.ts. */
const CASES: readonly Case[] = [
  { habit: "per-connection", publish: "symlink" },
  { habit: "sighup", notify: signal, publish: "symlink" },
  { habit: "http", notify: http },
  { habit: "watch-file" },
  { habit: "watch-file", publish: "symlink" },
  { habit: "watch-folder" },
  { habit: "watch-folder", publish: "symlink" },
];

describe.concurrent("beside an application that", () => {
  it.for(CASES.map((one) => ({ ...one, name: `${one.habit}, ${one.publish ?? "rename"}` })))(
    "is of the habit $name",
    { timeout: 90_000 },
    async ({ habit, notify, publish = "rename" }, { expect, onTestFailed, onTestFinished }) => {
      const pod = await world.pod({}, { onTestFailed, onTestFinished });
      const app = await pod.application(habit);
      const agent = await pod.agent(
        configuration(pod, { credential: `publish = "${publish}"\n${notify?.(app) ?? ""}` }),
      );
      await agent.events("rotated", 2);
      const report = await app.stop();
      expect(report).toMatchObject({ failed: 0, lastFailure: null });
      expect(report.ok).toBeGreaterThan(200);
      // Each has taken the new user by itself: nobody had to be made to.
      expect(agent.entries.filter(({ msg }) => ["terminated", "not listening", "lost"].includes(msg))).toEqual([]);
      expect(await agent.stop()).toEqual({ code: 0, signal: null });
      expect(await pod.left()).toEqual([]);
    },
  );

  it.skipIf(PGBOUNCER === undefined)(
    "connects to a PgBouncer, which is told by SIGHUP (needs a pgbouncer)",
    {
      timeout: 90_000,
    },
    async ({ expect, onTestFailed, onTestFinished }) => {
      const pod = await world.pod({ ttl: { default: "6s", max: "10s" } }, { onTestFailed, onTestFinished });
      await mkdir(pod.path("pgbouncer"), { mode: 0o777 });
      await chmod(pod.path("pgbouncer"), 0o777);
      const pidFile = pod.path("pgbouncer", "pgbouncer.pid");
      const agent = await pod.agent(
        configuration(pod, {
          template: pgbouncerTemplates(pod.path("pgbouncer"), pod.seed.credentialPath, world.postgres),
          // Its server_lifetime and server_idle_timeout (rule M12).
          credential: `connection_max_lifetime = "2s"
          notify "signal" {
            pid_file = "${pidFile}"
            signal   = "SIGHUP"
          }`,
        }),
      );
      const pooler = await startPgBouncer({
        binary: PGBOUNCER!,
        folder: pod.path("pgbouncer"),
        database: world.postgres.database,
        lifetimeSeconds: 1,
        pidFile,
        guard: pod.guard,
        env: { PATH: process.env.PATH },
      });
      onTestFinished(pooler.stop);
      const app = await pod.application("pgbouncer", 6, pooler);
      await agent.events("rotated", 2);
      const report = await app.stop();
      expect(report).toMatchObject({ failed: 0, lastFailure: null, user: "application" });
      expect(report.ok).toBeGreaterThan(500);
      expect(agent.entries.filter(({ msg }) => ["terminated", "not listening", "lost"].includes(msg))).toEqual([]);
      await pooler.stop();
      expect(await agent.stop()).toEqual({ code: 0, signal: null });
      expect(await pod.left()).toEqual([]);
    },
  );

  it("hears nothing: this is said and measured, and its idle sessions are ended in time", {
    timeout: 90_000,
  }, async ({ expect, onTestFailed, onTestFinished }) => {
    const pod = await world.pod({ ttl: { default: "8s", max: "14s" } }, { onTestFailed, onTestFinished });
    const app = await pod.application("deaf", 2);
    const agent = await pod.agent(configuration(pod, { credential: `preparation = "3s"` }));
    const { user, ends } = await agent.event("not listening");
    expect((await pod.get("/metrics")).text).toMatch(/^lessee_application_not_listening\{[^}]*\} 1$/m);
    const ended = await agent.event("terminated", ({ which }) => which === "idle");
    expect(ended.user).toBe(user);
    expect(Date.parse(ended.time)).toBeLessThan(Date.parse(String(ends)));
    await agent.events("rotated", 2);
    const report = await app.stop();
    expect(report).toMatchObject({ failed: 0, lastFailure: null });
    expect(report.ok).toBeGreaterThan(50);
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
    expect(await pod.left()).toEqual([]);
  });
});
