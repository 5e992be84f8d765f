/** Whose turn it is to write: files that have nothing to do with each other are written beside each other. */

export interface Turns {
  /** After all that is under way, and before all that comes later. */
  alone<T>(work: () => Promise<T>): Promise<T>;
  /**
   * Beside others that do not write the same. `prepare` says what would be written, and prepares it anew where it has
   * to wait for another who writes some of that.
   */
  beside<P, T>(prepare: () => Prepared<P>, work: (prepared: P) => Promise<T>): Promise<T>;
}

export interface Prepared<P> {
  readonly prepared: P;
  /** Names of what would be written. */
  readonly writes: readonly string[];
}

/** Each has a file open; and no disk is the faster for more. */
const MOST_AT_A_TIME = 16;

export function createTurns(): Turns {
  const underWay = new Set<Promise<unknown>>();
  const writing = new Map<string, Promise<unknown>>();
  const waiting: (() => void)[] = [];
  let free = MOST_AT_A_TIME;
  /** The last one who wants to be alone. */
  let last: Promise<unknown> = Promise.resolve();

  function track<T>(turn: Promise<T>): Promise<T> {
    const over: Promise<unknown> = turn.catch(() => undefined).finally(() => underWay.delete(over));
    underWay.add(over);
    return turn;
  }

  async function slot(): Promise<void> {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => void waiting.push(resolve));
  }

  function leave(): void {
    const next = waiting.shift();
    if (next) next();
    else free++;
  }

  async function inTurn<P, T>(prepare: () => Prepared<P>, work: (prepared: P) => Promise<T>): Promise<T> {
    for (;;) {
      const { prepared, writes } = prepare();
      const others = writes.flatMap((name) => writing.get(name) ?? []);
      if (others.length > 0) {
        await Promise.allSettled(others);
        continue;
      }
      const result = work(prepared);
      for (const name of writes) writing.set(name, result);
      try {
        return await result;
      } finally {
        for (const name of writes) writing.delete(name);
      }
    }
  }

  return {
    alone(work) {
      const turn = Promise.all([last, ...underWay]).then(work);
      last = turn.catch(() => undefined);
      return turn;
    },
    beside(prepare, work) {
      const before = last;
      return track(
        (async () => {
          await before;
          await slot();
          try {
            return await inTurn(prepare, work);
          } finally {
            leave();
          }
        })(),
      );
    },
  };
}
