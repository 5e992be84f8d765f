/** `telemetry`. */
import type { Nanoseconds } from "../duration.ts";
import { SECOND } from "../duration.ts";
import { bool, duration, integer, nonEmptyString, string, strings } from "../kinds.ts";
import type { Place } from "../place.ts";
import type { BlockReader } from "../reader.ts";

export interface DeclaredTelemetry {
  readonly place: Place;
  readonly metricsPrefix?: string;
  readonly disableHostname: boolean;
  readonly enableHostnameLabel: boolean;
  readonly usageGaugePeriod: Nanoseconds;
  readonly maximumGaugeCardinality: number;
  readonly statsiteAddress?: string;
  readonly statsdAddress?: string;
  readonly dogstatsdAddr?: string;
  readonly dogstatsdTags: readonly string[];
  readonly prometheusRetentionTime: Nanoseconds;
  readonly leaseMetricsEpsilon: Nanoseconds;
  readonly numLeaseMetricsBuckets: number;
  readonly addLeaseMetricsNamespaceLabels: boolean;
  readonly filterDefault?: boolean;
  readonly prefixFilter: readonly string[];
  /** circonus_* and stackdriver_*: services that lessee does not send to. */
  readonly services: Readonly<Record<string, string | boolean>>;
}

const SERVICE_KEYS = [
  "circonus_api_token",
  "circonus_api_app",
  "circonus_api_url",
  "circonus_submission_interval",
  "circonus_submission_url",
  "circonus_check_id",
  "circonus_check_force_metric_activation",
  "circonus_check_instance_id",
  "circonus_check_search_tag",
  "circonus_check_tags",
  "circonus_check_display_name",
  "circonus_broker_id",
  "circonus_broker_select_tag",
  "stackdriver_project_id",
  "stackdriver_location",
  "stackdriver_namespace",
] as const;

export function decodeTelemetry(root: BlockReader): DeclaredTelemetry | undefined {
  const [block, second] = root.blocks("telemetry", {
    context: "error parsing 'telemetry': ",
    notABlock: "telemetry: not an object type for struct",
  });
  if (!block) return undefined;
  second?.fault("only one 'telemetry' block is permitted");
  const debugLogs = bool(block, "stackdriver_debug_logs");
  const services = SERVICE_KEYS.flatMap((key) => {
    const value = nonEmptyString(block, key);
    return value === undefined ? [] : [[key, value] as const];
  });
  for (const service of ["Circonus", "Stackdriver"]) {
    const named = services.find(([key]) => key.startsWith(service.toLowerCase()));
    if (named !== undefined)
      block.warn(
        `telemetry.${named[0]}: lessee sends nothing to ${service}`,
        "use dogstatsd_addr, statsd_address or /metrics",
      );
  }
  const telemetry = {
    place: block.place,
    metricsPrefix: nonEmptyString(block, "metrics_prefix"),
    disableHostname: bool(block, "disable_hostname") ?? false,
    enableHostnameLabel: bool(block, "enable_hostname_label") ?? false,
    usageGaugePeriod: durationOrNone(block, "usage_gauge_period") ?? 600 * SECOND,
    maximumGaugeCardinality: integer(block, "maximum_gauge_cardinality") || 500,
    statsiteAddress: nonEmptyString(block, "statsite_address"),
    statsdAddress: nonEmptyString(block, "statsd_address"),
    dogstatsdAddr: nonEmptyString(block, "dogstatsd_addr"),
    dogstatsdTags: strings(block, "dogstatsd_tags") ?? [],
    prometheusRetentionTime: duration(block, "prometheus_retention_time") ?? 24 * 3600 * SECOND,
    leaseMetricsEpsilon: durationOrNone(block, "lease_metrics_epsilon") ?? 3600 * SECOND,
    numLeaseMetricsBuckets: integer(block, "num_lease_metrics_buckets") || 168,
    addLeaseMetricsNamespaceLabels: bool(block, "add_lease_metrics_namespace_labels") ?? false,
    filterDefault: bool(block, "filter_default"),
    prefixFilter: strings(block, "prefix_filter") ?? [],
    services: { ...Object.fromEntries(services), ...(debugLogs ? { stackdriver_debug_logs: true } : {}) },
  };
  block.finish("ignored");
  return telemetry;
}

function durationOrNone(block: BlockReader, key: string): Nanoseconds | undefined {
  const found = block.attribute(key);
  return found?.value.kind === "string" && string(block, key) === "none" ? 0 : duration(block, key);
}
