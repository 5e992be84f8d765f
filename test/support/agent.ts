/** `lessee agent` as a process: what it logs is waited for, all that it writes is kept, and its exit code is seen. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { LogEntry } from "../../dev/demo/timeline.ts";
import type { Guard } from "../../dev/guard.ts";

export interface Agent {
  readonly pid: number;
  /** Its log so far; `-log-format=json` makes each line one of these. */
  readonly entries: readonly LogEntry[];
  /** Lines that are not of the log: why it did not start. */
  readonly lines: readonly string[];
  /** Everything that it wrote, to whichever stream. */
  output(): string;
  /**
   * The first entry of this name that is as wanted, which may have been logged already; with `since`, a number of
   * entries, only one after those. Rejects when the process ends without it.
   */
  event(message: string, wanted?: (entry: LogEntry) => boolean, since?: number): Promise<LogEntry>;
  /** So many entries of this name. */
  events(message: string, count: number): Promise<readonly LogEntry[]>;
  signal(signal: NodeJS.Signals): void;
  readonly ended: Promise<AgentEnd>;
  /** SIGTERM, and how it ended. */
  stop(): Promise<AgentEnd>;
  /** SIGKILL, which it cannot hear. */
  kill(): Promise<void>;
}

export interface AgentEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const LAUNCHER = new URL("../../bin/lessee", import.meta.url).pathname;

export function startAgent(options: {
  readonly args: readonly string[];
  /** All of it: nothing of the shell's VAULT_… may reach it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly guard: Guard;
  /** A command that runs it, as `unshare …`. */
  readonly within?: readonly string[];
}): Agent {
  const [command = LAUNCHER, ...args] = [...(options.within ?? []), LAUNCHER, "agent", ...options.args];
  const child = spawn(command, args, {
    env: options.env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const pid = child.pid!;
  options.guard.watch(pid);
  const entries: LogEntry[] = [];
  const lines: string[] = [];
  const all: string[] = [];
  const waiting = new Set<() => void>();
  let over = false;

  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on("line", (line) => {
      all.push(line);
      const entry = parseEntry(line);
      if (entry) entries.push(entry);
      else lines.push(line);
      for (const look of waiting) look();
    });
  }
  const ended = new Promise<AgentEnd>((resolve) => {
    child.once("close", (code, signal) => {
      over = true;
      resolve({ code, signal });
      for (const look of waiting) look();
    });
  });

  function until<T>(find: () => T | undefined, what: string): Promise<T> {
    return new Promise((resolve, reject) => {
      function look(): void {
        const found = find();
        if (found === undefined && !over) return;
        waiting.delete(look);
        if (found !== undefined) resolve(found);
        else reject(new Error(`lessee ended before it logged ${what}:\n${all.join("\n")}`));
      }
      waiting.add(look);
      look();
    });
  }

  return {
    pid,
    entries,
    lines,
    output: () => all.join("\n"),
    event: (message, wanted = () => true, since = 0) =>
      until(() => entries.find((entry, i) => i >= since && entry.msg === message && wanted(entry)), `"${message}"`),
    events: (message, count) =>
      until(() => {
        const found = entries.filter((entry) => entry.msg === message);
        return found.length >= count ? found : undefined;
      }, `"${message}" ${count} times`),
    signal: (signal) => void child.kill(signal),
    ended,
    async stop() {
      child.kill("SIGTERM");
      return ended;
    },
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

function parseEntry(line: string): LogEntry | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const entry = JSON.parse(line) as LogEntry;
    return typeof entry.msg === "string" ? entry : undefined;
  } catch {
    return undefined;
  }
}
