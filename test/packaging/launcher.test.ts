/** bin/lessee finds its bundle and its Node from anywhere, and is a good first process of a container. */
import { type ChildProcessByStdio, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { describe, expect, it, onTestFinished } from "vitest";
import { folder, root, run, script } from "./run.ts";

/** A package that holds the launcher and, in place of the bundle, a program that tells what it was given. */
function installed(program = "console.log(JSON.stringify([process.argv.slice(2), process.execArgv]))"): string {
  const path = folder();
  mkdirSync(join(path, "bin"));
  mkdirSync(join(path, "dist"));
  copyLauncher(join(path, "bin"));
  writeFileSync(join(path, "dist/lessee.cjs"), program);
  return path;
}

function copyLauncher(to: string): void {
  for (const name of ["lessee", "start.cjs"]) copyFileSync(join(root, "bin", name), join(to, name));
}

const ours = { LESSEE_NODE: process.execPath };

describe("the launcher", () => {
  it("hands on the arguments as they are, with the flags for small memory to the agent", async () => {
    const { stdout } = await run(join(installed(), "bin/lessee"), ["agent", "-config=a b", "$HOME", ""], { env: ours });
    expect(JSON.parse(stdout)).toEqual([
      ["agent", "-config=a b", "$HOME", ""],
      ["--lite-mode", "--max-semi-space-size=1"],
    ]);
  });

  it("bounds the memory of the webhook, and leaves it the JIT", async () => {
    const { stdout } = await run(join(installed(), "bin/lessee"), ["webhook", "-listen=:1"], { env: ours });
    expect(JSON.parse(stdout)).toEqual([
      ["webhook", "-listen=:1"],
      ["--max-old-space-size=96", "--max-semi-space-size=4"],
    ]);
  });

  it.each([[["validate"]], [["agent", "-config=x", "-exit-after-auth"]], [["inject", "-f", "webhook"]], [[]]])(
    "leaves the JIT, which starts faster, to %j",
    async (args) => {
      const { stdout } = await run(join(installed(), "bin/lessee"), args, { env: ours });
      expect(JSON.parse(stdout)).toEqual([args, []]);
    },
  );

  it("leaves the JIT to an agent with a listener, which serves many requests", async () => {
    const path = installed();
    const configs = folder();
    const file = join(configs, "a b.json");
    writeFileSync(file, '{"listener":[{"type":"tcp"}]}');
    const other = join(folder(), "b.hcl");
    writeFileSync(other, 'template { contents = "a" }');
    // As a ConfigMap is mounted.
    const mounted = folder();
    symlinkSync(file, join(mounted, "agent.hcl"));
    const flagsFor = async (args: readonly string[], env = {}) => {
      const { stdout } = await run(join(path, "bin/lessee"), ["agent", ...args], {
        env: { ...ours, PATH: process.env.PATH ?? "", ...env },
      });
      return (JSON.parse(stdout) as [unknown, string[]])[1].length;
    };
    expect(await flagsFor([`-config=${other}`])).toBe(2);
    expect(await flagsFor([`-config=${other}`, `--config=${file}`])).toBe(0);
    expect(await flagsFor(["-config", file])).toBe(0);
    expect(await flagsFor([`-config=${mounted}`])).toBe(0);
    expect(await flagsFor([], { VAULT_AGENT_CONFIG_PATH: file })).toBe(0);
    expect(await flagsFor([`-config=${other}`], { LESSEE_CONFIG: 'listener "tcp" {}' })).toBe(0);
  });

  it("works through symlinks, relative ones too, from another folder", async () => {
    const path = installed();
    const elsewhere = folder();
    symlinkSync(join(path, "bin/lessee"), join(elsewhere, "absolute"));
    symlinkSync("absolute", join(elsewhere, "relative"));
    const { code, stdout } = await run("./relative", ["version"], { cwd: elsewhere, env: ours });
    expect({ code, given: JSON.parse(stdout) }).toEqual({ code: 0, given: [["version"], []] });
  });

  it("gives on exit code and standard input", async () => {
    const program = `process.stdin.on("data", (d) => console.log(String(d))).on("end", () => process.exit(3))`;
    const ended = await run(join(installed(program), "bin/lessee"), ["render"], { env: ours, stdin: "text" });
    expect(ended).toEqual({ code: 3, stdout: "text\n", stderr: "" });
  });

  it("takes the Node of its own packages, also where npm put them beside it", async () => {
    for (const place of ["lessee/node_modules/.bin", ".bin"]) {
      const modules = folder();
      mkdirSync(join(modules, "lessee/bin"), { recursive: true });
      mkdirSync(join(modules, "lessee/dist"));
      mkdirSync(join(modules, place), { recursive: true });
      copyLauncher(join(modules, "lessee/bin"));
      writeFileSync(join(modules, "lessee/dist/lessee.cjs"), "");
      script(join(modules, place, "node"), `echo "node of ${place}"`);
      expect((await run(join(modules, "lessee/bin/lessee"), [])).stdout).toBe(`node of ${place}\n`);
    }
  });

  it("falls back to the Node on PATH and refuses one that is too old", async () => {
    const path = installed();
    const shims = folder();
    script(join(shims, "node"), "echo 20.20.2");
    const old = await run(join(path, "bin/lessee"), [], { env: { PATH: `${shims}:${process.env.PATH}` } });
    expect(old).toMatchObject({ code: 1, stderr: expect.stringMatching(/is Node 20\.20\.2; 24 or newer is needed/) });
    const fine = await run(join(path, "bin/lessee"), [], {
      env: { PATH: `${dirname(process.execPath)}:${process.env.PATH}` },
    });
    expect(fine).toMatchObject({ code: 0, stderr: "" });
  });

  it("says what to do when the bundle was not built, or LESSEE_NODE names nothing", async () => {
    const path = folder();
    mkdirSync(join(path, "bin"));
    copyLauncher(join(path, "bin"));
    expect(await run(join(path, "bin/lessee"), [], { env: ours })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("run: npm run build"),
    });
    expect(await run(join(path, "bin/lessee"), [], { env: { LESSEE_NODE: "/nowhere/node" } })).toMatchObject({
      code: 1,
      stderr: "lessee: LESSEE_NODE=/nowhere/node is not a program\n",
    });
  });
});

