import { describe, expect, it } from "vitest";
import { createPulse, either, runLane } from "../../../src/lease/keeping/lane.ts";
import { useFakeClock } from "../../support/fake-clock.ts";

const clock = useFakeClock();
type Step = { readonly do: "wait"; readonly until: number } | { readonly do: "work" } | { readonly do: "done" };

/** A lane that goes through `steps`, one for each decision. */
function run(steps: readonly (Step | { readonly do: "note"; readonly outcome: string })[]) {
  const pulse = createPulse();
  const applied: string[] = [];
  let at = 0;
  const ended = runLane<Step, string>({
    clock: clock(),
    pulse,
    decide: () => steps[at++]!,
    perform: async () => "worked",
    apply: (outcome) => applied.push(outcome),
  });
  return { pulse, applied, ended, decisions: () => at };
}

describe("a lane", () => {
  it("acts, takes in what came of it, and ends when it is done", async () => {
    const { applied, ended } = run([{ do: "work" }, { do: "note", outcome: "noted" }, { do: "work" }, { do: "done" }]);
    await ended;
    expect(applied).toEqual(["worked", "noted", "worked"]);
  });

  it("sleeps until its appointment", async () => {
    const { ended, decisions } = run([{ do: "wait", until: clock().now() + 60_000 }, { do: "done" }]);
    await clock().advance(59_999);
    expect(decisions()).toBe(1);
    await clock().advance(1);
    await ended;
  });

  it("decides anew when something changes while it sleeps", async () => {
    const { pulse, ended } = run([{ do: "wait", until: clock().now() + 60_000 }, { do: "done" }]);
    await clock().asleep(1);
    pulse.beat();
    await ended;
  });

  it("does not sleep through a change that came while it decided", async () => {
    const pulse = createPulse();
    const steps: Step[] = [{ do: "wait", until: clock().now() + 60_000 }, { do: "done" }];
    await runLane<Step, string>({
      clock: clock(),
      pulse,
      decide() {
        if (steps.length === 2) pulse.beat();
        return steps.shift()!;
      },
      perform: async () => "",
      apply: () => {},
    });
    expect(steps).toEqual([]);
  });
});

describe("either of two", () => {
  it("rings when one of them does, and was rung when one was", async () => {
    const [a, b] = [createPulse(), createPulse()];
    const { signal } = a;
    const sleeping = clock().sleep(clock().now() + 60_000, either(signal, b.signal));
    a.beat();
    await sleeping;
    expect(either(b.signal, signal).aborted).toBe(true);
    expect(either(b.signal, a.signal).aborted).toBe(false);
    expect(clock().sleepers).toBe(0);
  });
});
