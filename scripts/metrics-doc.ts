/** Writes docs/metrics.md from the table of metrics: `node scripts/metrics-doc.ts`. A test fails when it is stale. */
import { writeFileSync } from "node:fs";
import { EVENT_METRICS } from "../src/health/event-metrics.ts";
import { STATUS_METRICS } from "../src/health/status-metrics.ts";
import { WEBHOOK_EVENT_METRICS, WEBHOOK_STATUS_METRICS } from "../src/health/webhook-metrics.ts";

const DESTINATION = new URL("../docs/metrics.md", import.meta.url);

export function metricsDocument(): string {
  const counted = EVENT_METRICS.map((row) => ({ ...row, source: Object.keys(row.on).map(code).join(", ") }));
  const shown = STATUS_METRICS.map((row) => ({ ...row, source: code(row.shows) }));
  const ofWebhook = [
    ...WEBHOOK_EVENT_METRICS.map((row) => ({ ...row, source: Object.keys(row.on).map(code).join(", ") })),
    ...WEBHOOK_STATUS_METRICS.map((row) => ({ ...row, source: code(row.shows) })),
  ];
  return `# Metrics

\`/metrics\` on the health port (\`health { address = "…" }\`, \`:9102\` by default) answers in Prometheus' text format.
Units are base units: seconds, and seconds since 1970 where the name ends in \`_timestamp_seconds\`. \`path\` is the
credential's path in Vault. What is not known, such as a horizon before the first shortened renewal, has no sample.

This file is generated: \`node scripts/metrics-doc.ts\`.

## Moved by events

The events are the messages of the log, word for word.

${table(counted, "events")}

## Read from the status

The same as \`/status\` says at the moment of the scrape.

${table(shown, "part of the status")}

## Of the webhook

\`lessee webhook\` has metrics of its own at \`-health-address\`: those that Vault's injector has, under its names, and more.

${table(ofWebhook, "events, or part of its state")}
`;
}

interface Row {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
  readonly help: string;
  readonly source: string;
}

function table(rows: readonly Row[], source: string): string {
  const lines = rows.map(
    (row) => `| ${code(row.name)} | ${row.type} | ${row.labels.map(code).join(", ")} | ${row.help} | ${row.source} |`,
  );
  return [`| name | type | labels | meaning | ${source} |`, "|---|---|---|---|---|", ...lines].join("\n");
}

function code(text: string): string {
  return `\`${text}\``;
}

if (import.meta.main) writeFileSync(DESTINATION, metricsDocument());
