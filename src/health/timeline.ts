/** The last things that happened, for the status page, and a count of what was asked of Vault. */
import type { LesseeEvent } from "../events.ts";
import type { Clock, Emit } from "../ports.ts";

export interface TimelineEntry {
  readonly at: number;
  readonly event: LesseeEvent;
}

export interface Timeline {
  readonly observe: Emit;
  /** The newest first. */
  recent(): readonly TimelineEntry[];
  /** From that moment on, the oldest first. */
  since(moment: number): readonly TimelineEntry[];
  requests(): { readonly sent: number; readonly failed: number };
}

/** Would fill the timeline with what goes right all the time. */
const LEFT_OUT: ReadonlySet<LesseeEvent["is"]> = new Set(["request", "sessions"]);

export function createTimeline(size: number, clock: Pick<Clock, "now">): Timeline {
  const entries: TimelineEntry[] = [];
  let sent = 0;
  let failed = 0;

  return {
    observe(event) {
      if (event.is === "request") {
        sent++;
        if (event.status === "error" || event.status >= 400) failed++;
      }
      if (LEFT_OUT.has(event.is)) return;
      entries.unshift({ at: clock.now(), event });
      if (entries.length > size) entries.length = size;
    },
    recent: () => [...entries],
    since: (moment) => entries.filter(({ at }) => at >= moment).reverse(),
    requests: () => ({ sent, failed }),
  };
}
