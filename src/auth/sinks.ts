/** Where the token is put for others: `sink "file"`. A sink that cannot be written is tried again; nothing waits for it. */
import type { SinkConfig } from "../config/types.ts";
import { describe, LesseeError } from "../errors.ts";
import { backoff, LOCAL_BACKOFF } from "../lease/backoff.ts";
import type { Clock, Emit, Random } from "../ports.ts";
import type { PublishRequest } from "../publish/file.ts";
import type { Sensitive } from "../sensitive.ts";

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
  write(request: PublishRequest): Promise<unknown>;
  onWritten(): void;
}

/** As Vault Agent has it. */
const DEFAULT_MODE = 0o640;

/** @throws LesseeError for a sink without a path. */
export function createSinks(deps: SinksDeps): Sinks {
  const targets = deps.sinks.map(parse);
  let controller = new AbortController();
  let pending = targets.length;

  async function deliver(
    target: Omit<PublishRequest, "content">,
    token: Sensitive<string>,
    signal: AbortSignal,
  ): Promise<void> {
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        await deps.write({ ...target, content: Buffer.from(token.reveal()) });
        pending--;
        return deps.onWritten();
      } catch (error) {
        const wait = backoff(LOCAL_BACKOFF, failures, deps.random());
        deps.emit({
          is: "warning",
          code: "sink",
          message: `the token cannot be written to ${target.destination}: ${describe(error)}`,
        });
        await deps.clock.sleep(deps.clock.now() + wait, signal);
      }
    }
  }

  return {
    get written() {
      return pending === 0;
    },
    put(token) {
      controller.abort();
      controller = new AbortController();
      pending = targets.length;
      for (const target of targets) void deliver(target, token, controller.signal);
    },
    stop: () => controller.abort(),
  };
}

function parse(sink: SinkConfig): Omit<PublishRequest, "content"> {
  const { path, mode } = sink.config;
  if (typeof path !== "string" || path === "") throw new LesseeError("sink", "'path' not specified for file sink");
  return {
    destination: path,
    perms: typeof mode === "number" ? mode : DEFAULT_MODE,
    createDestDirs: false,
    backup: false,
  };
}
