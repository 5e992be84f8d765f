/** Where the token is put for others: `sink "file"`. A sink that cannot be written is tried again; nothing waits for it. */
import type { SinkConfig } from "../config/types.ts";
import { describe, LesseeError } from "../errors.ts";
import { backoff, LOCAL_BACKOFF } from "../lease/backoff.ts";
import type { Clock, Emit, Random } from "../ports.ts";
import type { PublishRequest } from "../publish/file.ts";
import type { Sensitive } from "../sensitive.ts";
import type { SinkContent } from "./sink-content.ts";

export interface Sinks {
  /** Every sink has the newest token. */
  readonly written: boolean;
  put(token: Sensitive<string>): void;
  stop(): void;
}

export interface SinksDeps {
  readonly sinks: readonly SinkConfig[];
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: Emit;
  readonly content: SinkContent;
  write(request: PublishRequest): Promise<unknown>;
  onWritten(): void;
}

/** As Vault Agent has it. */
const DEFAULT_MODE = 0o640;

interface Target {
  readonly sink: SinkConfig;
  readonly file: Omit<PublishRequest, "content">;
}

/** @throws LesseeError for a sink without a path. */
export function createSinks(deps: SinksDeps): Sinks {
  const targets = deps.sinks.map(parse);
  const done = new Map<Target, Sensitive<string>>();
  const busy = new Set<Target>();
  let newest: Sensitive<string> | null = null;
  let changed = new AbortController();
  let stopped = false;

  /** One write at a time for each sink: an older token must not arrive after a newer one. */
  async function deliver(target: Target): Promise<void> {
    if (busy.has(target)) return;
    busy.add(target);
    let failures = 0;
    while (!stopped && newest !== null && done.get(target) !== newest) {
      const token: Sensitive<string> = newest;
      const { signal } = changed;
      try {
        const content = await deps.content(target.sink, token);
        if (token === newest) await deps.write({ ...target.file, content: Buffer.from(content) });
        done.set(target, token);
        failures = 0;
      } catch (error) {
        const message = `the token cannot be written to ${target.file.destination}: ${describe(error)}`;
        deps.emit({ is: "warning", code: "sink", message });
        const wait = backoff(LOCAL_BACKOFF, ++failures, deps.random());
        await deps.clock.sleep(deps.clock.now() + wait, signal);
      }
    }
    busy.delete(target);
    if (!stopped) deps.onWritten();
  }

  function wake(): void {
    changed.abort();
    changed = new AbortController();
  }

  return {
    get written() {
      return targets.every((target) => newest !== null && done.get(target) === newest);
    },
    put(token) {
      newest = token;
      wake();
      for (const target of targets) void deliver(target);
    },
    stop() {
      stopped = true;
      wake();
    },
  };
}

function parse(sink: SinkConfig): Target {
  const { path, mode, uid, gid, owner = uid, group = gid } = sink.config;
  if (typeof path !== "string" || path === "") throw new LesseeError("sink", "'path' not specified for file sink");
  const file = {
    destination: path,
    perms: typeof mode === "number" ? mode : DEFAULT_MODE,
    createDestDirs: false,
    backup: false,
    ...(isId(owner) && { user: String(owner) }),
    ...(isId(group) && { group: String(group) }),
  };
  return { sink, file };
}

/** -1 leaves it as it is. */
function isId(value: unknown): value is number {
  return typeof value === "number" && value >= 0;
}
