import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createRunCommand } from "../../src/command.ts";
import type { NotifyConfig } from "../../src/config/types.ts";
import { NotifyError } from "../../src/errors.ts";
import { createNotifier } from "../../src/notify/notifiers.ts";
import type { NotifyPorts } from "../../src/notify/ports.ts";
import type { Clock, CredentialChange } from "../../src/ports.ts";
import { createTransport } from "../../src/vault/transport.ts";

const root = process.getuid?.() === 0;
const never = new AbortController().signal;
const change: CredentialChange = {
  path: "database/creds/pg-role",
  username: "v-pg-role-1",
  leaseId: "database/creds/pg-role/abc",
  files: ["/etc/dbvault/config.yaml", "/etc/dbvault/other.yaml"],
  previousEnds: 1_700_000_000_500,
};
const clock: Clock = {
  now: Date.now,
  sleep: (until, signal) =>
    new Promise((resolve) => {
      const timer = setTimeout(done, until - Date.now());
      signal.addEventListener("abort", done);
      function done() {
        clearTimeout(timer);
        resolve();
      }
    }),
};

let folder = "";
let ports: NotifyPorts;
let closeTransport: () => void;
const children: ChildProcess[] = [];
const servers: Server[] = [];

beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), "lessee-notify-"));
  const transport = createTransport({});
  closeTransport = transport.close;
  ports = {
    clock,
    files: fs,
    kill: process.kill,
    transport: transport.send,
    run: createRunCommand({ spawn, kill: process.kill, clock, random: Math.random, env: process.env }),
    pid: process.pid,
    uid: process.getuid?.() ?? -1,
  };
});
afterEach(async () => {
  closeTransport();
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  }
  await fs.rm(folder, { recursive: true, force: true });
});

