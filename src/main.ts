/** The only file that touches the global process: hands the world to the program, and its exit code back. */

// Before anything else: without a handler Node opens its inspector at SIGUSR1.
process.on("SIGUSR1", () => {});

import { spawn } from "node:child_process";
import files from "node:fs/promises";
import { runCommand } from "./cli/commands.ts";
import type { ProcessSignals } from "./cli/process.ts";
import { createSystemClock } from "./clock.ts";
import { describe } from "./errors.ts";
import type { World } from "./ports.ts";

/** Put in by the bundler; absent when the sources run. */
declare const LESSEE_VERSION: string | undefined;

const world: World = {
  clock: createSystemClock(Date.now, () => performance.now()),
  random: Math.random,
  files,
  spawn,
  kill: (pid, signal) => process.kill(pid, signal),
  env: process.env,
  pid: process.pid,
  uid: process.getuid?.() ?? 0,
  // Only opened by the command that reads it.
  get stdin() {
    return process.stdin;
  },
  stdout: process.stdout,
  stderr: process.stderr,
};

/** The first signal asks for an orderly end, the second one gets the other. */
function listen(): ProcessSignals {
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(signal === "SIGTERM" ? 143 : 130);
      stop.abort(signal);
    });
  }
  return {
    stop: stop.signal,
    onReload(reload) {
      process.on("SIGHUP", reload);
      return () => void process.off("SIGHUP", reload);
    },
  };
}

runCommand(
  process.argv.slice(2),
  world,
  listen(),
  typeof LESSEE_VERSION === "string" ? LESSEE_VERSION : "0.0.0-source",
).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`lessee: ${describe(error)}\n`);
    process.exit(1);
  },
);
