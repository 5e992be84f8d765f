import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { advance } from "../../../src/lease/advance.ts";
import { createNarrator } from "../../../src/lease/keeping/narrator.ts";
import type { Grant, Outcome } from "../../../src/lease/outcomes.ts";
import { NOTHING_YET } from "../../../src/lease/state.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { held, MINUTE, SEED_POLICY } from "../policies.ts";

it("What is read anew without a lease, for months, leaves nothing behind", () => {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  const clock = createFakeClock();
  const narrator = createNarrator({ path: "secret/app", clock, emit: () => {} });
  let state = NOTHING_YET;
  const take = (outcome: Outcome) => {
    const before = state;
    state = advance(state, outcome, clock.now(), SEED_POLICY, 0);
    narrator.tell(before, outcome, state, SEED_POLICY);
  };
  const read = () => {
    const { id: _id, ...grant } = held({ lease: "", user: null, rereadAt: clock.now() + 5 * MINUTE });
    take({ is: "read", grant: grant as Grant });
    take({ is: "published", id: state.candidate!.id, tell: false });
  };
  const inUse = (times: number) => {
    for (let i = 0; i < times; i++) read();
    gc();
    return process.memoryUsage().heapUsed;
  };
  const before = inUse(2_000);
  expect((inUse(30_000) - before) / 1024 / 1024).toBeLessThan(1);
});
