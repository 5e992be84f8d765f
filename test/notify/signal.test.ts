import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { createNotifier } from "../../src/notify/notifiers.ts";
import type { NotifyPorts } from "../../src/notify/ports.ts";
import { caught, change, never, useNotifiers } from "./fixture.ts";

const root = process.getuid?.() === 0;
const told = useNotifiers();

const children: ChildProcess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
});

describe("M8: a signal", () => {
  it("is sent to the one process of that name which handles it", async () => {
    const child = await start("app-with-a-long-name", HANDLES_HUP);
    await told.notify({ kind: "signal", signal: "SIGHUP", process: "app-with-a-long-name" });
    expect(await line(child)).toBe("heard SIGHUP");
  });

  it("finds a process by pid_file and by pid", async () => {
    const child = await start("app", HANDLES_HUP);
    await fs.writeFile(join(told.folder, "pid"), `${child.pid}\n`);
    await told.notify({ kind: "signal", signal: "SIGHUP", pidFile: join(told.folder, "pid") });
    expect(await line(child)).toBe("heard SIGHUP");
    await told.notify({ kind: "signal", signal: "SIGHUP", pid: pidOf(child) });
    expect(await line(child)).toBe("heard SIGHUP");
  });

  it("is not sent to a process without a handler, which it would end", async () => {
    const child = await start("app-no-handler", "process.stdin.resume(); console.log('ready')");
    const error = await told.failure({ kind: "signal", signal: "SIGHUP", process: "app-no-handler" });
    expect(error).toMatchObject({
      permanent: false,
      message: expect.stringMatching(/no handler for SIGHUP.*not sent/),
    });
    // Had it been sent, the process could not answer any more.
    child.stdin?.end();
    expect(await once(child, "exit")).toEqual([0, null]);
  });

  it("is sent as soon as there is a handler", async () => {
    const later = "console.log('ready'); process.stdin.once('data', () => { HANDLER; console.log('set') })";
    const handler = "process.on('SIGHUP', () => console.log('heard SIGHUP'))";
    const child = await start("app-later", later.replace("HANDLER", handler));
    await told.failure({ kind: "signal", signal: "SIGHUP", pid: pidOf(child) });
    child.stdin?.write("now\n");
    expect(await line(child)).toBe("set");
    await told.notify({ kind: "signal", signal: "SIGHUP", pid: pidOf(child) });
    expect(await line(child)).toBe("heard SIGHUP");
  });

  it("is not taken as heard by a process that ignores it", async () => {
    const child = spawn("sh", ["-c", "trap '' HUP; echo ready; exec cat"], { stdio: ["pipe", "pipe", "inherit"] });
    children.push(child);
    expect(await line(child)).toBe("ready");
    const error = await told.failure({ kind: "signal", signal: "SIGHUP", pid: pidOf(child) });
    expect(error.message).toMatch(/ignores SIGHUP/);
  });

  it("goes to nobody when several have the name", async () => {
    const [one, two] = [await start("app-twice", HANDLES_HUP), await start("app-twice", HANDLES_HUP)];
    const error = await told.failure({ kind: "signal", signal: "SIGHUP", process: "app-twice" });
    expect(error.permanent).toBe(true);
    expect(error.message).toContain("2 processes are called app-twice");
    expect(error.message).toContain(String(one.pid));
    expect(error.message).toContain(String(two.pid));
  });

  it("waits for a process that does not run yet", async () => {
    const error = await told.failure({ kind: "signal", signal: "SIGHUP", process: "no-such-app" });
    expect(error).toMatchObject({ permanent: false, hint: expect.stringMatching(/shareProcessNamespace/) });
  });

  it("waits when pid_file is missing, empty, or names a process that is gone", async () => {
    const pidFile = join(told.folder, "pid");
    const config = { kind: "signal", signal: "SIGHUP", pidFile } as const;
    expect(await told.failure(config)).toMatchObject({ permanent: false });
    // 0 is every process of our own group.
    for (const text of ["", "0\n", "-1\n", "app\n"]) {
      await fs.writeFile(pidFile, text);
      expect(await told.failure(config)).toMatchObject({
        permanent: false,
        message: expect.stringMatching(/no process id/),
      });
    }
    const child = await start("app", HANDLES_HUP);
    await fs.writeFile(pidFile, String(child.pid));
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await told.failure(config)).toMatchObject({
      permanent: false,
      message: expect.stringMatching(/does not run/),
    });
  });

  it.runIf(root)("says what to do when the process is another user's", async () => {
    const child = spawn("sleep", ["60"], { uid: 65534, gid: 65534 });
    children.push(child);
    const asOther = { ...told.ports, uid: 100, kill: asUser(100) };
    const config = { kind: "signal", signal: "SIGHUP", pid: pidOf(child), timeout: 1000 } as const;
    const error = await caught(createNotifier(config, asOther).notify(change, never));
    expect(error.permanent).toBe(true);
    expect(error.message).toMatch(/runs as user 65534 while lessee runs as 100/);
    expect(error.hint).toMatch(/agent-run-as-same-user/);
  });

  it("never takes lessee itself for the application, nor what has ended", async () => {
    const proc = join(told.folder, "proc");
    await makeProcess(proc, told.ports.pid, { comm: "app", cmdline: "app\0" });
    await makeProcess(proc, 4242, { comm: "app", cmdline: "" });
    const config = { kind: "signal", signal: "SIGHUP", process: "app", timeout: 1000 } as const;
    const error = await caught(createNotifier(config, { ...told.ports, proc }).notify(change, never));
    expect(error.message).toBe("no process is called app");
  });

  it("is not sent to what has ended, of which nobody has asked how", async () => {
    const proc = join(told.folder, "proc");
    await makeProcess(proc, 4242, { status: "State:\tZ (zombie)\nUid:\t7\t7\t7\t7\nSigIgn:\t0\nSigCgt:\t1\n" });
    const config = { kind: "signal", signal: "SIGHUP", pid: 4242, timeout: 1000 } as const;
    const ports = { ...told.ports, proc, kill: () => true as const };
    const error = await caught(createNotifier(config, ports).notify(change, never));
    expect(error).toMatchObject({ permanent: false, message: "process 4242 does not run" });
  });

  it("takes no other command of lessee for the application either, as one that somebody calls in the container", async () => {
    const [program, application] = ["lessee.cjs", "server.cjs"].map((name) => join(told.folder, name));
    for (const file of [program, application]) await fs.writeFile(file!, HANDLES_HUP);
    const [own] = [await run("app-and-ours", program!, "agent"), await run("app-and-ours", program!, "status")];
    const child = await run("app-and-ours", "--no-warnings", application!, program!);
    const config = { kind: "signal", signal: "SIGHUP", process: "app-and-ours", timeout: 1000 } as const;
    await createNotifier(config, { ...told.ports, pid: pidOf(own!) }).notify(change, never);
    expect(await line(child)).toBe("heard SIGHUP");
  });

  it.each([
    ["the short name of a long program", { comm: "a-very-long-pro", cmdline: "x\0" }, "a-very-long-program"],
    ["the command line's first word", { comm: "MainThread", cmdline: "/usr/bin/tsb\0--config\0x" }, "tsb"],
  ])("knows a process by %s", async (_, files, name) => {
    const proc = join(told.folder, "proc");
    await makeProcess(proc, 4242, { ...files, status: "State:\tS\nUid:\t7\t7\t7\t7\nSigIgn:\t0\nSigCgt:\t1\n" });
    const sent: unknown[] = [];
    const kill = (pid: number, signal: unknown) => sent.push([pid, signal]) > 0 || (true as const);
    const config = { kind: "signal", signal: "SIGHUP", process: name, timeout: 1000 } as const;
    await createNotifier(config, { ...told.ports, proc, kill: kill as NotifyPorts["kill"] }).notify(change, never);
    expect(sent).toEqual([
      [4242, 0],
      [4242, "SIGHUP"],
    ]);
  });
});
const HANDLES_HUP =
  "process.on('SIGHUP', () => console.log('heard SIGHUP')); process.stdin.resume(); console.log('ready')";
/** A process that is called `name`, because its program's file is: a link to Node. */
async function start(name: string, script: string): Promise<ChildProcess> {
  return run(name, "-e", script);
}

async function run(name: string, ...args: readonly string[]): Promise<ChildProcess> {
  const program = join(told.folder, name);
  await fs.symlink(process.execPath, program).catch(() => undefined);
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  children.push(child);
  expect(await line(child)).toBe("ready");
  return child;
}

async function line(child: ChildProcess): Promise<string> {
  const [chunk] = await once(child.stdout ?? child, "data");
  return String(chunk).trim();
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error("not started");
  return child.pid;
}

/** The real kill(2), as another user. */
function asUser(uid: number): NotifyPorts["kill"] {
  return (pid, signal) => {
    process.seteuid?.(uid);
    try {
      return process.kill(pid, signal);
    } finally {
      process.seteuid?.(0);
    }
  };
}

async function makeProcess(proc: string, pid: number, files: Readonly<Record<string, string>>): Promise<void> {
  await fs.mkdir(join(proc, String(pid)), { recursive: true });
  for (const [name, text] of Object.entries(files)) await fs.writeFile(join(proc, String(pid), name), text);
}
