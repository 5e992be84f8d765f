/**
 * The sink in memory: counters and samples of the last minute by intervals of ten seconds, for `/agent/v1/metrics` and for
 * SIGUSR1. Its texts are go-metrics'.
 */
import type { Label, Named } from "./naming.ts";

export interface MemorySink {
  count(named: Named, by: number): void;
  sample(named: Named, value: number): void;
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

interface Aggregate {
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
  readonly counters: Map<string, Aggregate>;
  readonly samples: Map<string, Aggregate>;
}

export function createMemorySink(now: () => number): MemorySink {
  const begin = (start: number): Interval => ({ start, counters: new Map(), samples: new Map() });
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
    count: (named, by) => ingest(turn().counters, named, by, now()),
    sample: (named, value) => ingest(turn().samples, named, value, now()),
    json(gauges) {
      turn();
      const { start, counters, samples } = intervals.at(-2) ?? intervals.at(-1)!;
      return JSON.stringify({
        Timestamp: moment(start),
        Gauges: inOrder(gauges).map(({ named, value }) => ({
          Name: flat(named.key),
          Value: value,
          Labels: Object.fromEntries(named.labels),
        })),
        Points: [],
        Counters: inOrder([...counters.values()]).map(asJson),
        Samples: inOrder([...samples.values()]).map(asJson),
      });
    },
    dump(gauges) {
      turn();
      const lines = (letter: string, start: number, aggregates: Interval["counters"]) =>
        inOrder([...aggregates.values()]).map(
          (one) => `[${moment(start)}][${letter}] '${withLabels(one.named)}': ${asText(one)}\n`,
        );
      const counted = intervals.flatMap(({ start, counters, samples }) => [
        ...lines("C", start, counters),
        ...lines("S", start, samples),
      ]);
      const running = moment(intervals.at(-1)!.start);
      const shown = inOrder(gauges).map(
        ({ named, value }) => `[${running}][G] '${withLabels(named)}': ${value.toFixed(3)}\n`,
      );
      return [...counted, ...shown].join("");
    },
  };
}

// ---- internal ----

function ingest(into: Interval["counters"], named: Named, value: number, now: number): void {
  const key = hashOf(named);
  const one = into.get(key) ?? { named, count: 0, sum: 0, sumOfSquares: 0, min: value, max: value, updated: 0 };
  one.count++;
  one.sum += value;
  one.sumOfSquares += value * value;
  one.min = Math.min(one.min, value);
  one.max = Math.max(one.max, value);
  one.updated = now;
  into.set(key, one);
}

function asJson(one: Aggregate) {
  const { count, sum, min, max, named } = one;
  return {
    Name: flat(named.key),
    Count: count,
    Rate: sum / (INTERVAL / 1_000),
    Sum: sum,
    Min: min,
    Max: max,
    Mean: sum / count,
    Stddev: deviationOf(one),
    Labels: Object.fromEntries(named.labels),
  };
}

function asText(one: Aggregate): string {
  const { count, sum, min, max, updated } = one;
  const deviation = deviationOf(one);
  const spread =
    deviation === 0
      ? ""
      : `Min: ${min.toFixed(3)} Mean: ${(sum / count).toFixed(3)} Max: ${max.toFixed(3)} Stddev: ${deviation.toFixed(3)} `;
  return `Count: ${count} ${spread}Sum: ${sum.toFixed(3)} LastUpdated: ${moment(updated)}`;
}

function deviationOf({ count, sum, sumOfSquares }: Aggregate): number {
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
