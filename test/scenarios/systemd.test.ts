/** Under systemd: what it is told, by its own program and over its own kind of socket. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { configuration } from "../support/configuration.ts";
import { type Pod, startWorld, type World } from "../support/world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

const LONG = { ttl: { default: "60s", max: "10m" } };

/** A program of that name which writes down what it was called with. */
async function standIn(pod: Pod, body: string): Promise<string> {
  const folder = pod.path("bin");
  await mkdir(folder);
  await writeFile(pod.path("bin", "systemd-notify"), `#!/bin/sh\n${body}\n`);
  await chmod(pod.path("bin", "systemd-notify"), 0o755);
  return `${folder}:${process.env.PATH}`;
}

it("systemd is told when the agent serves, reads its files again, and ends", async () => {
  const pod = await world.pod(LONG);
  const told = pod.path("told");
  const PATH = await standIn(pod, `echo "$NOTIFY_SOCKET $*" >> '${told}'`);
  const agent = await pod.agent(configuration(pod), { env: { PATH, NOTIFY_SOCKET: "/run/notify" } });
  await agent.event("published");
  agent.signal("SIGHUP");
  await agent.event("configuration reloaded");
  expect(await agent.stop()).toEqual({ code: 0, signal: null });
  expect((await readFile(told, "utf8")).trimEnd().split("\n")).toEqual(
    ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"].map((state) => `/run/notify ${state}`),
  );
});

it("a systemd that cannot be told is a warning, and nobody is told without NOTIFY_SOCKET", async () => {
  const pod = await world.pod(LONG);
  const PATH = await standIn(pod, `echo "$*" >> '${pod.path("told")}'; echo no such socket >&2; exit 1`);
  const silent = await pod.agent(configuration(pod), { env: { PATH } });
  await silent.event("published");
  await silent.stop();
  await expect(readFile(pod.path("told"))).rejects.toThrow("ENOENT");
  const agent = await pod.agent(configuration(pod), { env: { PATH, NOTIFY_SOCKET: "/run/notify" } });
  const warning = await agent.event("warning", ({ code }) => code === "systemd");
  expect(warning.message).toBe(
    "NOTIFY_SOCKET is set, and systemd cannot be told READY=1: systemd-notify READY=1: exit code 1: no such socket",
  );
  expect(await agent.stop()).toEqual({ code: 0, signal: null });
});

/** Node has no sockets of that kind, which is why systemd's own program and another language stand in for it. */
const READER = `
import os, socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(sys.argv[1])
print("bound", flush=True)
while True:
    for line in listener.recv(4096).decode().splitlines():
        print(line, flush=True)
`;
const has = (program: string) => spawnSync(program, ["--version"]).status === 0;
const missing = ["systemd-notify", "python3"].filter((program) => !has(program));

it.skipIf(missing.length > 0)(
  "through the real systemd-notify, to a real socket (needs systemd-notify and python3)",
  async () => {
    const pod = await world.pod(LONG);
    const socket = pod.path("notify");
    const reader: ChildProcess = spawn("python3", ["-c", READER, socket], { stdio: ["ignore", "pipe", "inherit"] });
    onTestFinished(async () => {
      reader.kill("SIGKILL");
      if (reader.exitCode === null && reader.signalCode === null)
        await new Promise((resolve) => reader.once("exit", resolve));
    });
    const lines: string[] = [];
    createInterface({ input: reader.stdout! }).on("line", (line) => lines.push(line));
    await expect.poll(() => lines).toContain("bound");
    const agent = await pod.agent(configuration(pod), { env: { NOTIFY_SOCKET: socket } });
    await agent.event("published");
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
    await expect
      .poll(() => lines.filter((line) => /^(READY|RELOADING|STOPPING)=1$/.test(line)))
      .toEqual(["READY=1", "STOPPING=1"]);
  },
);
