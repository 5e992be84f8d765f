/** A container as a pod's: read-only, without capabilities, within 128 MiB, and with memory where the injector puts it. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { onTestFailed, onTestFinished } from "vitest";

export interface ContainerOptions {
  readonly docker: string;
  readonly image: string;
  readonly user: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Files of this machine, by where they are mounted. */
  readonly files?: Readonly<Record<string, string>>;
  /** Replaces the image's entry point. */
  readonly command?: readonly string[];
  readonly args?: readonly string[];
}

export interface Container {
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>;
  log(): string;
  /** What of the log came from standard output. */
  output(): string;
  /** Runs `sh -c` in it. */
  exec(script: string): Promise<string>;
  /** As kubelet does: SIGTERM, SIGKILL after the grace. Milliseconds until it had ended. */
  stop(graceSeconds: number): Promise<number>;
  /** Out here, the first process's children among them. */
  processes(): Promise<readonly Process[]>;
}

export interface Process {
  readonly pid: number;
  /** One letter; Z is one that nobody has reaped. */
  readonly state: string;
  readonly name: string;
  readonly residentKiB: number;
}

let containers = 0;

export function startContainer(options: ContainerOptions): Container {
  const { docker, image, user, env = {}, files = {}, command = [], args = [] } = options;
  const name = `lessee-test-${process.pid}-${++containers}`;
  const words = [
    ...["run", `--name=${name}`, "--rm", "--network=host", `--user=${user}`, "--read-only", "--cap-drop=ALL"],
    ...["--security-opt=no-new-privileges", "--memory=128m", "--memory-swap=128m", "--cpus=0.5"],
    ...["/home/vault", "/vault/secrets"].map(memoryVolume),
    ...Object.entries(env).map(([key, value]) => `--env=${key}=${value}`),
    ...Object.entries(files).map(([path, file]) => `--volume=${file}:${path}:ro`),
    ...(command.length > 0 ? [`--entrypoint=${command[0]}`] : []),
    image,
    ...command.slice(1),
    ...args,
  ];
  const child = spawn(docker, words, { stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (log += text));
  child.stdout.on("data", (text) => (output += text));
  const ended = exitOf(child);
  onTestFailed(() => void process.stderr.write(log));
  onTestFinished(async () => {
    // One that has ended by itself meanwhile is fine.
    if (child.exitCode === null) await run(docker, "kill", name).catch(() => {});
    await ended;
  });
  return {
    ended,
    log: () => log,
    output: () => output,
    exec: (script) => run(docker, "exec", name, "/bin/sh", "-c", script),
    async stop(graceSeconds) {
      const begun = Date.now();
      await run(docker, "stop", `--time=${graceSeconds}`, name);
      await ended;
      return Date.now() - begun;
    },
    async processes() {
      const [, ...pids] = (await run(docker, "top", name, "-o", "pid")).trim().split("\n");
      return pids.map((pid) => describe(Number(pid)));
    },
  };
}

/** An emptyDir of memory, which anybody may write; what `--tmpfs` makes has the mode of the image's folder. */
function memoryVolume(path: string): string {
  const options = ["type=tmpfs", "device=tmpfs", "o=mode=0777"].map((option) => `volume-opt=${option}`);
  return `--mount=type=volume,destination=${path},volume-nocopy,volume-driver=local,${options.join(",")}`;
}

function describe(pid: number): Process {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string) => new RegExp(`^${name}:\\s+(\\S+)`, "m").exec(status)?.[1] ?? "";
  return { pid, state: field("State"), name: field("Name"), residentKiB: Number(field("VmRSS")) };
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code));
  });
}

/** Never in a way that blocks: what it talks to may be this very process. */
async function run(docker: string, ...args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(docker, args)).stdout;
}