describe("the start", () => {
  /** Tells whether V8 took what was kept: undefined where there was nothing. */
  const TELLS = `const vm = require("node:vm");
    vm.Script = class extends vm.Script {
      constructor(...given) {
        super(...given);
        console.log(this.cachedDataRejected === false ? "kept" : "compiled");
      }
    };`;

  it("runs the bundle out of what was kept of this one for this Node and these flags, and any other without", async () => {
    const path = installed("/*one*/ console.log(1)");
    const compiled = join(path, "dist/compiled");
    const tells = join(path, "tells.cjs");
    writeFileSync(tells, TELLS);
    const start = async (args: readonly string[], env = {}) => {
      const { stderr, stdout } = await run(join(path, "bin/lessee"), args, {
        env: { ...ours, NODE_OPTIONS: `--require ${tells}`, ...env },
      });
      return stderr || stdout.split("\n").slice(0, -1);
    };
    expect(await start(["version"])).toEqual(["compiled", "1"]);
    mkdirSync(compiled);
    expect(await start(["version"], { LESSEE_KEEPS_COMPILED: "1" })).toEqual(["compiled", "1"]);
    expect(readdirSync(compiled)).toEqual([`one-${process.version}-${process.arch}`]);
    expect(await start(["version"])).toEqual(["kept", "1"]);
    expect(await start(["agent", "-config=/nowhere"]), "other flags").toEqual(["compiled", "1"]);
    // V8 compares no more of the source than its length.
    writeFileSync(join(path, "dist/lessee.cjs"), "/*two*/ console.log(2)");
    expect(await start(["version"])).toEqual(["compiled", "2"]);
  });

  it("goes without what was cut off", async () => {
    const path = installed("/*one*/ console.log(1)");
    const compiled = join(path, "dist/compiled");
    mkdirSync(compiled);
    const start = (env = {}) => run(join(path, "bin/lessee"), [], { env: { ...ours, ...env } });
    await start({ LESSEE_KEEPS_COMPILED: "1" });
    const [name = ""] = readdirSync(compiled);
    const whole = readFileSync(join(compiled, name));
    for (const length of [0, 10, whole.length >> 1, whole.length - 1]) {
      writeFileSync(join(compiled, name), whole.subarray(0, length));
      expect(await start()).toEqual({ code: 0, stdout: "1\n", stderr: "" });
    }
  });
});

