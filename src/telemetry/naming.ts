/**
 * What a metric is called, by the conventions of Vault Agent's library (go-metrics): the service in front, the host
 * behind it or as a label, and rules by prefix that let a name through or not.
 */
import type { TelemetryConfig } from "../config/server-types.ts";

export type Kind = "counter" | "gauge" | "sample";
export type Label = readonly [name: string, value: string];

export interface Metric {
  /** `vault`, or whatever metrics_prefix says; `lessee` for our own. */
  readonly service: string;
  /** With dots. */
  readonly name: string;
  readonly labels?: readonly Label[];
}

export interface Named {
  /** To be joined by whatever the sink has between them. */
  readonly key: readonly string[];
  readonly labels: readonly Label[];
}

export interface Naming {
  /** null for what the filter keeps back. */
  name(kind: Kind, metric: Metric): Named | null;
  /** The host that stands in keys; null where none does. */
  readonly hostInKey: string | null;
}

type Settings = Pick<TelemetryConfig, "disableHostname" | "enableHostnameLabel" | "filterDefault" | "prefixFilter">;

/** @param sinks beside the one in memory: with fewer than two there is no host in a key */
export function createNaming(settings: Settings | undefined, host: string, sinks: number): Naming {
  const labelled = host !== "" && settings?.enableHostnameLabel === true;
  const hostInKey = host !== "" && !labelled && settings?.disableHostname === false && sinks > 1 ? host : null;
  const lets = filterOf(settings?.prefixFilter ?? [], settings?.filterDefault ?? true);
  return {
    hostInKey,
    name(kind, { service, name, labels = [] }) {
      const inKey = kind === "gauge" && hostInKey !== null ? [hostInKey] : [];
      const key = [service, ...inKey, name];
      if (!lets(key.join("."))) return null;
      return { key, labels: labelled ? [...labels, ["host", host]] : labels };
    },
  };
}

// ---- internal ----

/** The longest prefix decides; of `+x` and `-x` the latter. */
function filterOf(rules: readonly string[], byDefault: boolean): (name: string) => boolean {
  const prefixes = rules
    .map((rule) => ({ prefix: rule.slice(1), lets: rule.startsWith("+") }))
    .sort((a, b) => b.prefix.length - a.prefix.length || Number(a.lets) - Number(b.lets));
  return (name) => prefixes.find(({ prefix }) => name.startsWith(prefix))?.lets ?? byDefault;
}
