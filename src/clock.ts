/**
 * The system's clock as the program needs it (rule M13): what has elapsed is the greater of the wall clock's and the
 * monotonic clock's advance, because the monotonic one stands still while a machine sleeps and the wall clock may be
 * set back. A sleep may be longer than setTimeout's 24.8 days, and is looked at again when it ends.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "./ports.ts";

/** setTimeout takes 31 bits; beyond that it fires at once. Also how soon a jump of the wall clock is noticed. */
const LONGEST_TIMER = 60_000;

export function createSystemClock(wall: () => number, monotonic: () => number): Clock {
  let time = wall();
  let lastWall = time;
  let lastMonotonic = monotonic();

  function now(): number {
    const w = wall();
    const m = monotonic();
    time += Math.max(w - lastWall, m - lastMonotonic, 0);
    lastWall = w;
    lastMonotonic = m;
    return time;
  }
  async function sleep(until: number, signal: AbortSignal): Promise<void> {
    for (let left = until - now(); left > 0 && !signal.aborted; left = until - now()) {
      // A timer may fire up to a millisecond early, so it asks for one more.
      await delay(Math.min(Math.ceil(left) + 1, LONGEST_TIMER), undefined, { signal, ref: true }).catch(() => {});
    }
  }
  return { now, sleep };
}
