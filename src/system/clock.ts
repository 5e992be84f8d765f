/**
 * The system's clock as the program needs it (rule M13): what has elapsed is the greater of the wall clock's and the
 * monotonic clock's advance, because the monotonic one stands still while a machine sleeps and the wall clock may be
 * set back. A sleep may be longer than setTimeout's 24.8 days. Once a minute all sleeps are looked at together.
 */
import type { Alarm, Clock } from "../ports.ts";

/** By less than this they agree: one is rounded to milliseconds, and between the two looks the process may be put aside. */
const AGREEMENT = 1_000;
/** setTimeout takes 31 bits; beyond that it fires at once. */
const LONGEST_TIMER = 2 ** 31 - 1;
/** How soon a jump of the wall clock, or the end of a suspension, is noticed. */
const LOOK = 60_000;

interface Sleeper {
  readonly until: number;
  wake(): void;
}

export function createSystemClock(wall: () => number, monotonic: () => number): Clock {
  const sleepers = new Set<Sleeper>();
  let looking: NodeJS.Timeout | undefined;
  let time = wall();
  let lastWall = time;
  let lastMonotonic = monotonic();
  /** How much further the wall clock has come. */
  let ahead = 0;
  let skipped = 0;

  function now(): number {
    const w = wall();
    const m = monotonic();
    const passed = Math.max(0, m - lastMonotonic);
    time += passed;
    ahead = Math.max(0, ahead + w - lastWall - passed);
    // Else what is rounded at every call would add up: time would run the faster the more often it is asked for.
    if (ahead >= AGREEMENT) {
      time += ahead;
      skipped += ahead;
      ahead = 0;
    }
    lastWall = w;
    lastMonotonic = m;
    return time;
  }

  function look(): void {
    const at = now();
    for (const sleeper of sleepers) if (sleeper.until <= at) sleeper.wake();
  }

  function sleep(until: number, signal: Alarm): Promise<void> {
    if (until <= now() || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined;
      function wake(): void {
        clearTimeout(timer);
        signal.removeEventListener("abort", wake);
        sleepers.delete(sleeper);
        if (sleepers.size === 0) clearInterval(looking);
        resolve();
      }
      function wait(): void {
        const left = until - now();
        if (left <= 0) wake();
        // A timer may fire up to a millisecond early, so it asks for one more.
        else timer = setTimeout(wait, Math.min(Math.ceil(left) + 1, LONGEST_TIMER));
      }
      const sleeper = { until, wake };
      if (sleepers.size === 0) looking = setInterval(look, LOOK);
      sleepers.add(sleeper);
      signal.addEventListener("abort", wake);
      wait();
    });
  }
  return { now, skipped: () => skipped, sleep };
}
