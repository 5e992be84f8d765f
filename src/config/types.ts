/**
 * The configuration after it was read, merged and checked: Vault Agent's blocks as it knows them, and lessee's own
 * under the words of DESIGN (`credential`, `health`, `state`, `job`). Durations in milliseconds.
 */
import type { Sensitive } from "../sensitive.ts";
import type { Place } from "./place.ts";
import type { ApiProxyConfig, CacheConfig, ListenerConfig, Subsystems, TelemetryConfig } from "./server-types.ts";

/** The command line after it was split up; src/cli/flags.ts makes it. */
export interface ParsedFlags {
  /** By the flag's name without dashes, in the order of the command line; booleans are `true` or `false`. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly positional: readonly string[];
}

export interface AgentConfig {
  readonly pidFile?: string;
  readonly exitAfterAuth: boolean;
  readonly vault: VaultConfig;
  readonly autoAuth?: AutoAuthConfig;
  readonly templates: readonly TemplateConfig[];
  readonly templateConfig: TemplateEngineConfig;
  readonly listeners: readonly ListenerConfig[];
  readonly cache?: CacheConfig;
  readonly apiProxy?: ApiProxyConfig;
  readonly exec?: ExecConfig;
  readonly envTemplates: readonly EnvTemplateConfig[];
  readonly telemetry?: TelemetryConfig;
  readonly disableIdleConnections: Subsystems;
  readonly disableKeepAlives: Subsystems;
  readonly log: LogConfig;
  readonly credentials: readonly CredentialConfig[];
  readonly health: HealthConfig;
  readonly state: StateConfig;
  readonly job?: JobConfig;
  /** From LESSEE_JOB_LIFETIME: how long the job may run that an init container fetches for. */
  readonly jobLifetime?: number;
  readonly kubernetes?: KubernetesConfig;
  /** Default 20 s; within it a stopping sidecar waits until nobody uses its users. */
  readonly shutdownTimeout: number;
  readonly releaseOnExit: "drained" | "always" | "never";
}

export interface VaultConfig {
  readonly address: string;
  readonly caCert?: string;
  readonly caPath?: string;
  /** PEM text, from VAULT_CACERT_BYTES. */
  readonly caCertBytes?: string;
  readonly clientCert?: string;
  readonly clientKey?: string;
  /** PEM text, from VAULT_CLIENT_CERT_BYTES and VAULT_CLIENT_KEY_BYTES. */
  readonly clientCertBytes?: string;
  readonly clientKeyBytes?: Sensitive<string>;
  readonly tlsServerName?: string;
  readonly tlsSkipVerify: boolean;
  readonly namespace?: string;
  /** For one request; default 60 s. */
  readonly clientTimeout: number;
  /** From vault.retry.num_retries or VAULT_MAX_RETRIES: 12 by default, 0 is off. */
  readonly numRetries: number;
  /** From -header: sent with every request. */
  readonly headers: Readonly<Record<string, string>>;
  readonly disableRedirects: boolean;
  /** From VAULT_RATE_LIMIT: requests a second, and how many at once after a pause. */
  readonly rateLimit?: { readonly rate: number; readonly burst: number };
  /** From VAULT_SRV_LOOKUP: an address without a port is looked up. */
  readonly srvLookup?: boolean;
}

export interface AutoAuthConfig {
  readonly method: AuthMethodConfig;
  readonly sinks: readonly SinkConfig[];
  readonly enableReauthOnNewCredentials: boolean;
}

export interface AuthMethodConfig {
  readonly type: string;
  /** Without a slash at the end: `auth/kubernetes`. */
  readonly mountPath: string;
  readonly namespace?: string;
  readonly wrapTtl: number;
  readonly minBackoff: number;
  readonly maxBackoff: number;
  readonly exitOnErr: boolean;
  /** What stands in the method's own `config`, unchecked: the method parses it. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly place?: Place;
}

export interface SinkConfig {
  readonly type: string;
  readonly wrapTtl: number;
  readonly dhType?: string;
  readonly dhPath?: string;
  readonly deriveKey: boolean;
  /** From `aad`, or from the environment variable that `aad_env_var` names. */
  readonly aad?: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly place?: Place;
}

export interface TemplateConfig {
  readonly source?: string;
  readonly contents?: string;
  readonly destination: string;
  readonly engine: "go" | "handlebars";
  readonly createDestDirs: boolean;
  /** Absent: the mode that the file has, or 0644 for a new one. */
  readonly perms?: number;
  readonly user?: string;
  readonly group?: string;
  readonly backup: boolean;
  readonly command?: CommandConfig;
  readonly wait?: { readonly min: number; readonly max: number };
  readonly errorOnMissingKey: boolean;
  readonly errorFatal: boolean;
  readonly leftDelimiter: string;
  readonly rightDelimiter: string;
  readonly sandboxPath?: string;
  readonly functionDenylist: readonly string[];
  readonly place?: Place;
}

/** One element with a space in it goes through sh; a list is run directly. */
export interface CommandConfig {
  readonly command: readonly string[];
  readonly timeout: number;
  /** How it is ended: default SIGINT, then SIGKILL after 30 s. */
  readonly killSignal?: NodeJS.Signals;
  readonly killTimeout?: number;
  readonly reloadSignal?: NodeJS.Signals;
  /** The most that a start is put off by chance. */
  readonly splay?: number;
  readonly env?: CommandEnvironment;
}

