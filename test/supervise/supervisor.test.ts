/** Exec mode's supervisor with real processes. */
import { spawn } from "node:child_process";
import * as files from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import type { ExecConfig } from "../../src/config/types.ts";
import type { LesseeEvent } from "../../src/events.ts";
import type { Clock } from "../../src/ports.ts";
import { isAlive } from "../../src/supervise/group.ts";
import { createSupervisor } from "../../src/supervise/supervisor.ts";
import { createSystemClock } from "../../src/system/clock.ts";

const system = createSystemClock(Date.now, () => performance.now());

async function lab(command: readonly string[], settings: Partial<ExecConfig> = {}, clock: Clock = system) {
  const folder = await files.mkdtemp(join(tmpdir(), "lessee-supervise-"));
  const events: LesseeEvent[] = [];
  const end = Promise.withResolvers<{ readonly code: number; readonly reason: string }>();
  let variables: Record<string, string> | null = { SECRET: "one" };
  const config: ExecConfig = {
    command,
    restartOnSecretChanges: "always",
    restartStopSignal: "SIGTERM",
    childStdout: join(folder, "out"),
    childStderr: join(folder, "err"),
    ...settings,
  };
  const supervisor = createSupervisor({
    spawn,
    kill: process.kill,
    clock,
    files,
    env: { PATH: process.env.PATH, OURS: "ours" },
    emit: (event) => events.push(event),
    config: () => config,
    variables: () => variables,
    onEnd: end.resolve,
  });
  onTestFinished(async () => {
    await supervisor.stop();
    await files.rm(folder, { recursive: true, force: true });
  });
  return {
    folder,
    events,
    supervisor,
    ended: end.promise,
    set: (next: Record<string, string> | null) => {
      variables = next;
    },
    pid: () => Number(events.filter((event) => event.is === "application started").at(-1)?.pid),
    out: () => files.readFile(join(folder, "out"), "utf8"),
    async until(text: string) {
      while (!(await files.readFile(join(folder, "out"), "utf8")).includes(text)) await sleep(10);
    },
  };
}

const isThere = (group: number) => isAlive(group, { kill: process.kill, files });

const names = (events: readonly LesseeEvent[]) => events.map((event) => event.is);

/** Says what it is, and waits; TERM ends it. */
const WAITS = 'echo "$OURS $SECRET"; while :; do sleep 0.05; done';

