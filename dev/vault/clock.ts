/**
 * The server's own time. It runs with the machine's, and can be moved forward so that hours need not be waited for; held
 * still, it moves by that alone, and a slow machine makes no lease shorter.
 */

export interface ServerClock {
  /** Milliseconds since 1970. */
  now(): number;
  /** What somebody's clock that runs with the machine's shows then: Postgres has its own. */
  elsewhere(time: number): number;
  /** Calls back once, at the earliest at `time`; the function given back takes that back. */
  at(time: number, callback: () => void): () => void;
  /** Moves the time forward; what falls due is called before this returns, in order of time. */
  advance(milliseconds: number): void;
  /** Nobody is called back after it. */
  stop(): void;
}

export function createServerClock(time: () => number = Date.now): ServerClock {
  const alarms = new Map<symbol, { readonly time: number; readonly callback: () => void }>();
  let offset = 0;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const now = () => time() + offset;

  function arm(): void {
    clearTimeout(timer);
    if (stopped) return;
    const next = Math.min(...[...alarms.values()].map((alarm) => alarm.time));
    if (Number.isFinite(next)) timer = setTimeout(ring, Math.min(Math.max(next - now(), 0), MAX_TIMEOUT));
  }
  function ring(): void {
    const due = [...alarms].filter(([, alarm]) => alarm.time <= now()).sort(([, a], [, b]) => a.time - b.time);
    for (const [key, alarm] of due) if (alarms.delete(key)) alarm.callback();
    arm();
  }

  return {
    now,
    elsewhere: (when) => when + Date.now() - time(),
    at(time, callback) {
      const key = Symbol();
      alarms.set(key, { time, callback });
      arm();
      return () => {
        if (alarms.delete(key)) arm();
      };
    },
    advance(milliseconds) {
      offset += milliseconds;
      ring();
    },
    stop() {
      stopped = true;
      alarms.clear();
      clearTimeout(timer);
    },
  };
}

/** A longer setTimeout fires at once. */
const MAX_TIMEOUT = 2 ** 31 - 1;
