/** What ready and started mean: one answer for the probes, the gauges, the page and `lessee status`. */
import type { NotListening, Status } from "../status.ts";
import { ago, ahead } from "./relative.ts";

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

/** As `the application does not listen: since 5m ago 3 sessions use v-old, which ends in 50m`. */
export function deafnessText({ ends, sessions, since, user }: NotListening, now: number): string {
  if (user === null)
    return `the application has not taken the current credential, and the old one has ended (noticed ${ago(since, now)})`;
  const who = sessions === null ? "it uses" : sessions === 1 ? "1 session uses" : `${sessions} sessions use`;
  const end = ends === null ? "" : `, which ends ${ahead(ends, now)}`;
  return `the application does not listen: ${who} ${user} still${end} (noticed ${ago(since, now)})`;
}
