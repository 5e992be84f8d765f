/** A template's command: run for what was written, once for all that was, whoever of several asks for it. */
import type { Notifier } from "../ports.ts";

export interface Command extends Notifier {
  /** Something was written that it is to be run for. */
  owe(): void;
}

/**
 * Nothing is done where it has succeeded since the last write, unless nobody has heard; who asks while it runs waits
 * for that.
 */
export function createCommand(notifier: Notifier): Command {
  let owed = 0;
  let done = 0;
  let running: Promise<void> | null = null;

  return {
    ...notifier,
    owe() {
      owed++;
    },
    async notify(change, signal) {
      if (change.again && running === null) owed++;
      while (done < owed) {
        const upTo = owed;
        running ??= notifier
          .notify(change, signal)
          .then(() => {
            done = upTo;
          })
          .finally(() => {
            running = null;
          });
        await running;
      }
    },
  };
}
