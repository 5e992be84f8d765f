/** A clock that stands still until a test moves it. Who sleeps by it is woken in the order of the appointments. */
import { setImmediate as turn } from "node:timers/promises";
import { afterEach } from "vitest";
import type { Clock } from "../../src/ports.ts";

export interface FakeClock extends Clock {
  /** How many sleep at this moment. */
  readonly sleepers: number;
  /** The earliest appointment; Infinity when nobody sleeps. */
  readonly next: number;
  /** Moves the time forward; each sleeper is woken at its own time, and has its turn before the next one's. */
  advance(by: number): Promise<void>;
  /** Later at once, as after a suspension or where somebody sets the clock: whoever slept is woken late. */
  jump(by: number): Promise<void>;
  /** Resolves once at least `count` sleep. */
  asleep(count: number): Promise<void>;
}

export function createFakeClock(start = 1_800_000_000_000): FakeClock {
  const asleep = new Set<{ readonly until: number; wake(): void }>();
  const watchers = new Set<() => void>();
  let time = start;
  let skipped = 0;

  const earliest = () => [...asleep].sort((a, b) => a.until - b.until)[0];
  return {
    now: () => time,
    skipped: () => skipped,
    get sleepers() {
      return asleep.size;
    },
    get next() {
      return earliest()?.until ?? Number.POSITIVE_INFINITY;
    },
    sleep: (until, signal) =>
      new Promise((resolve) => {
        if (signal.aborted || until <= time) return resolve();
        const sleeper = {
          until,
          wake() {
            asleep.delete(sleeper);
            signal.removeEventListener("abort", sleeper.wake);
            resolve();
          },
        };
        signal.addEventListener("abort", sleeper.wake, { once: true });
        asleep.add(sleeper);
        for (const look of watchers) look();
      }),
    async advance(by) {
      const end = time + by;
      for (let first = earliest(); first !== undefined && first.until <= end; first = earliest()) {
        time = Math.max(time, first.until);
        first.wake();
        await turn();
      }
      time = end;
    },
    async jump(by) {
      time += by;
      skipped += by;
      await this.advance(0);
    },
    asleep: (count) =>
      new Promise((resolve) => {
        const look = () => {
          if (asleep.size < count) return;
          watchers.delete(look);
          resolve();
        };
        watchers.add(look);
        look();
      }),
  };
}

/** A new one for each test, which fails where somebody sleeps on after its end. */
export function useFakeClock(): () => FakeClock {
  let clock = createFakeClock();
  afterEach(() => {
    const left = clock.sleepers;
    clock = createFakeClock();
    if (left > 0) throw new Error(`${left} still asleep at the end of the test`);
  });
  return () => clock;
}
