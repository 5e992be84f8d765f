/**
 * What follows when something is known, ended or written: what templates ask for now is fetched, those that waited are
 * written, the application gets its variables, and perhaps that was all.
 */
import { setImmediate } from "node:timers";
import type { AgentConfig } from "../config/types.ts";
import type { Keeper } from "../lease/keeping/keeper.ts";
import type { Keepers } from "../lease/keeping/keepers.ts";
import type { Clock } from "../ports.ts";
import type { Publisher } from "../publish/publisher.ts";
import type { Supervisor } from "../supervise/supervisor.ts";

/** Why the agent ends, and with which exit code. */
export interface End {
  readonly code: number;
  readonly reason: string;
  /** Those who used what is held have ended before. */
  readonly isJobOver?: true;
}

export interface ConsequencesOptions {
  readonly keepers: Keepers;
  readonly clock: Clock;
  readonly exitAfterAuth: boolean;
  readonly application: Pick<Supervisor, "refresh"> | null;
  /** As it was read last. */
  config(): AgentConfig;
  publisher(): Publisher;
  /** Every sink has the token. */
  sinksWritten(): boolean;
  /** Of what was written beside the secrets. */
  telling(): "first" | "again" | null;
  onEnd(end: End): void;
}

export interface Consequences {
  /** @param news templates see another secret than they did when they were last asked what they want. */
  follow(news: boolean): void;
}

/** Tries at the start, with nothing published yet, after which `exit_on_retry_failure` ends the agent. */
const TRIES_AT_START = 12;

export function createConsequences(options: ConsequencesOptions): Consequences {
  const { application, clock, keepers, onEnd } = options;
  let news = false;
  /** Those of secrets that no template asks for. */
  let unasked: readonly Keeper[] = [];

  /** Of hundreds of keepers most change together: once for all that do in one turn of the event loop. */
  const follow = oncePerTurn(() => {
    const all = keepers.all();
    if (news) {
      news = false;
      const asked = options.publisher().dependencies();
      keepers.ensure(asked);
      unasked = keepers.beside(asked).filter((keeper) => !keeper.state().unasked);
      for (const keeper of all) if (hasWaited(keeper, clock.now())) keeper.take({ is: "woken" });
    }
    if (unasked.length > 0 && isSettled(all)) {
      const over = unasked;
      unasked = [];
      for (const keeper of over) keeper.take({ is: "unasked" });
    }
    // Whoever waits for it hears of a failure, and so does the end.
    application?.refresh().catch(() => undefined);
    if (options.exitAfterAuth && isComplete(all))
      onEnd({ code: 0, reason: "everything is written, and exit_after_auth is set" });
    const trouble = options.config().templateConfig.exitOnRetryFailure ? hopelessTrouble(all) : null;
    if (trouble !== null) onEnd({ code: 1, reason: `${trouble[0]}, and exit_on_retry_failure is set${trouble[1]}` });
  });

  function isComplete(all: readonly Keeper[]): boolean {
    const told = options.telling() !== "first" && !all.some(isTelling);
    return (
      options.sinksWritten() && all.every((keeper) => keeper.isPublished()) && told && options.publisher().isComplete()
    );
  }

  /** Every file is written as the templates are now, and whoever used one of before has been told. */
  function isSettled(all: readonly Keeper[]): boolean {
    if (options.exitAfterAuth || options.config().exec?.restartOnSecretChanges === "never") return false;
    const told = options.telling() === null && all.every((keeper) => !keeper.state().current?.telling);
    return told && options.publisher().isSettled();
  }

  /** What it is, and more about it. */
  function hopelessTrouble(all: readonly Keeper[]): readonly [what: string, more: string] | null {
    if (all.some(isUnreadable)) return ["a secret cannot be read", ""];
    if (all.some(isUnwritable)) return ["a file cannot be written", ""];
    const fatality = fatalityOf();
    return fatality === null ? null : ["a template fails", `: ${fatality}`];
  }

  /** An init container fails with it. A sidecar goes on with what it has published, if it has. */
  function fatalityOf(): string | null {
    const isOn = options.exitAfterAuth || !options.publisher().hasBegun();
    return isOn ? options.publisher().fatality() : null;
  }

  return {
    follow(more) {
      news ||= more;
      follow();
    },
  };
}

// ---- internal ----

/** Its files wait for other secrets, or could not be written: what is new may be what was missing. */
function hasWaited(keeper: Keeper, now: number): boolean {
  const { candidate } = keeper.state();
  return candidate?.step === "publish" && candidate.retryAt > now;
}

/**
 * Its hooks run for the first time. One that fails is not waited for beyond that: an init container has its templates
 * in common with the sidecar, whose commands are for an application that does not run yet.
 */
function isTelling(keeper: Keeper): boolean {
  return keeper.state().current?.telling?.failures === 0;
}

/** It has tried often enough, and nobody has had anything of it yet. */
function isUnreadable(keeper: Keeper): boolean {
  return !keeper.isPublished() && keeper.state().read.failures > TRIES_AT_START;
}

function isUnwritable(keeper: Keeper): boolean {
  const { candidate } = keeper.state();
  return !keeper.isPublished() && candidate?.step === "publish" && candidate.failures > TRIES_AT_START;
}

function oncePerTurn(work: () => void): () => void {
  let due = false;
  return () => {
    if (due) return;
    due = true;
    setImmediate(() => {
      due = false;
      work();
    });
  };
}
