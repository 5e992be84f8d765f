/**
 * The sink in memory: the counters of the last minute by intervals of ten seconds, for `/agent/v1/metrics` and for
 * SIGUSR1. Its texts are go-metrics'.
 */
import type { Label, Named } from "./naming.ts";

export interface MemorySink {
  count(named: Named, by: number): void;
  /** The last ten seconds that are over; those that run where there are none. */
  json(gauges: readonly Gauge[]): string;
  /** Every interval that is kept, and the gauges as they are now. */
  dump(gauges: readonly Gauge[]): string;
}

export interface Gauge {
  readonly named: Named;
  readonly value: number;
}

const INTERVAL = 10_000;
/** A minute in all. */
const KEPT = 6;

interface Counter {
  readonly named: Named;
  count: number;
  sum: number;
  sumOfSquares: number;
  min: number;
  max: number;
  updated: number;
}

interface Interval {
  readonly start: number;
  readonly counters: Map<string, Counter>;
}

export function createMemorySink(now: () => number): MemorySink {
  const begin = (start: number): Interval => ({ start, counters: new Map() });
  let intervals: readonly Interval[] = [begin(startOf(now()))];

  /** The one that runs. */
  function turn(): Interval {
    const start = startOf(now());
    const last = intervals.at(-1)!;
    if (start <= last.start) return last;
    const earliest = start - KEPT * INTERVAL;
    // Ten seconds without a count are an interval, too: the listener tells of the last one that is over.
    const quiet = start - last.start > INTERVAL ? [begin(start - INTERVAL)] : [];
    intervals = [...intervals, ...quiet, begin(start)].filter((one) => one.start >= earliest);
    return intervals.at(-1)!;
  }

  return {
    count(named, by) {
      const { counters } = turn();
      const key = hashOf(named);
      const counter = counters.get(key) ?? { named, count: 0, sum: 0, sumOfSquares: 0, min: by, max: by, updated: 0 };
      counter.count++;
      counter.sum += by;
      counter.sumOfSquares += by * by;
      counter.min = Math.min(counter.min, by);
      counter.max = Math.max(counter.max, by);
      counter.updated = now();
      counters.set(key, counter);
    },
    json(gauges) {
      turn();
      const { start, counters } = intervals.at(-2) ?? intervals.at(-1)!;
      return JSON.stringify({
        Timestamp: moment(start),
        Gauges: inOrder(gauges).map(({ named, value }) => ({
          Name: flat(named.key),
          Value: value,
          Labels: Object.fromEntries(named.labels),
        })),
        Points: [],
        Counters: inOrder([...counters.values()]).map((counter) => ({
          Name: flat(counter.named.key),
          Count: counter.count,
          Rate: counter.sum / (INTERVAL / 1_000),
          Sum: counter.sum,
          Min: counter.min,
          Max: counter.max,
          Mean: counter.sum / counter.count,
          Stddev: deviationOf(counter),
          Labels: Object.fromEntries(counter.named.labels),
        })),
        Samples: [],
      });
    },
    dump(gauges) {
      turn();
      const counted = intervals.flatMap(({ start, counters }) =>
        inOrder([...counters.values()]).map(
          (counter) => `[${moment(start)}][C] '${withLabels(counter.named)}': ${aggregate(counter)}\n`,
        ),
      );
      const running = moment(intervals.at(-1)!.start);
      const shown = inOrder(gauges).map(
        ({ named, value }) => `[${running}][G] '${withLabels(named)}': ${value.toFixed(3)}\n`,
      );
      return [...counted, ...shown].join("");
    },
  };
}

// ---- internal ----

function aggregate(counter: Counter): string {
  const { count, sum, min, max, updated } = counter;
  const deviation = deviationOf(counter);
  const spread =
    deviation === 0
      ? ""
      : `Min: ${min.toFixed(3)} Mean: ${(sum / count).toFixed(3)} Max: ${max.toFixed(3)} Stddev: ${deviation.toFixed(3)} `;
  return `Count: ${count} ${spread}Sum: ${sum.toFixed(3)} LastUpdated: ${moment(updated)}`;
}

function deviationOf({ count, sum, sumOfSquares }: Counter): number {
  const divisor = count * (count - 1);
  return divisor === 0 ? 0 : Math.sqrt(Math.max(0, (count * sumOfSquares - sum * sum) / divisor));
}

function startOf(now: number): number {
  return now - (now % INTERVAL);
}

/** As Go prints a time; a fraction of a second only where there is one. */
function moment(ms: number): string {
  const iso = new Date(ms).toISOString();
  const fraction = iso.slice(19, 23).replace(/\.?0+$/, "");
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)}${fraction} +0000 UTC`;
}

function inOrder<T extends { readonly named: Named }>(metrics: readonly T[]): readonly T[] {
  return [...metrics].sort((a, b) => (hashOf(a.named) < hashOf(b.named) ? -1 : 1));
}

function hashOf({ key, labels }: Named): string {
  return [flat(key), ...labels.map(([name, value]) => `;${name}=${value}`)].join("");
}

function withLabels({ key, labels }: Named): string {
  return [...key, ...labels.map(([, value]: Label) => value)].join(".").replace(/[\s:']/g, "_");
}

function flat(key: readonly string[]): string {
  return key.join(".").replaceAll(" ", "_");
}
