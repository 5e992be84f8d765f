/** The parts of the configuration that make an agent a server for others, and its telemetry. Durations in milliseconds. */
import type { Place } from "./place.ts";

export interface ListenerConfig {
  readonly type: "tcp" | "unix";
  /** Absent: 127.0.0.1:8200 for tcp. */
  readonly address?: string;
  readonly role: "default" | "metrics_only";
  readonly tlsDisable: boolean;
  readonly tlsCertFile?: string;
  readonly tlsKeyFile?: string;
  readonly tlsMinVersion?: string;
  readonly tlsMaxVersion?: string;
  readonly tlsCipherSuites?: string;
  readonly tlsRequireAndVerifyClientCert: boolean;
  readonly tlsClientCaFile?: string;
  readonly tlsDisableClientCerts: boolean;
  readonly requireRequestHeader: boolean;
  readonly enableQuit: boolean;
  readonly socketMode?: string;
  readonly socketUser?: string;
  readonly socketGroup?: string;
  readonly place?: Place;
}

export interface ApiProxyConfig {
  readonly useAutoAuthToken: boolean;
  /** The auto-auth token replaces the one that a client sends. */
  readonly forceAutoAuthToken: boolean;
  /** `always` or `never`, as it was written. */
  readonly enforceConsistency?: string;
  /** `fail`, `retry` or `forward`, as it was written. */
  readonly whenInconsistent?: string;
  readonly place?: Place;
}

export interface CacheConfig {
  readonly useAutoAuthToken: boolean;
  readonly forceAutoAuthToken: boolean;
  readonly persist?: PersistConfig;
  readonly place?: Place;
}

export interface PersistConfig {
  readonly type: string;
  readonly path: string;
  readonly keepAfterImport: boolean;
  readonly exitOnErr: boolean;
  readonly serviceAccountTokenFile: string;
  readonly place?: Place;
}

export interface TelemetryConfig {
  readonly metricsPrefix?: string;
  readonly disableHostname: boolean;
  readonly enableHostnameLabel: boolean;
  readonly usageGaugePeriod: number;
  readonly maximumGaugeCardinality: number;
  readonly statsiteAddress?: string;
  readonly statsdAddress?: string;
  readonly dogstatsdAddr?: string;
  readonly dogstatsdTags: readonly string[];
  /** 0 is off. */
  readonly prometheusRetentionTime: number;
  readonly filterDefault?: boolean;
  readonly prefixFilter: readonly string[];
  readonly place?: Place;
}

/** Which of the agent's parts a setting is for. */
export interface Subsystems {
  readonly autoAuth: boolean;
  readonly apiProxy: boolean;
  readonly templating: boolean;
}
