/** What follows from a configuration, for a command that only looks at it: nothing is asked, written, run or told. */
import type { AgentConfig } from "../config/types.ts";
import { LesseeError } from "../errors.ts";
import type { World } from "../ports.ts";
import { createSetup, type Setup } from "../program/setup.ts";

/** Rejects with a ConfigError for templates that cannot be read or do not parse. */
export function inertSetup(config: AgentConfig, world: World): Promise<Setup> {
  const { clock, files, kill, pid, uid } = world;
  const nothing = async () => {
    throw new LesseeError("inert", "nothing is run");
  };
  return createSetup(config, {
    world,
    notify: { clock, files, kill, pid, uid, transport: nothing, run: nothing },
    brain: { recall: () => undefined, list: () => undefined },
    inUse: () => undefined,
    emit: () => {},
    restart: null,
    redact: (text) => text,
    onProgress: () => {},
  });
}
