/** Measures a program from outside, as the operating system sees it. Linux, because it reads /proc. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, watch } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface Program {
  readonly name: string;
  /** What `-config=FILE` and further flags are appended to. */
  readonly command: readonly [string, ...string[]];
}

export interface IdleFigures {
  /** Megabytes of 1024 × 1024 bytes. */
  readonly rss: number;
  /** The part of it that no other process can share. */
  readonly anonymous: number;
  /** Processor milliseconds for each second of idling. */
  readonly cpu: number;
}

/** Milliseconds from the start of the process until `destination` exists; waits for its end by itself. */
export async function timeToFile(program: Program, config: string, destination: string): Promise<number> {
  const { child, written } = start(program, [`-config=${config}`, "-exit-after-auth"], destination);
  const took = await written;
  const [code] = child.exitCode === null ? await once(child, "exit") : [child.exitCode];
  if (code !== 0) throw new Error(`${program.name} ended with ${code}`);
  return took;
}

/** Lets the program write the file, settle for `settle` ms and idle for `idle` ms, and ends it. */
export async function idleFigures(
  program: Program,
  config: string,
  destination: string,
  { settle, idle }: { readonly settle: number; readonly idle: number },
): Promise<IdleFigures> {
  const { child, written } = start(program, [`-config=${config}`], destination);
  try {
    await written;
    await sleep(settle);
    const pid = child.pid as number;
    const before = await processorTime(pid);
    await sleep(idle);
    const cpu = ((await processorTime(pid)) - before) / (idle / 1000);
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    return { rss: megabytes(status, "VmRSS"), anonymous: megabytes(status, "RssAnon"), cpu };
  } finally {
    child.kill("SIGTERM");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
}

function start(
  program: Program,
  args: readonly string[],
  destination: string,
): { readonly child: ChildProcess; readonly written: Promise<number> } {
  const { promise: written, resolve, reject } = Promise.withResolvers<number>();
  const watcher = watch(dirname(destination), () => {
    if (existsSync(destination)) resolve(performance.now() - began);
  });
  const began = performance.now();
  const [command, ...first] = program.command;
  const child = spawn(command, [...first, ...args], {
    env: environment(dirname(destination)),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const output of [child.stdout, child.stderr]) output.on("data", (text) => (said += text));
  child.once("error", reject);
  child.once("close", () => {
    if (existsSync(destination)) resolve(performance.now() - began);
    else reject(new Error(`${program.name} ended without writing ${basename(destination)}:\n${said.trim()}`));
  });
  return { child, written: written.finally(() => watcher.close()) };
}

/**
 * Without the shell's Vault, so that the configuration alone says where to go; with a home of its own for each run, so
 * that none takes up what the last one left.
 */
export function environment(home: string): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(([name]) => !/^(VAULT|BAO|LESSEE)_/.test(name));
  return { ...Object.fromEntries(others), HOME: home };
}

/** User and system time so far, in milliseconds; Linux counts it in hundredths of a second. */
export async function processorTime(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).replace(/^.*\) /s, "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

export function megabytes(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 1024;
}

/** `bao agent 2.4.1`, from what it says of itself. */
export function nameOf(binary: string): string {
  const said = execFileSync(binary, ["version"], { encoding: "utf8" }).match(/^(\w+) v?([\w.-]+)/);
  return said ? `${said[1]} agent ${said[2]}` : "the other";
}