describe("signal", () => {
  it("is sent to the one process of that name which handles it", async () => {
    const child = await start("app-with-a-long-name", HANDLES_HUP);
    await notify({ kind: "signal", signal: "SIGHUP", process: "app-with-a-long-name" });
    expect(await line(child)).toBe("heard SIGHUP");
  });

  it("finds a process by pid_file and by pid", async () => {
    const child = await start("app", HANDLES_HUP);
    await fs.writeFile(join(folder, "pid"), `${child.pid}\n`);
    await notify({ kind: "signal", signal: "SIGHUP", pidFile: join(folder, "pid") });
    expect(await line(child)).toBe("heard SIGHUP");
    await notify({ kind: "signal", signal: "SIGHUP", pid: pidOf(child) });
    expect(await line(child)).toBe("heard SIGHUP");
  });

  it("is not sent to a process without a handler, which it would end (M8)", async () => {
    const child = await start("app-no-handler", "process.stdin.resume(); console.log('ready')");
    const error = await failure({ kind: "signal", signal: "SIGHUP", process: "app-no-handler" });
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
    await failure({ kind: "signal", signal: "SIGHUP", pid: pidOf(child) });
    child.stdin?.write("now\n");
    expect(await line(child)).toBe("set");
    await notify({ kind: "signal", signal: "SIGHUP", pid: pidOf(child) });
    expect(await line(child)).toBe("heard SIGHUP");
  });

  it("is not taken as heard by a process that ignores it", async () => {
    const child = spawn("sh", ["-c", "trap '' HUP; echo ready; exec cat"], { stdio: ["pipe", "pipe", "inherit"] });
    children.push(child);
    expect(await line(child)).toBe("ready");
    const error = await failure({ kind: "signal", signal: "SIGHUP", pid: pidOf(child) });
    expect(error.message).toMatch(/ignores SIGHUP/);
  });

  it("goes to nobody when several have the name", async () => {
    const [one, two] = [await start("app-twice", HANDLES_HUP), await start("app-twice", HANDLES_HUP)];
    const error = await failure({ kind: "signal", signal: "SIGHUP", process: "app-twice" });
    expect(error.permanent).toBe(true);
    expect(error.message).toContain("2 processes are called app-twice");
    expect(error.message).toContain(String(one.pid));
    expect(error.message).toContain(String(two.pid));
  });

  it("waits for a process that does not run yet", async () => {
    const error = await failure({ kind: "signal", signal: "SIGHUP", process: "no-such-app" });
    expect(error).toMatchObject({ permanent: false, hint: expect.stringMatching(/shareProcessNamespace/) });
  });

  it("waits when pid_file is missing, empty, or names a process that is gone", async () => {
    const pidFile = join(folder, "pid");
    const config = { kind: "signal", signal: "SIGHUP", pidFile } as const;
    expect(await failure(config)).toMatchObject({ permanent: false });
    await fs.writeFile(pidFile, "");
    expect(await failure(config)).toMatchObject({ permanent: false, message: expect.stringMatching(/no process id/) });
    const child = await start("app", HANDLES_HUP);
    await fs.writeFile(pidFile, String(child.pid));
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await failure(config)).toMatchObject({ permanent: false, message: expect.stringMatching(/does not run/) });
  });

  it.runIf(root)("says what to do when the process is another user's (M8)", async () => {
    const child = spawn("sleep", ["60"], { uid: 65534, gid: 65534 });
    children.push(child);
    const asOther = { ...ports, uid: 100, kill: asUser(100) };
    const config = { kind: "signal", signal: "SIGHUP", pid: pidOf(child), timeout: 1000 } as const;
    const error = await caught(createNotifier(config, asOther).notify(change, never));
    expect(error.permanent).toBe(true);
    expect(error.message).toMatch(/runs as user 65534 while lessee runs as 100/);
    expect(error.hint).toMatch(/agent-run-as-same-user/);
  });

  it("never takes lessee itself for the application, nor what has ended", async () => {
    const proc = join(folder, "proc");
    await makeProcess(proc, ports.pid, { comm: "app", cmdline: "app\0" });
    await makeProcess(proc, 4242, { comm: "app", cmdline: "" });
    const config = { kind: "signal", signal: "SIGHUP", process: "app", timeout: 1000 } as const;
    const error = await caught(createNotifier(config, { ...ports, proc }).notify(change, never));
    expect(error.message).toBe("no process is called app");
  });

  it.each([
    ["the short name of a long program", { comm: "a-very-long-pro", cmdline: "x\0" }, "a-very-long-program"],
    ["the command line's first word", { comm: "MainThread", cmdline: "/usr/bin/tsb\0--config\0x" }, "tsb"],
  ])("knows a process by %s", async (_, files, name) => {
    const proc = join(folder, "proc");
    await makeProcess(proc, 4242, { ...files, status: "State:\tS\nUid:\t7\t7\t7\t7\nSigIgn:\t0\nSigCgt:\t1\n" });
    const sent: unknown[] = [];
    const kill = (pid: number, signal: unknown) => sent.push([pid, signal]) > 0 || (true as const);
    const config = { kind: "signal", signal: "SIGHUP", process: name, timeout: 1000 } as const;
    await createNotifier(config, { ...ports, proc, kill: kill as NotifyPorts["kill"] }).notify(change, never);
    expect(sent).toEqual([
      [4242, 0],
      [4242, "SIGHUP"],
    ]);
  });
});

describe("http", () => {
  it("sends what is configured, and takes 2xx as heard", async () => {
    const { url, requests } = await serve(204);
    const headers = { "x-reload": "yes" };
    await notify({ kind: "http", method: "POST", url: `${url}/-/reload?token=abc`, headers, body: "now" });
    expect(requests).toMatchObject([{ method: "POST", url: "/-/reload?token=abc", headers, body: "now" }]);
  });

  it.each([400, 404, 500, 503])("takes %d as not heard, to be tried again", async (status) => {
    const { url } = await serve(status);
    const error = await failure({ kind: "http", method: "GET", url, headers: {} });
    expect(error).toMatchObject({ permanent: false, message: expect.stringContaining(`answered ${status}`) });
  });

  it("follows no redirect", async () => {
    const { url, requests } = await serve(302);
    const error = await failure({ kind: "http", method: "POST", url, headers: {} });
    expect(error).toMatchObject({ permanent: true, hint: expect.stringMatching(/redirect leads to/) });
    expect(requests).toHaveLength(1);
  });

  it("does not wait longer than its timeout", async () => {
    const { url } = await serve("never");
    const error = await failure({ kind: "http", method: "POST", url, headers: {}, timeout: 100 });
    expect(error.permanent).toBe(false);
  });

  it("shows no secret of the URL, whatever happens", async () => {
    const { url } = await serve(500);
    for (const base of [url, "http://127.0.0.1:1"]) {
      const secret = `${base.replace("://", "://user:s3cret@")}/reload?token=s3cret#s3cret`;
      const config = { kind: "http", method: "POST", url: secret, headers: {}, timeout: 1000 } as const;
      const notifier = createNotifier(config, ports);
      const error = await caught(notifier.notify(change, never));
      expect(notifier.target).toBe(`POST ${base}/reload`);
      expect(`${error.message} ${error.hint} ${error.stack} ${String(error.cause)}`).not.toContain("s3cret");
    }
  });
});

