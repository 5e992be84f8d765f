/** What the soak counts, how it is judged, and the table that it ends with. Pure. */
import type { Counts } from "../demo/tally.ts";

export interface MemorySample {
  /** Since the beginning, in milliseconds. */
  readonly at: number;
  /** Megabytes. */
  readonly rss: number;
  readonly anonymous: number;
}

export interface PodOutcome extends Counts {
  readonly name: string;
  readonly ok: number;
  readonly failed: number;
  readonly lastFailure: string | null;
  /** Credentials that ended before they were let go. */
  readonly lost: number;
  readonly killed: number;
}

export interface SoakOutcome {
  readonly pods: readonly PodOutcome[];
  /** How often each was made. */
  readonly troubles: Readonly<Record<string, number>>;
  readonly mostUsers: number;
  readonly usersLeft: readonly string[];
  readonly memory: readonly MemorySample[];
  /** What did not end in order. */
  readonly faults: readonly string[];
}

/** What memory may grow by from the second quarter of the time to the last: a heap breathes. */
const BREATH = { share: 0.1, megabytes: 3 };
/** With fewer samples there is nothing to be judged by. */
const FEWEST_SAMPLES = 24;

export function formatTable({ pods, troubles, mostUsers, usersLeft, memory }: SoakOutcome): string {
  const columns = ["pod", "rotations", "queries", "failed", "lost", "killed", "requests"];
  const rows = pods.map((pod) => [
    pod.name,
    ...[pod.rotationsCompleted, pod.ok + pod.failed, pod.failed, pod.lost, pod.killed, pod.requests].map(inFigures),
  ]);
  const widths = columns.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]!.length)));
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  ");
  const made = Object.entries(troubles).map(([name, times]) => `${name} ${times}`);
  const { second, last } = quarters(memory);
  return [
    ...[columns, ...rows].map(line),
    "",
    `troubles            ${made.join(", ") || "none"}`,
    `most users at once  ${mostUsers}`,
    `users left          ${usersLeft.length}`,
    `memory, not shared  ${megabytes(second)} in the second quarter, ${megabytes(last)} in the last (median), ${slope(memory)}`,
  ].join("\n");
}

/** Why the run is not a good one; empty when it is. */
export function faultsOf({ pods, usersLeft, memory, faults }: SoakOutcome): readonly string[] {
  const { second, last } = quarters(memory);
  const grown = last - second > Math.max(BREATH.megabytes, BREATH.share * second);
  return [
    ...pods
      .filter(({ failed }) => failed > 0)
      .map(({ name, failed, lastFailure }) => `pod ${name}: ${failed} queries failed, the last with: ${lastFailure}`),
    ...(usersLeft.length > 0 ? [`database users were left: ${usersLeft.join(", ")}`] : []),
    ...(grown ? [`the memory is not flat: it grew from ${megabytes(second)} to ${megabytes(last)}`] : []),
    ...faults,
  ];
}

/** Medians of what nobody else can share; the first quarter is for warming up. */
function quarters(memory: readonly MemorySample[]): { readonly second: number; readonly last: number } {
  if (memory.length < FEWEST_SAMPLES) return { second: Number.NaN, last: Number.NaN };
  const quarter = Math.floor(memory.length / 4);
  const median = (samples: readonly MemorySample[]) =>
    samples.map(({ anonymous }) => anonymous).toSorted((a, b) => a - b)[Math.floor(samples.length / 2)]!;
  return { second: median(memory.slice(quarter, 2 * quarter)), last: median(memory.slice(-quarter)) };
}

/** By least squares over the same three quarters. */
function slope(memory: readonly MemorySample[]): string {
  const samples = memory.slice(Math.floor(memory.length / 4));
  if (memory.length < FEWEST_SAMPLES) return "slope not measured";
  const mean = (of: (sample: MemorySample) => number) =>
    samples.reduce((sum, one) => sum + of(one), 0) / samples.length;
  const [time, size] = [mean(({ at }) => at), mean(({ anonymous }) => anonymous)];
  const together = mean(({ at, anonymous }) => (at - time) * (anonymous - size));
  const perHour = (3_600_000 * together) / mean(({ at }) => (at - time) ** 2);
  return `${perHour < 0 ? "−" : "+"}${Math.abs(perHour).toFixed(1)} MB an hour`;
}

function megabytes(value: number): string {
  return Number.isNaN(value) ? "not measured" : `${value.toFixed(1)} MB`;
}

function inFigures(value: number): string {
  return value.toLocaleString("en");
}
