/** One process of the application: started, signalled, ended with all that it started, and heard to its end. */
import { constants } from "node:os";
import type { ExecConfig } from "../config/types.ts";
import { LesseeError } from "../errors.ts";
import type { Clock, Files, Kill, Spawn } from "../ports.ts";
import { commandLines, isShellLine } from "../system/command-line.ts";
import { isAlive, trySignal } from "./group.ts";

export interface ChildPorts {
  readonly spawn: Spawn;
  readonly kill: Kill;
  readonly clock: Clock;
  readonly files: Pick<Files, "open" | "readdir" | "readFile">;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Child {
  readonly pid: number;
  /** How it ended; never rejects. */
  readonly ended: Promise<ChildEnd>;
  /** To the process itself; to all of its group where a shell stands between, which would keep it to itself. */
  signal(signal: NodeJS.Signals): void;
  /** Halts the whole group, whose programs may prepare for it; resolves when it stands. */
  suspend(): Promise<void>;
  resume(): void;
  /** Asks the whole group to end, and makes it after `PATIENCE`; resolves when none of it is left. */
  stop(signal: NodeJS.Signals): Promise<ChildEnd>;
  /** Without asking. */
  kill(): void;
}

export interface ChildEnd {
  /** As a shell has it: 128 and the signal's number, where a signal ended it; 127 where neither is known. */
  readonly code: number;
  readonly signal: NodeJS.Signals | null;
}

/** As Vault Agent waits for its child. */
const PATIENCE = 30_000;
/** For a program that puts its terminal in order before it halts. */
const PREPARATION = 100;
/** How often it is asked whether anything of the group is left. */
const POLL = 50;

const NO_SUCH_PROGRAM = 127;
const NOT_STARTED = 126;

/** The application could not be started; `exitCode` is what a shell would give for it. */
export class StartError extends LesseeError {
  readonly exitCode: number;

  constructor(message: string, exitCode: number, hint?: string) {
    super("exec", message, hint === undefined ? {} : { hint });
    this.exitCode = exitCode;
  }
}

/**
 * In a session of its own, so that what a terminal sends comes to us alone. Standard input and output are ours, or
 * files. Rejects with a StartError.
 */
export async function startChild(config: ExecConfig, env: Environment, ports: ChildPorts): Promise<Child> {
  const name = config.command.join(" ");
  const stdout = await openOutput(config.childStdout, "child_process_stdout", ports.files);
  const stderr = await openOutput(config.childStderr, "child_process_stderr", ports.files);
  try {
    for (const [file, ...args] of commandLines(config.command)) {
      const stdio = ["inherit" as const, stdout?.fd ?? ("inherit" as const), stderr?.fd ?? ("inherit" as const)];
      const process = spawned(() => ports.spawn(file, args, { env, detached: true, stdio }), name);
      const ended = new Promise<ChildEnd>((resolve) => {
        process.once("exit", (code, signal) => resolve({ code: exitCode(code, signal), signal }));
      });
      const failure = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
        process.once("spawn", () => resolve(null));
        process.once("error", resolve);
      });
      if (failure === null) return supervised(process.pid!, ended, isShellLine(config.command), ports);
      if (failure.code !== "ENOENT") throw new StartError(`${name} cannot be started: ${failure.message}`, NOT_STARTED);
    }
  } finally {
    await Promise.all([stdout?.close(), stderr?.close()]);
  }
  throw new StartError(
    `${name}: there is no such program`,
    NO_SUCH_PROGRAM,
    "give its whole path, or add it to the image",
  );
}

// ---- internal ----

function supervised(pid: number, ended: Promise<ChildEnd>, inShell: boolean, ports: ChildPorts): Child {
  const { kill, clock } = ports;
  let over = false;
  void ended.then(() => {
    over = true;
  });

  /** Resolves when nothing of the group runs any more, or with false when `late` does and something runs still. */
  async function isGone(late: Promise<void>, signal: AbortSignal): Promise<boolean> {
    let isLate = false;
    void late.then(() => {
      isLate = true;
    });
    await Promise.race([ended, late]);
    while (await isAlive(pid, ports)) {
      if (isLate) return false;
      await clock.sleep(clock.now() + POLL, signal);
    }
    return true;
  }

  return {
    pid,
    ended,
    signal(signal) {
      if (!over) trySignal(inShell ? -pid : pid, signal, kill);
    },
    async suspend() {
      if (over) return;
      trySignal(-pid, "SIGTSTP", kill);
      await clock.sleep(clock.now() + PREPARATION, new AbortController().signal);
      // Outside of the terminal's own session the kernel halts nobody for SIGTSTP.
      if (!over) trySignal(-pid, "SIGSTOP", kill);
    },
    resume() {
      if (!over) trySignal(-pid, "SIGCONT", kill);
    },
    async stop(signal) {
      const done = new AbortController();
      trySignal(-pid, signal, kill);
      const late = clock.sleep(clock.now() + PATIENCE, done.signal);
      if (!(await isGone(late, done.signal))) trySignal(-pid, "SIGKILL", kill);
      done.abort();
      return ended;
    },
    kill: () => void trySignal(-pid, "SIGKILL", kill),
  };
}

/** Some failures come as an event, others are thrown: an environment that is too long, for one. */
function spawned<T>(spawn: () => T, name: string): T {
  try {
    return spawn();
  } catch (error) {
    throw new StartError(`${name} cannot be started: ${(error as Error).message}`, NOT_STARTED);
  }
}

async function openOutput(path: string | undefined, key: string, files: Pick<Files, "open">) {
  if (path === undefined) return undefined;
  try {
    return await files.open(path, "a", 0o600);
  } catch (error) {
    throw new StartError(`exec.${key}: ${(error as Error).message}`, NOT_STARTED);
  }
}

function exitCode(code: number | null, signal: NodeJS.Signals | null): number {
  if (code !== null) return code;
  return signal === null ? NO_SUCH_PROGRAM : 128 + constants.signals[signal];
}