describe("exec", () => {
  it("tells the command what has changed", async () => {
    const file = join(folder, "env");
    const command = [`env | grep -E '^(LESSEE_|MINE)' | sort > ${file}`];
    await notify({ kind: "exec", command, env: { MINE: "1" } });
    expect(await fs.readFile(file, "utf8")).toBe(
      [
        "LESSEE_FILES=/etc/dbvault/config.yaml",
        "LESSEE_LEASE_ID=database/creds/pg-role/abc",
        "LESSEE_PATH=database/creds/pg-role",
        "LESSEE_PREVIOUS_ENDS=1700000000",
        "LESSEE_USERNAME=v-pg-role-1",
        "MINE=1",
        "",
      ].join("\n"),
    );
  });

  it("takes any other exit code as not heard, to be tried again", async () => {
    const error = await failure({ kind: "exec", command: ["echo not yet; exit 7"], env: {} });
    expect(error).toMatchObject({ permanent: false, message: "echo not yet; exit 7: exit code 7: not yet" });
  });

  it("does not wait longer than its timeout", async () => {
    const error = await failure({ kind: "exec", command: ["sleep 60; :"], env: {}, timeout: 100 });
    expect(error.message).toMatch(/no end within 0.1 s/);
  });
});

describe("file", () => {
  it("is created, and then written in place with the time", async () => {
    const path = join(folder, "touched");
    const times = [1_700_000_000_000, 1_700_000_100_000];
    const notifier = createNotifier(
      { kind: "file", path, timeout: 1000 },
      {
        ...ports,
        clock: { ...clock, now: () => times.shift() ?? 0 },
      },
    );
    await notifier.notify(change, never);
    expect(await fs.readFile(path, "utf8")).toBe("2023-11-14T22:13:20.000Z\n");
    const { ino } = await fs.stat(path);
    await notifier.notify(change, never);
    expect(await fs.readFile(path, "utf8")).toBe("2023-11-14T22:15:00.000Z\n");
    expect((await fs.stat(path)).ino).toBe(ino);
  });

  it("is not written through a link", async () => {
    await fs.writeFile(join(folder, "victim"), "whole");
    await fs.symlink("victim", join(folder, "touched"));
    expect((await failure({ kind: "file", path: join(folder, "touched") })).message).toMatch(/cannot touch/);
    expect(await fs.readFile(join(folder, "victim"), "utf8")).toBe("whole");
  });

  it("says what is missing", async () => {
    const error = await failure({ kind: "file", path: join(folder, "no/such/folder") });
    expect(error).toMatchObject({ permanent: false, hint: expect.stringMatching(/folder must exist/) });
  });
});

const HANDLES_HUP =
  "process.on('SIGHUP', () => console.log('heard SIGHUP')); process.stdin.resume(); console.log('ready')";

type Config = NotifyConfig extends infer C ? (C extends { timeout: number } ? Omit<C, "timeout"> : never) : never;

async function notify(config: Config & { timeout?: number }): Promise<void> {
  const whole = { timeout: 10_000, ...config } as NotifyConfig;
  await createNotifier(whole, ports).notify(change, never);
}

async function failure(config: Config & { timeout?: number }): Promise<NotifyError> {
  return await caught(notify(config));
}

async function caught(work: Promise<void>): Promise<NotifyError> {
  const error = await work.then(
    () => new Error("it was heard"),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof NotifyError)) throw error;
  return error;
}

/** A process that is called `name`, because its program's file is: a link to Node. */
async function start(name: string, script: string): Promise<ChildProcess> {
  const program = join(folder, name);
  await fs.symlink(process.execPath, program).catch(() => undefined);
  const child = spawn(program, ["-e", script], { stdio: ["pipe", "pipe", "inherit"] });
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

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

async function serve(answer: number | "never"): Promise<{ url: string; requests: Seen[] }> {
  const requests: Seen[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += String(chunk);
    });
    request.on("end", () => {
      requests.push({ method: request.method, url: request.url, headers: request.headers, body });
      if (answer !== "never") response.writeHead(answer, { location: "/elsewhere" }).end();
    });
  });
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not a port");
  return { url: `http://127.0.0.1:${address.port}`, requests };
}
