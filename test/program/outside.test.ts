import * as fs from "node:fs/promises";
import { expect, it } from "vitest";
import type { AgentConfig } from "../../src/config/types.ts";
import { LesseeError } from "../../src/errors.ts";
import type { LesseeEvent } from "../../src/events.ts";
import { followOutside, type OutsideOptions } from "../../src/program/outside.ts";
import { createFakeClock } from "../support/fake-clock.ts";

it("A configuration that is refused for its templates leaves the certificates as they were", async () => {
  const done: string[] = [];
  const events: LesseeEvent[] = [];
  const config = { exitAfterAuth: true, vault: {} } as AgentConfig;
  const prepare = async () => {
    done.push("prepared");
    return () => done.push("taken") > 0;
  };
  let refuses = true;
  const replace = async () => {
    if (refuses) throw new LesseeError("config", "a template does not parse");
    done.push("replaced");
  };
  const outside = followOutside({
    config,
    method: undefined,
    vault: { transport: { prepare } },
    server: null,
    sidecar: { replace },
    world: { clock: createFakeClock(), files: fs },
    emit: (event: LesseeEvent) => events.push(event),
    systemd: { tell: () => {} },
    readConfig: async () => config,
    onRead: () => done.push("read"),
  } as unknown as OutsideOptions);
  outside.reload();
  await outside.stop();
  expect(done).toEqual(["prepared"]);
  expect(events).toEqual([{ is: "configuration refused", error: "a template does not parse" }]);
  refuses = false;
  outside.reload();
  await outside.stop();
  expect(done).toEqual(["prepared", "prepared", "replaced", "taken", "read"]);
  await outside.close();
});
