/** What one file declares, or several that were merged: typed and checked key by key, without defaults of the whole. */
import type { DeclaredAutoAuth } from "./decode/auto-auth.ts";
import type { DeclaredLessee } from "./decode/lessee.ts";
import type { DeclaredListener } from "./decode/listener.ts";
import type { DeclaredApiProxy, DeclaredCache, DeclaredVault } from "./decode/server.ts";
import type { DeclaredTelemetry } from "./decode/telemetry.ts";
import type { DeclaredEnvTemplate, DeclaredExec, DeclaredTemplate } from "./decode/template.ts";
import type { Nanoseconds } from "./duration.ts";
import type { Place } from "./place.ts";
import type { Subsystems } from "./server-types.ts";

/** A value that is judged only when it is known which of several is used. */
export interface Placed<T> {
  readonly value: T;
  readonly place: Place;
}

export interface DeclaredLog {
  readonly level?: Placed<string>;
  readonly format?: Placed<string>;
  readonly file?: string;
  readonly rotateBytes?: number;
  readonly rotateDuration?: Placed<string>;
  readonly rotateMaxFiles?: number;
}

export interface DeclaredTemplateConfig {
  readonly place: Place;
  readonly exitOnRetryFailure: boolean;
  readonly staticSecretRenderInterval: Nanoseconds;
  readonly maxConnectionsPerHost?: number;
  readonly leaseRenewalThreshold?: number;
}

export interface Declared extends DeclaredLessee {
  readonly pidFile?: string;
  readonly exitAfterAuth: boolean;
  readonly vault?: DeclaredVault;
  readonly autoAuth?: DeclaredAutoAuth;
  readonly cache?: DeclaredCache;
  readonly apiProxy?: DeclaredApiProxy;
  readonly templates: readonly DeclaredTemplate[];
  readonly templateConfig?: DeclaredTemplateConfig;
  readonly exec?: DeclaredExec;
  readonly envTemplates: readonly DeclaredEnvTemplate[];
  readonly listeners: readonly DeclaredListener[];
  readonly telemetry?: DeclaredTelemetry;
  readonly disableIdleConnections: Subsystems;
  readonly disableKeepAlives: Subsystems;
  readonly log: DeclaredLog;
  readonly clusterName?: string;
  readonly defaultMaxRequestDuration?: Nanoseconds;
}