export interface CommandEnvironment {
  /** True: nothing of our own environment but `custom`. */
  readonly pristine: boolean;
  /** `NAME=value`. */
  readonly custom: readonly string[];
  /** Names with `*` and `?`; empty lets all through. */
  readonly allowlist: readonly string[];
  readonly denylist: readonly string[];
}

/** `env_template "NAME"`: a template whose text becomes an environment variable of the supervised process. */
export interface EnvTemplateConfig
  extends Pick<
    TemplateConfig,
    | "source"
    | "contents"
    | "engine"
    | "errorOnMissingKey"
    | "errorFatal"
    | "leftDelimiter"
    | "rightDelimiter"
    | "functionDenylist"
    | "place"
  > {
  readonly name: string;
}

/** The application itself, supervised. */
export interface ExecConfig {
  readonly command: readonly string[];
  readonly restartOnSecretChanges: "always" | "never";
  readonly restartStopSignal: NodeJS.Signals;
  /** Files to which the child's output is appended. */
  readonly childStdout?: string;
  readonly childStderr?: string;
  readonly place?: Place;
}

export interface TemplateEngineConfig {
  readonly exitOnRetryFailure: boolean;
  readonly staticSecretRenderInterval: number;
  /** The part of a non-renewable lease after which it is read anew. */
  readonly leaseRenewalThreshold: number;
  /** Absent: as many as the transport has by default. */
  readonly maxConnectionsPerHost?: number;
}

export interface LogConfig {
  readonly level: "trace" | "debug" | "info" | "warn" | "error";
  readonly format: "standard" | "json";
  readonly file?: string;
  /** 0 is off. */
  readonly rotateBytes: number;
  readonly rotateDuration: number;
  /** 0 keeps all, -1 keeps none. */
  readonly rotateMaxFiles: number;
}

/** `credential "PATH" { … }`: how one path's credential is looked after. */
export interface CredentialConfig {
  readonly path: string;
  /** How long a connection of the application may live; absent: not known. */
  readonly connectionMaxLifetime?: number;
  /** How long a job may need the credential (init mode). */
  readonly lifetime?: number;
  /** Read of the published file → connection made; default 30 s. */
  readonly readerGrace: number;
  /** A connection may outlive its lifetime by its longest use; default the greater of 1 min and 10 % of the lifetime. */
  readonly longestUse: number;
  /** Read, verify, render and publish, with their retries; default 10 s. */
  readonly preparation: number;
  /** From the publish until the application was heard; default 30 s. */
  readonly hearing: number;
  /** Default 6 s: 5 s and the second that the server cuts off. */
  readonly margin: number;
  /** No session of the old user in every poll of so long counts as drained; default 10 s. */
  readonly quietPeriod: number;
  /** Absent: as many as the TTLs need, and a few that nobody has planned. */
  readonly maxNewPerHour?: number;
  /** Whether the max TTL is asked for right after the read. */
  readonly probe: boolean;
  readonly publish: "rename" | "symlink" | "in-place";
  readonly escalate: readonly ("notify" | "idle" | "all")[];
  readonly postgres: readonly PostgresConfig[];
  readonly notify: readonly NotifyConfig[];
}

export interface PostgresConfig {
  /** With {{username}} and {{password}} where the credential's go (percent-encoded on insertion). */
  readonly connectionUrl: string;
  readonly verifyQuery: string;
  readonly drain: "watch" | "terminate" | "off";
  readonly connectTimeout: number;
}

export type NotifyConfig = { readonly timeout: number } & (
  | {
      readonly kind: "signal";
      readonly signal: NodeJS.Signals;
      readonly process?: string;
      readonly pidFile?: string;
      readonly pid?: number;
    }
  | {
      readonly kind: "http";
      readonly url: string;
      readonly method: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  | { readonly kind: "exec"; readonly command: readonly string[]; readonly env: Readonly<Record<string, string>> }
  /** The file is touched: created if need be, its content replaced by the time of the rotation. */
  | { readonly kind: "file"; readonly path: string }
);

export interface HealthConfig {
  /** host:port; empty: no health server. */
  readonly address: string;
}

export interface StateConfig {
  /** A folder; absent: chosen at start as DESIGN says. */
  readonly path?: string;
  readonly keyFile?: string;
}

/** Ends the agent with the job beside it. */
export interface JobConfig {
  readonly until: "containers" | "process";
  /** Containers, or with `process` programs, that are not the job's: they are not waited for. */
  readonly sidecars: readonly string[];
  /** The name of our own container; absent: found out. */
  readonly container?: string;
  /** With `process`: so long nobody else's process may be seen. */
  readonly quietPeriod: number;
}

/** The API of the cluster that the pod runs in. */
export interface KubernetesConfig {
  /** Whether trouble is put on the pod as events. */
  readonly events: boolean;
  /** The folder with the service account's token, the CA and the namespace; absent: where kubelet puts it. */
  readonly serviceAccountPath?: string;
}
