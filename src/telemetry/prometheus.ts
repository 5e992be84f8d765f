/** The sink for Prometheus: what was counted and sampled since the start, in its text format. */
import type { Gauge } from "./memory.ts";
import type { Named } from "./naming.ts";

export interface PrometheusSink {
  count(named: Named, by: number): void;
  sample(named: Named, value: number): void;
  text(gauges: readonly Gauge[]): string;
}

/** Quantiles are of these last ten seconds, as in Vault Agent, and of no more values than these. */
const AGE = 10_000;
const MOST_VALUES = 1_000;
const QUANTILES = [0.5, 0.9, 0.99];

interface Summary {
  readonly named: Named;
  count: number;
  sum: number;
  recent: readonly { readonly at: number; readonly value: number }[];
}

export function createPrometheusSink(now: () => number): PrometheusSink {
  const totals = new Map<string, Gauge>();
  const summaries = new Map<string, Summary>();
  const young = (recent: Summary["recent"]) => recent.filter(({ at }) => at > now() - AGE);

  function summaryLines({ count, named, recent, sum }: Summary): string {
    const values = young(recent).map(({ value }) => value);
    const quantiles = QUANTILES.map((quantile) => {
      const labelled = { ...named, labels: [...named.labels, ["quantile", String(quantile)] as const] };
      return `${seriesOf(labelled)} ${quantileOf(values, quantile)}\n`;
    });
    const part = (name: string, value: number) => `${seriesOf(named, name)} ${value}\n`;
    return `${head(named, "summary")}${quantiles.join("")}${part("_sum", sum)}${part("_count", count)}`;
  }

  return {
    count(named, by) {
      const key = seriesOf(named);
      totals.set(key, { named, value: (totals.get(key)?.value ?? 0) + by });
    },
    sample(named, value) {
      const key = seriesOf(named);
      const summary = summaries.get(key) ?? { named, count: 0, sum: 0, recent: [] };
      summary.count++;
      summary.sum += value;
      summary.recent = [...young(summary.recent), { at: now(), value }].slice(-MOST_VALUES);
      summaries.set(key, summary);
    },
    text: (gauges) =>
      lines("gauge", gauges) +
      lines("counter", [...totals.values()]) +
      sorted([...summaries.values()])
        .map(summaryLines)
        .join(""),
  };
}

// ---- internal ----

function lines(type: string, metrics: readonly Gauge[]): string {
  return sorted(metrics)
    .map(({ named, value }) => `${head(named, type)}${seriesOf(named)} ${value}\n`)
    .join("");
}

/** As go-metrics explains a metric. */
function head(named: Named, type: string): string {
  const name = nameOf(named);
  return `# HELP ${name} ${name}\n# TYPE ${name} ${type}\n`;
}

function sorted<T extends { readonly named: Named }>(metrics: readonly T[]): readonly T[] {
  return [...metrics].sort((a, b) => (seriesOf(a.named) < seriesOf(b.named) ? -1 : 1));
}

/** By the nearest rank; of nothing there is none. */
function quantileOf(values: readonly number[], quantile: number): number {
  const ranked = [...values].sort((a, b) => a - b);
  return ranked[Math.ceil(quantile * ranked.length) - 1] ?? Number.NaN;
}

function nameOf({ key }: Named): string {
  return key.join("_").replace(/[^A-Za-z0-9_:]/g, "_");
}

function seriesOf(named: Named, part = ""): string {
  const name = `${nameOf(named)}${part}`;
  if (named.labels.length === 0) return name;
  const labels = named.labels.map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return `${name}{${labels.join(",")}}`;
}
