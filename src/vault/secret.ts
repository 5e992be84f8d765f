/** What Vault answers to a read: the shapes that the rest of the program knows. */
import type { JsonValue } from "../json.ts";
import type { Sensitive } from "../sensitive.ts";

/** The lease under which something was given. Durations as the server said them, in seconds. */
export interface LeaseGrant {
  /** Empty for what has no lease, as KV. Not a secret: it is logged. */
  readonly id: string;
  readonly durationSeconds: number;
  readonly renewable: boolean;
}

/** When a credential ends, as it was known before its first publish. In milliseconds since 1970. */
export interface Ends {
  /** If it is never renewed. */
  readonly expiry: number;
  /** What no renewal can pass: null is not known, or none; absent where nothing printed it. */
  readonly horizon?: number | null;
}

export interface VaultSecret {
  readonly requestId: string;
  readonly lease: LeaseGrant;
  /** The `data` of the answer, numbers as JsonNumber; null when the answer had none. */
  readonly data: Sensitive<{ readonly [key: string]: JsonValue } | null>;
  readonly warnings: readonly string[];
  readonly auth: VaultAuth | null;
  readonly wrapInfo: VaultWrapInfo | null;
  /** Of what is held under a lease. */
  readonly ends?: Ends;
}

export interface VaultAuth {
  readonly token: Sensitive<string>;
  readonly accessor: Sensitive<string>;
  readonly policies: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly durationSeconds: number;
  readonly renewable: boolean;
  readonly type: "service" | "batch";
  readonly orphan: boolean;
  /** 0 is without limit. */
  readonly numUses: number;
}

export interface VaultWrapInfo {
  readonly token: Sensitive<string>;
  readonly accessor: Sensitive<string>;
  readonly ttlSeconds: number;
  readonly creationTime: string;
  readonly creationPath: string;
  readonly wrappedAccessor: Sensitive<string>;
}
