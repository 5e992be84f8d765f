import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createSystemClock } from "../../src/system/clock.ts";

const never = new AbortController().signal;

/** Two clocks of the machine, moved by hand. */
function machine(start = 1_000): { wall: number; monotonic: number } {
  return { wall: start, monotonic: 5 };
}

describe("the time (rule M13)", () => {
  it("advances by the greater of what wall clock and monotonic clock have advanced", () => {
    const time = machine();
    const clock = createSystemClock(
      () => time.wall,
      () => time.monotonic,
    );
    expect(clock.now()).toBe(1_000);
    time.wall += 10;
    time.monotonic += 12;
    expect(clock.now()).toBe(1_012);
    // A machine that sleeps: the monotonic clock stands still.
    time.wall += 3_600_000;
    expect(clock.now()).toBe(3_601_012);
    // A wall clock that is set back.
    time.wall -= 7_200_000;
    time.monotonic += 5;
    expect(clock.now()).toBe(3_601_017);
  });

  it("runs no faster for being asked often: the clocks' roundings do not add up", () => {
    const time = machine();
    let truth = 0;
    const clock = createSystemClock(
      () => Math.floor(time.wall + truth),
      () => time.monotonic + truth,
    );
    const began = clock.now();
    while (truth < 60_000) {
      truth += 0.37;
      clock.now();
    }
    expect(clock.now() - began - truth).toBeLessThanOrEqual(1);
  });

  it("never goes backward, whatever the clocks do, and never falls behind the monotonic one", () => {
    const step = fc.tuple(fc.integer({ min: -1e9, max: 1e9 }), fc.nat(1e9));
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const time = machine();
        const clock = createSystemClock(
          () => time.wall,
          () => time.monotonic,
        );
        for (const [wall, monotonic] of steps) {
          const before = clock.now();
          time.wall += wall;
          time.monotonic += monotonic;
          expect(clock.now()).toBeGreaterThanOrEqual(before + monotonic);
        }
      }),
    );
  });
});

describe("a sleep", () => {
  const clock = createSystemClock(Date.now, () => performance.now());

  it("lasts until its time, and no less", async () => {
    for (const length of [0.4, 1, 5, 20]) {
      const until = clock.now() + length;
      await clock.sleep(until, never);
      expect(clock.now()).toBeGreaterThanOrEqual(until);
    }
  });

  it.each([-1_000, 0, Number.NEGATIVE_INFINITY])("into the past (%d ms) is none", async (by) => {
    await clock.sleep(clock.now() + by, never);
  });

  it.each([60_000, 40 * 86_400_000, Number.POSITIVE_INFINITY])("of %d ms ends when it is aborted", async (by) => {
    const controller = new AbortController();
    const asleep = clock.sleep(clock.now() + by, controller.signal);
    // Longer than setTimeout can count would have fired at once.
    await expect(Promise.race([asleep.then(() => "woken"), clock.sleep(clock.now() + 20, never)])).resolves.toBe(
      undefined,
    );
    controller.abort();
    await asleep;
    await clock.sleep(clock.now() + by, controller.signal);
  });

  it("ends when the wall clock jumps over its end", async () => {
    const time = machine();
    const jumping = createSystemClock(
      () => time.wall,
      () => performance.now(),
    );
    const asleep = jumping.sleep(jumping.now() + 30, never);
    time.wall += 3_600_000;
    await asleep;
    expect(jumping.now()).toBeGreaterThanOrEqual(3_601_000);
  });
});