describe("the application", () => {
  it("is started once its variables are there, with ours and them in its environment", async () => {
    const { supervisor, set, until, events } = await lab([WAITS]);
    set(null);
    await supervisor.refresh();
    expect(events).toEqual([]);
    set({ SECRET: "one" });
    await Promise.all([supervisor.refresh(), supervisor.refresh()]);
    await until("ours one\n");
    expect(names(events)).toEqual(["application started"]);
  });

  it("is started anew when they change, and is heard only then", async () => {
    const { supervisor, set, until, events, pid } = await lab([WAITS]);
    await supervisor.refresh();
    await until("one");
    const first = pid();
    set({ SECRET: "two" });
    await supervisor.notifier.notify(
      { path: "p", username: "u", leaseId: "l", files: [], previousEnds: undefined },
      new AbortController().signal,
    );
    expect(names(events)).toEqual(["application started", "application ended", "application started"]);
    expect(events[1]).toEqual({ is: "application ended", code: 143, signal: "SIGTERM", asked: true });
    expect(await isThere(first)).toBe(false);
    await until("ours two\n");
    await supervisor.refresh();
    expect(events).toHaveLength(3);
  });

  it("is started once for changes that follow each other", async () => {
    const { supervisor, set, events, until } = await lab([WAITS]);
    await supervisor.refresh();
    set({ SECRET: "two" });
    const restarted = supervisor.refresh();
    await sleep(500);
    set({ SECRET: "three" });
    await Promise.all([restarted, supervisor.refresh()]);
    await until("ours three\n");
    expect(events.filter((event) => event.is === "application started")).toHaveLength(2);
  });

  it("is left as it is with restart_on_secret_changes = never", async () => {
    const { supervisor, set, events } = await lab([WAITS], { restartOnSecretChanges: "never" });
    await supervisor.refresh();
    set({ SECRET: "two" });
    await supervisor.refresh();
    expect(names(events)).toEqual(["application started"]);
  });

  it("is asked to end by its own signal, with all that it started", async () => {
    const { supervisor, until, events, pid } = await lab(
      [
        "sh",
        "-c",
        '(trap "echo child; exit 0" USR2; echo ready; while :; do sleep 0.05; done) & trap "echo leader; exit 7" USR2; echo up; while :; do sleep 0.05; done',
      ],
      { restartStopSignal: "SIGUSR2" },
    );
    await supervisor.refresh();
    await until("up");
    await until("ready");
    await supervisor.stop();
    await until("child");
    await until("leader");
    expect(events.at(-1)).toEqual({ is: "application ended", code: 7, asked: true });
    expect(await isThere(pid())).toBe(false);
  });

  it("is killed after 30 s, with all that it started", async () => {
    const hurried: Clock = {
      now: system.now,
      // Thirty seconds are one here.
      sleep: (until, signal) => system.sleep(system.now() + (until - system.now()) / 30, signal),
    };
    const { supervisor, until, events, pid } = await lab(
      ["sh", "-c", 'trap "" TERM; (while :; do sleep 0.05; done) & echo up; while :; do sleep 0.05; done'],
      {},
      hurried,
    );
    await supervisor.refresh();
    await until("up");
    const begun = Date.now();
    await supervisor.stop();
    expect(Date.now() - begun).toBeGreaterThan(900);
    expect(events.at(-1)).toEqual({ is: "application ended", code: 137, signal: "SIGKILL", asked: true });
    while (await isThere(pid())) await sleep(20);
  });

  it.each([
    [["sh", "-c", "exit 3"], 3, "with exit code 3"],
    [["true"], 0, "with exit code 0"],
    [["sh", "-c", "kill -SEGV $$"], 139, "by SIGSEGV"],
  ])("that ends by itself is our end: %j", async (command, code, how) => {
    const { supervisor, ended, events } = await lab(command);
    await supervisor.refresh();
    expect(await ended).toEqual({ code, reason: `the application has ended ${how}` });
    await supervisor.stop();
    expect(events.filter((event) => event.is === "application ended")).toMatchObject([{ code, asked: false }]);
  });

  it("that ends by itself leaves none of its children behind", async () => {
    const { supervisor, ended, pid } = await lab(["sh", "-c", "sleep 60 & exit 0"]);
    await supervisor.refresh();
    await ended;
    while (await isThere(pid())) await sleep(20);
  });

  it.each([
    [["/nowhere/at/all"], 127, /\/nowhere\/at\/all: there is no such program/],
    [["/"], 126, /\/ cannot be started: .*EACCES/],
  ])("that cannot be started is our end, and is not tried again: %j", async (command, code, reason) => {
    const { supervisor, ended } = await lab(command);
    await expect(supervisor.refresh()).rejects.toThrow(reason);
    expect(await ended).toEqual({ code, reason: expect.stringMatching(reason) });
    await supervisor.refresh();
    await supervisor.stop();
  });

  it("is not started where its output has no place", async () => {
    const { supervisor, ended } = await lab(["true"], { childStdout: "/nowhere/at/all" });
    await expect(supervisor.refresh()).rejects.toThrow(/exec\.child_process_stdout: ENOENT/);
    expect((await ended).code).toBe(126);
  });

  it("says in no error what it was to be started with", async () => {
    const { supervisor, set, ended } = await lab(["true"]);
    set({ SECRET: "x".repeat(3_000_000) });
    await expect(supervisor.refresh()).rejects.toThrow(/^true cannot be started: spawn E2BIG$/);
    expect((await ended).code).toBe(126);
  });

  it("has its output appended to its files", async () => {
    const { supervisor, ended, folder, out } = await lab(["sh", "-c", "echo to stdout; echo to stderr >&2"]);
    await files.writeFile(join(folder, "out"), "before\n");
    await supervisor.refresh();
    await ended;
    expect(await out()).toBe("before\nto stdout\n");
    expect(await files.readFile(join(folder, "err"), "utf8")).toBe("to stderr\n");
  });

  it.each([
    [
      "a list: the process itself",
      [
        "sh",
        "-c",
        '(trap "echo child" HUP; while :; do sleep 0.05; done) & trap "echo leader" HUP; echo up; while :; do sleep 0.05; done',
      ],
      ["leader"],
    ],
    [
      "a line for the shell: what the shell runs",
      ['trap "echo leader" HUP; (trap "echo child" HUP; echo up; while :; do sleep 0.05; done); :'],
      ["child", "leader"],
    ],
  ])("is sent signals; %s", async (_, command, heard) => {
    const { supervisor, until, out } = await lab(command as readonly string[]);
    await supervisor.refresh();
    await until("up");
    supervisor.signal("SIGHUP");
    await until(heard[0]!);
    await supervisor.stop();
    expect(
      (await out())
        .trim()
        .split("\n")
        .filter((line) => line !== "up"),
    ).toEqual(expect.arrayContaining([heard[0]]));
    if (heard.length === 1) expect(await out()).not.toContain("child");
  });

  it("is not started after a stop", async () => {
    const { supervisor, events } = await lab(["true"]);
    await supervisor.stop();
    await supervisor.refresh();
    expect(events).toEqual([]);
  });

  it("is gone at once when we are", async () => {
    const { supervisor, until, pid } = await lab([WAITS]);
    await supervisor.refresh();
    await until("one");
    supervisor.kill();
    while (await isThere(pid())) await sleep(20);
  });
});
