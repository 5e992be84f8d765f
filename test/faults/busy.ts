/** What is under way between a pod and the outside: time may only move on while there is nothing. */
import { setImmediate as turn } from "node:timers/promises";

export interface Busy {
  /** Something begins; it is over when what is given back is called. */
  begin(): () => void;
  during<T>(work: Promise<T>): Promise<T>;
  /** Resolves when nothing is under way, and nothing follows from what was. */
  idle(): Promise<void>;
}

/** What follows from an answer has begun after so many turns of the event loop. */
const TURNS = 6;

export function createBusy(): Busy {
  let count = 0;
  let ready = Promise.withResolvers<void>();
  ready.resolve();

  function begin(): () => void {
    if (count++ === 0) ready = Promise.withResolvers();
    let over = false;
    return () => {
      if (over) return;
      over = true;
      if (--count === 0) ready.resolve();
    };
  }

  return {
    begin,
    during: async (work) => {
      const end = begin();
      try {
        return await work;
      } finally {
        end();
      }
    },
    async idle() {
      for (let quiet = 0; quiet < TURNS; quiet++) {
        if (count > 0) {
          await ready.promise;
          quiet = 0;
        }
        await turn();
      }
    },
  };
}
