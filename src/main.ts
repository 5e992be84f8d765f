/** The only file that touches the global process: hands the world to the program, and its exit code back. */

import files from "node:fs/promises";
import { runCommand } from "./cli/commands.ts";
import type { ProcessSignals } from "./cli/process.ts";
import { describe } from "./errors.ts";
import type { Spawn, World } from "./ports.ts";
import { claim } from "./system/claim.ts";
import { createSystemClock } from "./system/clock.ts";
import { patientFiles } from "./system/patient-files.ts";

// Without a listener Node would open its inspector, to whoever may send a signal.
process.on("SIGUSR1", () => undefined);
// Go passes these by, so that nobody who sends them expects an end.
for (const signal of ["SIGUSR2", "SIGALRM"]) process.on(signal, () => undefined);

/** Put in by the bundler; absent when the sources run. */
declare const LESSEE_VERSION: string | undefined;

const clock = createSystemClock(Date.now, () => Number(process.hrtime.bigint()) / 1e6);

const world: World = {
  clock,
  random: Math.random,
  files: patientFiles(files, clock),
  // Loaded when the first command is run: most sidecars never run one.
  spawn: ((...call: Parameters<Spawn>) => process.getBuiltinModule("node:child_process").spawn(...call)) as Spawn,
  kill: (pid, signal) => process.kill(pid, signal),
  claim,
  env: asVault(process.env),
  pid: process.pid,
  uid: process.getuid?.() ?? 0,
  // Node opens each of its streams when it is first asked for, which takes its time: most commands need one of them.
  stdin: { [Symbol.asyncIterator]: () => process.stdin[Symbol.asyncIterator]() },
  stdout: output("stdout"),
  stderr: output("stderr"),
};

function output(name: "stdout" | "stderr"): World["stdout"] {
  let opened: NodeJS.WriteStream | undefined;
  function open(): NodeJS.WriteStream {
    // Whoever read the log has gone: what is written is lost, and the credentials are not.
    opened ??= process[name].on("error", () => undefined);
    return opened;
  }
  return {
    write: (text) => open().write(text),
    get isTTY() {
      return open().isTTY;
    },
  };
}

/** OpenBao's names of what Vault has a name for: there they go before those, even where they are empty. */
function asVault(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = Object.entries(env).filter(([name]) => name.startsWith("BAO_"));
  return { ...env, ...Object.fromEntries(own.map(([name, value]) => [name.replace("BAO_", "VAULT_"), value])) };
}

/** Whoever signals a whole group of processes, some of which pass it on, has asked once. */
const SAME_REQUEST = 1_000;

/** The first signal asks for an orderly end, the second one gets the other. */
function listen(): ProcessSignals {
  const stop = new AbortController();
  let askedAt = 0;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (!stop.signal.aborted) askedAt = clock.now();
      else if (clock.now() - askedAt >= SAME_REQUEST) process.exit(signal === "SIGTERM" ? 143 : 130);
      stop.abort(signal);
    });
  }
  const subscribe = (event: string, listener: () => void) => {
    process.on(event, listener);
    return () => void process.off(event, listener);
  };
  return {
    stop: stop.signal,
    onReload: (reload) => subscribe("SIGHUP", reload),
    onSignal: subscribe,
    onExit: (listener) => subscribe("exit", listener),
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
