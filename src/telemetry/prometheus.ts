/** The sink for Prometheus: what was counted since the start, in its text format. */
import type { Gauge } from "./memory.ts";
import type { Named } from "./naming.ts";

export interface PrometheusSink {
  count(named: Named, by: number): void;
  text(gauges: readonly Gauge[]): string;
}

export function createPrometheusSink(): PrometheusSink {
  const totals = new Map<string, Gauge>();
  return {
    count(named, by) {
      const key = seriesOf(named);
      totals.set(key, { named, value: (totals.get(key)?.value ?? 0) + by });
    },
    text: (gauges) => lines("gauge", gauges) + lines("counter", [...totals.values()]),
  };
}

// ---- internal ----

function lines(type: string, metrics: readonly Gauge[]): string {
  const sorted = [...metrics].sort((a, b) => (seriesOf(a.named) < seriesOf(b.named) ? -1 : 1));
  return sorted
    .map(({ named, value }) => {
      const name = nameOf(named);
      return `# HELP ${name} ${named.key.slice(1).join(" ").replace(/[_.]/g, " ")}\n# TYPE ${name} ${type}\n${seriesOf(named)} ${value}\n`;
    })
    .join("");
}

function nameOf({ key }: Named): string {
  return key.join("_").replace(/[^A-Za-z0-9_:]/g, "_");
}

function seriesOf(named: Named): string {
  if (named.labels.length === 0) return nameOf(named);
  const labels = named.labels.map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return `${nameOf(named)}{${labels.join(",")}}`;
}
