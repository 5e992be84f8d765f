/** What a row of the metrics tables is. The registry, docs/metrics.md and the tests are made from these rows. */
import type { LesseeEvent } from "../events.ts";
import type { Status } from "../status.ts";

export type Labels = Readonly<Record<string, string | number>>;

/** A counter adds the value, a histogram observes it, a gauge is set to it. */
export type Sample = readonly [labels: Labels, value: number];

export interface EventMetric {
  readonly type: "counter" | "histogram";
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram, in its unit. */
  readonly buckets?: readonly number[];
  readonly on: EventReadings;
}

export interface StatusMetric<S = Status> {
  readonly type: "gauge";
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** The part of the status that it shows, for the documentation. */
  readonly shows: string;
  readonly read: (status: S) => readonly Sample[];
}

export type EventReadings = {
  readonly [Name in LesseeEvent["is"]]?: (event: Extract<LesseeEvent, { readonly is: Name }>) => readonly Sample[];
};

export function once(labels: Labels): readonly Sample[] {
  return [[labels, 1]];
}
