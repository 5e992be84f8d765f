/**
 * Exec mode: the application as a child of lessee. It is started once all of its variables are there, and started anew
 * when they change, while what it used before is valid still. Its end is ours.
 */
import type { ExecConfig } from "../config/types.ts";
import { describe } from "../errors.ts";
import type { Clock, Emit, Notifier } from "../ports.ts";
import { type Child, type ChildEnd, type ChildPorts, type Environment, StartError, startChild } from "./child.ts";

export interface SupervisorDeps extends ChildPorts {
  readonly clock: Clock;
  /** Ours, which the child inherits. */
  readonly env: Environment;
  readonly emit: Emit;
  /** As it is configured now. */
  config(): ExecConfig;
  /** What is rendered; null while something of it is missing. */
  variables(): Readonly<Record<string, string>> | null;
  /** The application has ended by itself, or cannot be started. */
  onEnd(end: { readonly code: number; readonly reason: string }): void;
}

export interface Supervisor {
  /**
   * Starts the application, or starts it anew, if that is due. Resolves when the one that runs has what is rendered
   * now, or when there is nothing to start yet. Rejects with a StartError.
   */
  refresh(): Promise<void>;
  /** Tells the application of a rotation by starting it anew. */
  readonly notifier: Notifier;
  signal(signal: NodeJS.Signals): void;
  /** Halts it, as a terminal's Ctrl-Z does, until `resume`. */
  suspend(): Promise<void>;
  resume(): void;
  /** Ends the application and all that it started; resolves when nothing of it is left. */
  stop(): Promise<void>;
  /** The same at once, for a process that has no time left. */
  kill(): void;
}

/** Credentials often change together: so long nothing else may change before the application is started anew. */
const QUIET = 2_000;

interface Running {
  readonly child: Child;
  readonly variables: Readonly<Record<string, string>>;
}

export function createSupervisor(deps: SupervisorDeps): Supervisor {
  const { clock, emit } = deps;
  /** Aborts when nothing is to be started any more. */
  const stopping = new AbortController();
  let running: Running | null = null;
  /** Children whose end is known, or asked for. */
  const finished = new Set<Child>();
  /** At most one start or restart is under way; whoever asks meanwhile waits for the same. */
  let turn: Promise<void> | null = null;

  function isDue(): boolean {
    const variables = deps.variables();
    if (variables === null || stopping.signal.aborted) return false;
    if (running === null) return true;
    return deps.config().restartOnSecretChanges === "always" && !isSame(variables, running.variables);
  }

  async function settle(): Promise<void> {
    try {
      while (isDue()) {
        if (running !== null) {
          await quiet();
          if (stopping.signal.aborted) return;
          await end(running.child);
        }
        await start();
      }
    } finally {
      turn = null;
    }
  }

  async function quiet(): Promise<void> {
    let seen: Readonly<Record<string, string>> | null;
    do {
      seen = deps.variables();
      await clock.sleep(clock.now() + QUIET, stopping.signal);
    } while (!stopping.signal.aborted && !isSame(seen, deps.variables()));
  }

  async function start(): Promise<void> {
    const variables = deps.variables();
    if (variables === null || stopping.signal.aborted) return;
    const restarted = running !== null;
    try {
      const child = await startChild(deps.config(), { ...deps.env, ...variables }, deps);
      running = { child, variables };
      emit({ is: "application started", pid: child.pid, restarted });
      void child.ended.then((end) => endedByItself(child, end));
    } catch (error) {
      stopping.abort(error);
      const code = error instanceof StartError ? error.exitCode : 1;
      deps.onEnd({ code, reason: `the application cannot be started: ${describe(error)}` });
      throw error;
    }
  }

  async function end(child: Child): Promise<void> {
    finished.add(child);
    said(await child.stop(deps.config().restartStopSignal), true);
  }

  function endedByItself(child: Child, end: ChildEnd): void {
    if (finished.has(child)) return;
    finished.add(child);
    stopping.abort(new Error("the application has ended"));
    said(end, false);
    // What it has left behind in its group goes with it.
    child.kill();
    deps.onEnd({ code: end.code, reason: `the application has ended ${inWords(end)}` });
  }

  function said(end: ChildEnd, wasAsked: boolean): void {
    emit({
      is: "application ended",
      code: end.code,
      asked: wasAsked,
      ...(end.signal === null ? {} : { signal: end.signal }),
    });
  }

  function refresh(): Promise<void> {
    if (turn === null && isDue()) turn = settle();
    return turn ?? Promise.resolve();
  }

  return {
    refresh,
    notifier: { kind: "exec", target: "restart of the application", notify: refresh },
    signal: (signal) => running?.child.signal(signal),
    suspend: async () => running?.child.suspend(),
    resume: () => running?.child.resume(),
    async stop() {
      stopping.abort(new Error("stopping"));
      await turn?.catch(() => undefined);
      if (running !== null && !finished.has(running.child)) await end(running.child);
    },
    kill: () => running?.child.kill(),
  };
}

// ---- internal ----

function isSame(one: Readonly<Record<string, string>> | null, other: Readonly<Record<string, string>> | null): boolean {
  if (one === null || other === null) return one === other;
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}

function inWords({ code, signal }: ChildEnd): string {
  return signal === null ? `with exit code ${code}` : `by ${signal}`;
}
