/** The metrics as Prometheus reads them, kept by prom-client, without its own metrics of the process (they cost CPU). */
import type { Emit } from "../ports.ts";
import type { Status } from "../status.ts";
import { EVENT_METRICS } from "./event-metrics.ts";
import type { EventMetric, Sample, StatusMetric } from "./metric.ts";
import { STATUS_METRICS } from "./status-metrics.ts";

export interface Metrics<S = Status> {
  readonly observe: Emit;
  /** The text format, version 0.0.4; the gauges say what `status` says. */
  render(status: S): Promise<{ readonly contentType: string; readonly body: string }>;
}

/** A sidecar's. */
export function createMetrics(): Promise<Metrics> {
  return createRegistry(EVENT_METRICS, STATUS_METRICS);
}

/** Loads prom-client, which a run without a health port need not do. */
export async function createRegistry<S>(
  counted: readonly EventMetric[],
  shown: readonly StatusMetric<S>[],
): Promise<Metrics<S>> {
  const { default: Registry } = await import("prom-client/lib/registry.js");
  const { default: Counter } = await import("prom-client/lib/counter.js");
  const { default: Gauge } = await import("prom-client/lib/gauge.js");
  const { default: Histogram } = await import("prom-client/lib/histogram.js");
  const registry = new Registry();
  const common = (row: EventMetric | StatusMetric<S>) => ({
    name: row.name,
    help: row.help,
    labelNames: [...row.labels],
    registers: [registry],
  });

  const byEvent = new Map<string, ((event: never) => void)[]>();
  for (const row of counted) {
    const metric =
      row.type === "counter"
        ? new Counter(common(row))
        : new Histogram({ ...common(row), buckets: [...(row.buckets ?? [])] });
    const move = (labels: Sample[0], value: number) =>
      "inc" in metric ? metric.inc({ ...labels }, value) : metric.observe({ ...labels }, value);
    for (const [name, read] of Object.entries(row.on)) {
      const readings = byEvent.get(name) ?? [];
      readings.push((event) => {
        for (const [labels, value] of read(event)) if (value >= 0) move(labels, value);
      });
      byEvent.set(name, readings);
    }
  }
  const gauges = shown.map((row) => ({ row, gauge: new Gauge(common(row)) }));

  return {
    observe(event) {
      for (const reading of byEvent.get(event.is) ?? []) reading(event as never);
    },
    async render(status) {
      for (const { row, gauge } of gauges) {
        gauge.reset();
        // A gauge without labels is 0 after a reset, and 0 is not the same as not known.
        if (row.labels.length === 0) gauge.remove();
        for (const [labels, value] of row.read(status)) gauge.set({ ...labels }, value);
      }
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
}
