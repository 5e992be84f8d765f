/** What the running sidecar says of itself: `/status` as JSON, the status page, `lessee status`, the gauges of /metrics. */

export interface Status {
  readonly version: string;
  readonly pid: number;
  readonly startedAt: number;
  readonly now: number;
  /** All templates were published at least once since the start. */
  readonly started: boolean;
  /** In words, empty when ready: `database/creds/pg-role: the credential ended at …, and the last read failed: …` */
  readonly notReady: readonly string[];
  readonly stopping: boolean;
  readonly token: TokenStatus | null;
  readonly credentials: readonly CredentialStatus[];
  readonly templates: readonly TemplateStatus[];
  readonly warnings: readonly string[];
}

export interface TokenStatus {
  readonly method: string;
  readonly loggedInAt: number;
  /** null is without end. */
  readonly expiry: number | null;
  readonly horizon: number | null;
  readonly renewable: boolean;
  readonly policies: readonly string[];
  /** Older tokens that still are the parents of leases. */
  readonly older: number;
}

export interface CredentialStatus {
  readonly path: string;
  readonly current: HeldStatus | null;
  readonly candidate: HeldStatus | null;
  readonly retiring: readonly HeldStatus[];
  /** When the next rotation begins; null while no end of the credential is known. */
  readonly rotationDue: number | null;
  /** How long before the horizon the rotation begins. */
  readonly lead: number;
  /** By how much longer than the lead the current one lives if nothing more succeeds; null where no lifetime is known. */
  readonly margin: number | null;
  /** False where horizon and lead leave no room: said at start as well. */
  readonly leadFits: boolean;
  readonly rotations: number;
  readonly newUsersLastHour: number;
  readonly maxNewPerHour: number;
  /** When the next user may be made; null while the budget is not used up. */
  readonly budgetFreeAt: number | null;
  readonly lastError: string | null;
  /** The application goes on with an old credential though it should have taken the current one; null while it listens. */
  readonly notListening: NotListening | null;
  /** No template asks for it any more; what is held is given back. */
  readonly unasked?: true;
}

export interface NotListening {
  readonly since: number;
  /** Whose password it uses; null when that has ended. */
  readonly user: string | null;
  readonly sessions: number | null;
  /** When that user ends; null is not known, or has ended. */
  readonly ends: number | null;
  /** It ends soon, or has ended: then the sidecar is not ready. */
  readonly urgent: boolean;
}

export interface HeldStatus {
  readonly stage: "candidate" | "current" | "retiring";
  /** What it waits for: `read`, `verify`, `horizon`, `publish`, `notify`, `confirm`, `drain`, `release`, `in use`. */
  readonly step: string;
  readonly user: string | null;
  readonly lease: string;
  readonly readAt: number;
  readonly publishedAt: number | null;
  /** When it ends if nothing more succeeds. */
  readonly expiry: number;
  /** What no renewal can pass; null is not known or none. */
  readonly horizon: number | null;
  readonly renewable: boolean;
  readonly renewals: number;
  readonly verified: boolean;
  /** Whether the application has taken it. */
  readonly heard: "yes" | "no" | "not observed";
  /** Objects that the user owns, for which it cannot be dropped; null is not observed. */
  readonly owned: number | null;
  /** Sessions in Postgres; null is not observed. */
  readonly sessions: number | null;
}

export interface TemplateStatus {
  readonly name: string;
  readonly destination: string;
  readonly renderedAt: number | null;
  /** What it waits for, by name: `vault.read(database/creds/pg-role)`. */
  readonly missing: readonly string[];
  readonly error: string | null;
}
