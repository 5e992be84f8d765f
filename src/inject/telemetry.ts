/** `agent-telemetry-…` as the block `telemetry`: only what Vault Agent knows, and nothing at all if one is of the wrong type. */
import type { AnnotationReader } from "./annotations.ts";

type Kind = "text" | "bool" | "integer" | "texts";

export function telemetryOf(annotations: AnnotationReader): object | undefined {
  const given = annotations.family("agent-telemetry");
  if (given.length === 0) return undefined;
  const values: Record<string, unknown> = {};
  for (const [name, text] of given) {
    const key = name.replaceAll("-", "_").toLowerCase();
    const kind = Object.hasOwn(KINDS, key) ? KINDS[key] : undefined;
    const value = decoded(text);
    if (kind === undefined || value === null) continue;
    if (!fits(kind, value)) return undefined;
    if (!isZero(value)) values[key] = value;
  }
  return values;
}

// ---- internal ----

const KINDS: Readonly<Record<string, Kind>> = {
  ...each("text", [
    "usage_gauge_period",
    "lease_metrics_epsilon",
    "statsite_address",
    "statsd_address",
    "circonus_api_token",
    "circonus_api_app",
    "circonus_api_url",
    "circonus_submission_interval",
    "circonus_submission_url",
    "circonus_check_id",
    "circonus_check_instance_id",
    "circonus_check_search_tag",
    "circonus_check_display_name",
    "circonus_check_tags",
    "circonus_broker_id",
    "circonus_broker_select_tag",
    "dogstatsd_addr",
    "prometheus_retention_time",
    "stackdriver_project_id",
    "stackdriver_location",
    "stackdriver_namespace",
  ]),
  ...each("bool", [
    "disable_hostname",
    "enable_hostname_label",
    "add_lease_metrics_namespace_labels",
    "filter_default",
    "circonus_check_force_metric_activation",
    "stackdriver_debug_logs",
  ]),
  ...each("integer", ["maximum_gauge_cardinality", "num_lease_metrics_buckets"]),
  ...each("texts", ["prefix_filter", "dogstatsd_tags"]),
};

function each(kind: Kind, names: readonly string[]): Readonly<Record<string, Kind>> {
  return Object.fromEntries(names.map((name) => [name, kind]));
}

/** JSON where it is some, else the text. */
function decoded(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function fits(kind: Kind, value: unknown): boolean {
  switch (kind) {
    case "text":
      return typeof value === "string";
    case "bool":
      return typeof value === "boolean";
    case "integer":
      return Number.isInteger(value);
    case "texts":
      return Array.isArray(value) && value.every((one) => typeof one === "string");
  }
}

function isZero(value: unknown): boolean {
  return value === "" || value === false || value === 0 || (Array.isArray(value) && value.length === 0);
}
