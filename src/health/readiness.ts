/** What ready and started mean: one answer for the probes, the gauges, the page and `lessee status`. */
import type { Status } from "../status.ts";

/** In words; empty when ready. */
export function reasonsNotReady(status: Status): readonly string[] {
  return status.stopping ? ["stopping", ...status.notReady] : status.notReady;
}

/** In words; empty once everything was published. */
export function reasonsNotStarted(status: Status): readonly string[] {
  if (status.started) return [];
  const waiting = status.templates
    .filter(({ renderedAt }) => renderedAt === null)
    .map(({ destination, missing, error }) => {
      const why = error ?? (missing.length > 0 ? `waits for ${missing.join(", ")}` : "not rendered yet");
      return `${destination}: ${why}`;
    });
  return waiting.length > 0 ? waiting : ["nothing is published yet"];
}
