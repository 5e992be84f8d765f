/** The processes of this pid namespace as the kernel shows them. */
import { basename, join } from "node:path";
import type { Files } from "../ports.ts";

export interface ProcessState {
  readonly uid: number;
  /** Whether the process has a handler for the signal. */
  catches(signalNumber: number): boolean;
  ignores(signalNumber: number): boolean;
}

/** The kernel keeps so many characters of a program's name. */
const COMM_LENGTH = 15;

/**
 * The pids of all processes whose program is called `name`: by the kernel's short name, or by the command line's. Not
 * those of the program that `own` runs: one of its commands that somebody calls is called as an application of Node's is.
 */
export async function findByName(name: string, own: number, proc: string, files: Files): Promise<readonly number[]> {
  const pids = (await files.readdir(proc)).filter((entry) => /^\d+$/.test(entry)).map(Number);
  const ours = scriptOf(await readEntry(own, "cmdline", proc, files));
  const matches = await Promise.all(pids.map((pid) => isCalled(pid, name, ours, proc, files)));
  return pids.filter((pid, i) => pid !== own && matches[i]);
}

/** Undefined when there is no such process, or only what is left of it until its parent asks. */
export async function readState(pid: number, proc: string, files: Files): Promise<ProcessState | undefined> {
  const status = await files.readFile(join(proc, String(pid), "status"), "utf8").catch(() => undefined);
  if (status === undefined) return undefined;
  const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)`, "m").exec(status)?.[1];
  if (field("State") === "Z" || field("State") === "X") return undefined;
  const has = (name: string, signalNumber: number) => {
    const mask = BigInt(`0x${field(name) ?? "0"}`);
    return ((mask >> BigInt(signalNumber - 1)) & 1n) === 1n;
  };
  return {
    uid: Number(field("Uid")),
    catches: (signalNumber) => has("SigCgt", signalNumber),
    ignores: (signalNumber) => has("SigIgn", signalNumber),
  };
}

async function isCalled(pid: number, name: string, ours: string, proc: string, files: Files): Promise<boolean> {
  const [comm, commandLine] = await Promise.all([
    readEntry(pid, "comm", proc, files),
    readEntry(pid, "cmdline", proc, files),
  ]);
  // What has ended and is not waited for yet has no command line, and neither has the kernel itself.
  if (commandLine === "") return false;
  if (ours !== "" && scriptOf(commandLine) === ours) return false;
  const program = commandLine.split("\0", 1)[0] ?? "";
  return comm.trimEnd() === name.slice(0, COMM_LENGTH) || basename(program) === name;
}

/** A process may end between the listing and the reading: then it is not the one. */
async function readEntry(pid: number, entry: string, proc: string, files: Files): Promise<string> {
  return files.readFile(join(proc, String(pid), entry), "utf8").catch(() => "");
}

/** The file that an interpreter runs: its first argument that is no flag. */
function scriptOf(commandLine: string): string {
  const [, ...args] = commandLine.split("\0");
  return args.find((arg) => !arg.startsWith("-")) ?? "";
}