/** Ends by SIGTERM with code 7, tells every other signal, and starts a process that outlives its parent on SIGUSR1. */
const SERVER = `
  const { spawn } = require("node:child_process");
  for (const name of ["SIGHUP", "SIGINT"]) process.on(name, () => console.log(name));
  process.on("SIGUSR1", () => {
    spawn("sh", ["-c", "sleep 1000 & echo orphaned"], { stdio: ["ignore", "inherit", "inherit"] });
  });
  process.on("SIGTERM", () => setTimeout(() => process.exit(7), 100));
  setInterval(() => {}, 1000);
  console.log("up " + process.ppid);`;

const shells = ["dash", "bash", "busybox"].filter((name) => isThere(name));

describe.skipIf(!mayUnshare())(
  `the launcher as PID 1${mayUnshare() ? "" : " (skipped: no permission to make a process namespace)"}`,
  () => {
    it.each(shells)("under %s forwards signals, reaps orphans and gives on the exit code", async (shell) => {
      const { child, lines, launcher } = await asPid1(shell, SERVER);
      expect(await lines.next()).toBe("up 1");
      const program = childrenOf(launcher);
      for (const signal of ["SIGHUP", "SIGINT"] as const) {
        process.kill(launcher, signal);
        expect(await lines.next()).toBe(signal);
      }
      process.kill(launcher, "SIGUSR1");
      expect(await lines.next()).toBe("orphaned");
      const orphans = () => childrenOf(launcher).filter((pid) => !program.includes(pid));
      await expect.poll(orphans, { timeout: 10_000, interval: 5 }).toHaveLength(1);
      process.kill(orphans()[0] as number, "SIGKILL");
      await expect.poll(orphans, { timeout: 10_000, interval: 5 }).toEqual([]);
      process.kill(launcher, "SIGTERM");
      expect(await once(child, "exit")).toEqual([7, null]);
    });

    it.each(shells)("under %s gives on the code of a program that ends by itself", async (shell) => {
      const { child } = await asPid1(shell, "process.exitCode = 5");
      expect(await once(child, "exit")).toEqual([5, null]);
    });
  },
);

/** Starts the launcher as the first process of a process namespace; `launcher` is its pid out here. */
async function asPid1(shell: string, program: string) {
  const words = shell === "busybox" ? ["busybox", "sh"] : [shell];
  const launcher = join(installed(program), "bin/lessee");
  const child = spawn("unshare", ["--pid", "--fork", "--mount-proc", "--kill-child", ...words, launcher, "agent"], {
    env: { PATH: process.env.PATH, ...ours },
    stdio: ["ignore", "pipe", "inherit"],
  }) as ChildProcessByStdio<null, Readable, null>;
  onTestFinished(() => void child.kill("SIGKILL"));
  const reader = createInterface(child.stdout)[Symbol.asyncIterator]();
  const lines = { next: async () => (await reader.next()).value as string | undefined };
  await expect.poll(() => childrenOf(child.pid as number), { interval: 5, timeout: 10_000 }).not.toEqual([]);
  return { child, lines, launcher: childrenOf(child.pid as number)[0] as number };
}

/** The children of a process, zombies included. */
function childrenOf(pid: number): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && parentOf(name) === pid)
    .map(Number);
}

function parentOf(pid: string): number | undefined {
  try {
    return Number(
      readFileSync(`/proc/${pid}/stat`, "utf8")
        .replace(/^.*\) . /s, "")
        .split(" ")[0],
    );
  } catch {
    return undefined;
  }
}

function mayUnshare(): boolean {
  return isThere("unshare", "--pid", "--fork", "--mount-proc", "true");
}

function isThere(program: string, ...args: readonly string[]): boolean {
  try {
    execFileSync(program, args.length > 0 ? args : ["-c", "true"], { stdio: "ignore" });
    return true;
  } catch {
    return program === "busybox" && args.length === 0 ? isThere("busybox", "sh", "-c", "true") : false;
  }
}
