/** One of the demo's processes: its lines are read, its end is noticed, and it can be ended. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Guard } from "../guard.ts";

export interface ChildOptions {
  /** For messages: `the sample application`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly guard: Guard;
  /** Every line of its standard output and standard error. */
  readonly onLine?: (line: string) => void;
}

export interface Child {
  readonly name: string;
  readonly pid: number | undefined;
  /** Resolves when it ends without `stop()`; never rejects. */
  readonly died: Promise<ChildDeath>;
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL when it is not gone after `patience` ms. Says how it ended where that was not in order. */
  stop(patience: number): Promise<string | undefined>;
}

export interface ChildDeath {
  readonly name: string;
  readonly how: string;
  readonly lastLines: readonly string[];
}

const LAST_LINES = 15;

export function startChild({ name, command, args, env, guard, onLine = () => {} }: ChildOptions): Child {
  // Its own session, so that a Ctrl-C reaches the demo only, which ends its children in order. Standard input is a pipe
  // that breaks when the demo dies.
  const child = spawn(command, args, { env, detached: true, stdio: ["pipe", "pipe", "pipe"] });
  if (child.pid !== undefined) guard.watch(child.pid);
  child.stdin.on("error", () => {});
  const lastLines: string[] = [];
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on("line", (line) => {
      lastLines.push(line);
      if (lastLines.length > LAST_LINES) lastLines.shift();
      onLine(line);
    });
  }
  let stopping = false;
  const gone = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(`could not be started: ${error.message}`));
    child.once("close", (code, signal) => resolve(signal ? `was ended by ${signal}` : `ended with exit code ${code}`));
  });
  return {
    name,
    pid: child.pid,
    died: new Promise((resolve) => gone.then((how) => stopping || resolve({ name, how, lastLines }))),
    kill: (signal) => void child.kill(signal),
    async stop(patience) {
      stopping = true;
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), patience);
      const how = await gone;
      clearTimeout(timer);
      // What had no time yet to listen for SIGTERM ends by it, and had nothing to put in order.
      return child.exitCode === 0 || child.signalCode === "SIGTERM" ? undefined : how;
    },
  };
}
