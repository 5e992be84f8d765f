/** A command of the configuration: run with a timeout, in a process group of its own, heard to its exit code. */
import type { Readable } from "node:stream";
import type { CommandConfig, CommandEnvironment } from "../config/types.ts";
import { LesseeError } from "../errors.ts";
import type { Clock, Kill, Random, RunCommand, Spawn } from "../ports.ts";
import { type CommandLine, commandLines } from "./command-line.ts";

export interface CommandPorts {
  readonly spawn: Spawn;
  readonly kill: Kill;
  readonly clock: Clock;
  readonly random: Random;
  readonly env: Environment;
  /** Beside ours, whatever the configuration lets through of that. */
  readonly given?: Environment;
  /** What a command that succeeded has written. */
  onOutput?(command: string, output: string): void;
}

/** As Vault Agent ends a command that takes too long. */
const KILL_SIGNAL = "SIGINT";
const KILL_TIMEOUT = 30_000;
/** lessee itself has only so long to end. */
const PATIENCE_AT_STOP = 2_000;
/** After the end of the command, for the rest of what it wrote; its children may hold the pipe open for ever. */
const LAST_WORDS = 200;
/** The end of the output is what tells the reason. */
const MAX_OUTPUT = 4_096;

/**
 * A list is run directly, a single string with a space in it through `sh -c`. At the timeout, and when the signal
 * aborts, the whole process group is ended; what a command that succeeded left running is left alone.
 */
export function createRunCommand(ports: CommandPorts): RunCommand {
  return async (config, env, signal) => {
    if (config.splay) await ports.clock.sleep(ports.clock.now() + ports.random() * config.splay, signal);
    const name = config.command.join(" ");
    const lines = commandLines(config.command);
    if (lines.length === 0) throw new LesseeError("command", "the command is empty");
    for (const line of lines) {
      const added = { ...ports.given, ...env };
      const outcome = await run(line, config, environment(ports.env, added, config.env), ports, signal);
      if (outcome.end === "missing") continue;
      const output = outcome.output.trim();
      if (outcome.end === "success") {
        if (output !== "") ports.onOutput?.(name, output);
        return outcome.output;
      }
      throw new LesseeError("command", `${name}: ${outcome.end}${output === "" ? "" : `: ${output}`}`);
    }
    throw new LesseeError("command", `${name}: there is no such program`, {
      hint: "give its whole path, or add it to the image",
    });
  };
}

type Environment = Readonly<Record<string, string | undefined>>;

interface Outcome {
  /** `success`, `missing`, or in words how it ended. */
  readonly end: string;
  readonly output: string;
}

/** Ours, as far as it is let through; what is added; and last what the configuration says. */
function environment(own: Environment, added: Environment, rules: CommandEnvironment | undefined): Environment {
  if (!rules) return { ...own, ...added };
  const matches = (name: string, globs: readonly string[]) => globs.some((glob) => globPattern(glob).test(name));
  const passed = Object.entries(rules.pristine ? {} : own).filter(
    ([name]) => (rules.allowlist.length === 0 || matches(name, rules.allowlist)) && !matches(name, rules.denylist),
  );
  const custom = rules.custom.map((text): [string, string] => {
    const [name = "", ...value] = text.split("=");
    return [name, value.join("=")];
  });
  return { ...Object.fromEntries(passed), ...added, ...Object.fromEntries(custom) };
}

function globPattern(glob: string): RegExp {
  const literal = glob.replace(/[\\^$.|+()[\]{}]/g, "\\$&");
  return new RegExp(`^${literal.replaceAll("*", ".*").replaceAll("?", ".")}$`);
}

async function run(
  [file, ...args]: CommandLine,
  config: CommandConfig,
  env: Environment,
  ports: CommandPorts,
  signal: AbortSignal,
): Promise<Outcome> {
  if (signal.aborted) return { end: "not started, because lessee is stopping", output: "" };
  const child = ports.spawn(file, args, { env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  // Where the process has no file descriptor left, Node makes no streams.
  const streams: readonly (Readable | null | undefined)[] = [child.stdout, child.stderr];
  const output = collect(streams);
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error: NodeJS.ErrnoException) => {
      // A folder of PATH that may not be entered hides that the program is in none of them.
      const missing = error.code === "ENOENT" || (error.code === "EACCES" && !file.includes("/"));
      resolve(missing ? "missing" : `cannot be started: ${error.message}`);
    });
    child.once("exit", (code, by) => resolve(code === 0 ? "success" : by ? `killed by ${by}` : `exit code ${code}`));
  });
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));

  const early = new AbortController();
  const giveUp = AbortSignal.any([signal, early.signal]);
  const tooLate = ports.clock.sleep(ports.clock.now() + config.timeout, giveUp).then(() => undefined);
  let end = await Promise.race([ended, tooLate]);
  if (end === undefined) {
    end = signal.aborted ? "ended, because lessee is stopping" : `no end within ${config.timeout / 1000} s`;
    const { killSignal = KILL_SIGNAL, killTimeout = KILL_TIMEOUT } = config;
    const patience = signal.aborted ? Math.min(killTimeout, PATIENCE_AT_STOP) : killTimeout;
    await endGroup(child.pid, killSignal, patience, ended, ports);
  }
  early.abort();
  const lastWords = new AbortController();
  await Promise.race([closed, ports.clock.sleep(ports.clock.now() + LAST_WORDS, lastWords.signal)]);
  lastWords.abort();
  for (const stream of streams) stream?.destroy();
  return { end, output: output() };
}

/** First asked, then forced: the shell and whatever it started. */
async function endGroup(
  leader: number | undefined,
  killSignal: NodeJS.Signals,
  patience: number,
  ended: Promise<string>,
  { kill, clock }: CommandPorts,
): Promise<void> {
  if (leader === undefined) return;
  const waiting = new AbortController();
  signalGroup(leader, killSignal, kill);
  await Promise.race([ended, clock.sleep(clock.now() + patience, waiting.signal)]);
  waiting.abort();
  signalGroup(leader, "SIGKILL", kill);
  await ended;
}

function signalGroup(leader: number, signal: NodeJS.Signals, kill: Kill): void {
  try {
    kill(-leader, signal);
  } catch {
    // Nobody of the group is left.
  }
}

/** The last characters of several streams, as they came. */
function collect(streams: readonly (Readable | null | undefined)[]): () => string {
  let text = "";
  for (const stream of streams) {
    stream?.setEncoding("utf8");
    stream?.on("error", () => undefined);
    stream?.on("data", (chunk: string) => {
      text = (text + chunk).slice(-MAX_OUTPUT);
    });
  }
  return () => text;
}
