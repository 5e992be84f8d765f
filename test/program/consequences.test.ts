import { expect, it } from "vitest";
import type { AgentConfig } from "../../src/config/types.ts";
import type { Keeper } from "../../src/lease/keeping/keeper.ts";
import type { Keepers } from "../../src/lease/keeping/keepers.ts";
import { createConsequences, type End } from "../../src/program/consequences.ts";
import type { Publisher } from "../../src/publish/publisher.ts";
import { createFakeClock } from "../support/fake-clock.ts";

interface Trouble {
  readonly reads?: number;
  readonly writes?: number;
  readonly step?: "verify" | "publish";
  readonly published?: boolean;
  readonly fatality?: string;
}

/** Why the agent ends with this trouble, or null where it goes on. */
async function endOf(
  { reads = 0, writes = 0, step = "publish", published = false, fatality }: Trouble,
  exitOnRetryFailure = true,
): Promise<End | null> {
  const ends: End[] = [];
  const candidate = writes > 0 ? { step, failures: writes, retryAt: 0 } : null;
  const keeper = { isPublished: () => published, state: () => ({ candidate, read: { failures: reads } }) };
  createConsequences({
    keepers: { all: () => [keeper as unknown as Keeper] } as unknown as Keepers,
    clock: createFakeClock(),
    exitAfterAuth: false,
    application: null,
    config: () => ({ templateConfig: { exitOnRetryFailure } }) as AgentConfig,
    publisher: () => ({ fatality: () => fatality ?? null, hasBegun: () => published }) as Publisher,
    sinksWritten: () => true,
    telling: () => null,
    onEnd: (end) => ends.push(end),
  }).follow(false);
  await new Promise((resolve) => setImmediate(resolve));
  return ends[0] ?? null;
}

it.each<[string, Trouble]>([
  ["a secret cannot be read, and exit_on_retry_failure is set", { reads: 13 }],
  ["a file cannot be written, and exit_on_retry_failure is set", { writes: 13 }],
  ["a template fails, and exit_on_retry_failure is set: t: no", { fatality: "t: no" }],
])("exit_on_retry_failure ends the agent that has published nothing: %s", async (reason, trouble) => {
  expect(await endOf(trouble)).toEqual({ code: 1, reason });
  expect(await endOf(trouble, false)).toBeNull();
  expect(await endOf({ ...trouble, published: true })).toBeNull();
});

it.each<Trouble>([{ reads: 12 }, { writes: 12 }, { writes: 13, step: "verify" }])(
  "it is tried on, with %j",
  async (trouble) => expect(await endOf(trouble)).toBeNull(),
);
