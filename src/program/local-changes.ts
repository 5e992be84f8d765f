/**
 * What changes beside the secrets: the files that templates read, and their sources. Templates that use no secret
 * belong here as well. Nothing is read from Vault for it that was read before.
 */
import { describe } from "../errors.ts";
import { backoff, LOCAL_BACKOFF } from "../lease/backoff.ts";
import type { Keepers } from "../lease/keeping/keepers.ts";
import type { Clock, Emit, Files, Notifier, Random } from "../ports.ts";
import { createWatch } from "../system/watch.ts";
import type { Setup } from "./setup.ts";

export interface LocalChangesDeps {
  readonly keepers: Keepers;
  readonly files: Pick<Files, "stat">;
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: Emit;
  /** False where the agent ends as soon as everything is written: then only what is missing is waited for. */
  readonly follows: boolean;
  /** As it is now: it is replaced when the configuration is read anew. */
  setup(): Setup;
  /** Something was written. */
  onWritten(): void;
  /** Commands have come to an end, good or bad. */
  onTold(): void;
}

export interface LocalChanges {
  /** Asks for the secrets of new templates, and writes all that can be written without waiting for one. */
  publish(): Promise<void>;
  /** Whether commands run for the first time, or some again that have failed. */
  telling(): "first" | "again" | null;
  stop(): Promise<void>;
}

/** A file is rarely written in one step, and a folder never. */
const SETTLING = 100;
/** A file that is missing is looked for so often. */
const WAITING = 2_000;

export function createLocalChanges(deps: LocalChangesDeps): LocalChanges {
  const { clock, emit, keepers, random } = deps;
  const stopping = new AbortController();
  const { signal } = stopping;
  const said = new Map<string, string>();
  // What has changed before there was a watch is not missed.
  const watch = createWatch(deps.files, settle, settle);
  let settling = false;
  let waiting = false;
  let appointment = Number.POSITIVE_INFINITY;
  let failures = 0;
  const runs = new Set<{ isFirst: boolean }>();

  async function publish(): Promise<void> {
    if (signal.aborted) return;
    const { publisher, credential } = deps.setup();
    keepers.ensure(publisher.dependencies());
    const attempt = await publisher.refresh(([first]) => (first ? credential(first).config.publish : "rename"));
    if (attempt.is === "failed") {
      emit({ is: "warning", code: "publish", message: describe(attempt.error) });
      later(backoff(LOCAL_BACKOFF, ++failures, random()), publish);
    } else failures = 0;
    if (attempt.is === "published") void run(attempt.commands, attempt.files);
    appoint(publisher.refreshAt());
    await follow();
    deps.onWritten();
  }

  /** Each again by itself until it has succeeded. */
  async function run(commands: readonly Notifier[], files: readonly string[]): Promise<void> {
    if (commands.length === 0) return;
    const [path = ""] = files;
    const change = { path, username: undefined, leaseId: "", files, previousEnds: undefined };
    const one = { isFirst: true };
    runs.add(one);
    let left = commands;
    for (let tries = 1; left.length > 0 && !signal.aborted; tries++) {
      const retryIn = backoff(LOCAL_BACKOFF, tries, random());
      const failed: Notifier[] = [];
      for (const command of left) {
        const { kind, target } = command;
        const started = clock.now();
        try {
          await command.notify(change, signal);
          emit({ is: "notified", path, kind, target, took: clock.now() - started });
        } catch (error) {
          failed.push(command);
          emit({ is: "notify failed", path, kind, target, error: describe(error), retryIn });
        }
      }
      left = failed;
      if (left.length === 0) break;
      one.isFirst = false;
      deps.onTold();
      await clock.sleep(clock.now() + retryIn, signal);
    }
    runs.delete(one);
    deps.onTold();
  }

  /** Watches the folders of what is read now. */
  async function follow(): Promise<void> {
    const { publisher } = deps.setup();
    const waits = publisher.status().some(({ missing }) => missing.some((name) => name.startsWith("file(")));
    if (signal.aborted) return;
    // Of a folder that is not there a watch may see nothing.
    if (waits && !waiting) {
      waiting = true;
      later(WAITING, async () => {
        waiting = false;
        settle();
      });
    }
    await watch.follow(deps.follows || waits ? publisher.reads() : []);
  }

  function settle(): void {
    if (settling) return;
    settling = true;
    later(SETTLING, async () => {
      settling = false;
      for (const { template, error } of await deps.setup().publisher.reread()) {
        const message = `${template} is used as it was: ${describe(error)}`;
        if (said.get(template) !== message) emit({ is: "warning", code: "template-source", message });
        said.set(template, message);
      }
      keepers.take({ is: "templates changed" });
      await publish();
    });
  }

  function appoint(at: number): void {
    if (at >= appointment) return;
    appointment = at;
    later(at > clock.now() ? at - clock.now() : WAITING, async () => {
      if (appointment !== at) return;
      appointment = Number.POSITIVE_INFINITY;
      await publish();
    });
  }

  function later(after: number, work: () => Promise<void>): void {
    void clock.sleep(clock.now() + after, signal).then(() => (signal.aborted ? undefined : work()));
  }

  return {
    publish,
    telling() {
      if (runs.size === 0) return null;
      return [...runs].some(({ isFirst }) => isFirst) ? "first" : "again";
    },
    async stop() {
      stopping.abort(new Error("stopping"));
      await watch.close();
    },
  };
}
