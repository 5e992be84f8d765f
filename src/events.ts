/**
 * Everything that happens in the program and that somebody may want to know: the logs, the metrics, the status page,
 * the demo's timeline and the tests all read this one union. `is` is the log message, word for word.
 *
 * No field holds a secret: user names and lease ids are not secret, passwords, tokens, accessors and JWTs are.
 */
export type LesseeEvent =
  | { readonly is: "started"; readonly version: string; readonly pid: number }
  | { readonly is: "listening"; readonly address: string }
  | { readonly is: "warning"; readonly code: string; readonly message: string; readonly path?: string }
  | { readonly is: "request"; readonly operation: Operation; readonly status: number | "error"; readonly took: number }
  // The token
  | {
      readonly is: "login";
      readonly method: string;
      readonly mount: string;
      readonly role?: string;
      readonly ttl: number;
      readonly renewable: boolean;
      readonly policies: readonly string[];
    }
  | {
      readonly is: "login failed";
      readonly method: string;
      readonly mount: string;
      readonly error: string;
      readonly retryIn: number;
    }
  | { readonly is: "token renewed"; readonly ttl: number; readonly expiry: number; readonly horizon: number | null }
  | {
      readonly is: "token renewal failed";
      readonly error: string;
      readonly lost: boolean;
      readonly retryIn: number | null;
    }
  | { readonly is: "token revoked" }
  // The credential, in the order of its life
  | {
      readonly is: "read";
      readonly path: string;
      readonly lease: string;
      readonly user?: string;
      readonly ttl: number;
      readonly renewable: boolean;
    }
  | { readonly is: "read failed"; readonly path: string; readonly error: string; readonly retryIn: number }
  | {
      readonly is: "adopted";
      readonly path: string;
      readonly lease: string;
      readonly user?: string;
      readonly stage: "current" | "retiring";
    }
  | {
      readonly is: "handed over";
      readonly path: string;
      readonly user?: string;
      readonly ttl: number;
      readonly shared: boolean;
      /** For how long the job may need it, where that is known. */
      readonly lifetime?: number;
    }
  | { readonly is: "verified"; readonly path: string; readonly user?: string; readonly took: number }
  | {
      readonly is: "verification failed";
      readonly path: string;
      readonly user?: string;
      readonly error: string;
      readonly retryIn: number | null;
    }
  | {
      readonly is: "published";
      readonly path: string;
      readonly user?: string;
      readonly files: readonly string[];
      readonly verified: boolean;
      readonly took: number;
    }
  | {
      readonly is: "publish failed";
      readonly path: string;
      readonly user?: string;
      readonly error: string;
      readonly retryIn: number;
    }
  | {
      readonly is: "renewed";
      readonly path: string;
      readonly lease: string;
      readonly user?: string;
      readonly ttl: number;
      readonly expiry: number;
      readonly horizon: number | null;
    }
  | {
      readonly is: "renewal failed";
      readonly path: string;
      readonly lease: string;
      readonly user?: string;
      readonly error: string;
      readonly verdict: "lost" | "kept" | "ended" | "unknown";
      readonly retryIn: number | null;
    }
  | {
      readonly is: "rotation due";
      readonly path: string;
      readonly user?: string;
      readonly reason: RotationReason;
      readonly expiry: number;
      readonly horizon: number | null;
    }
  | {
      readonly is: "notified";
      readonly path: string;
      readonly kind: string;
      readonly target: string;
      readonly took: number;
    }
  /** Of a hook that succeeded; that of one that failed stands in its error. */
  | { readonly is: "command output"; readonly command: string; readonly output: string }
  | {
      readonly is: "notify failed";
      readonly path: string;
      readonly kind: string;
      readonly target: string;
      readonly error: string;
      readonly retryIn: number | null;
    }
  | {
      readonly is: "confirmed";
      readonly path: string;
      readonly user?: string;
      readonly by: "notify" | "sessions";
      readonly took: number;
    }
  | {
      readonly is: "sessions";
      readonly path: string;
      readonly user?: string;
      readonly newSessions: number;
      readonly oldUser?: string;
      readonly oldSessions: number;
    }
  /** It goes on with an old credential: `user` is whose, and `ends` when that ends. */
  | {
      readonly is: "not listening";
      readonly path: string;
      readonly user?: string;
      readonly sessions: number | null;
      readonly ends: number | null;
    }
  | { readonly is: "listening again"; readonly path: string; readonly user?: string; readonly took: number }
  | { readonly is: "reminded"; readonly path: string; readonly user?: string; readonly ends: number | null }
  | {
      readonly is: "terminated";
      readonly path: string;
      readonly user?: string;
      readonly which: "idle" | "all";
      readonly sessions: number;
    }
  /** Ours, and by so much; the server is asked what is left of it before anything is replaced for that. */
  | { readonly is: "clock jumped"; readonly path: string; readonly user?: string; readonly ahead: number }
  /** By the server so much of it has not passed: somebody has set the clock, or it was wrong before. */
  | { readonly is: "clock jump undone"; readonly path: string; readonly user?: string; readonly ahead: number }
  | { readonly is: "drained"; readonly path: string; readonly user?: string; readonly took: number }
  | {
      readonly is: "released";
      readonly path: string;
      readonly lease: string;
      readonly user?: string;
      readonly by: "revoke" | "short renewal" | "token" | "expiry";
    }
  | {
      readonly is: "release failed";
      readonly path: string;
      readonly lease: string;
      readonly user?: string;
      readonly error: string;
      readonly retryIn: number | null;
    }
  | {
      readonly is: "lost";
      readonly path: string;
      readonly lease: string;
      readonly user?: string;
      readonly reason: string;
    }
  | {
      readonly is: "rotated";
      readonly path: string;
      readonly user?: string;
      readonly stages: Readonly<Record<RotationStage, number>>;
    }
  // Around them
  | { readonly is: "rendered"; readonly template: string; readonly destination: string; readonly changed: boolean }
  | { readonly is: "render failed"; readonly template: string; readonly destination: string; readonly error: string }
  // In exec mode
  | { readonly is: "application started"; readonly pid: number; readonly restarted: boolean }
  | {
      readonly is: "application ended";
      readonly code: number;
      readonly signal?: string;
      /** By us, for a restart or at the end. */
      readonly asked: boolean;
    }
  | { readonly is: "certificates replaced" }
  // Beside a job
  | { readonly is: "waiting for the job"; readonly running: readonly string[] }
  // The webhook
  | {
      readonly is: "review";
      readonly namespace: string;
      readonly pod: string;
      readonly outcome: ReviewOutcome;
      readonly injected?: "init_and_sidecar" | "init_only" | "sidecar_only";
      readonly reason?: string;
      readonly took: number;
    }
  | { readonly is: "review not read"; readonly status: number; readonly error: string }
  | { readonly is: "certificate loaded"; readonly ends: number }
  | { readonly is: "certificate refused"; readonly error: string }
  | { readonly is: "configuration reloaded" }
  | { readonly is: "configuration refused"; readonly error: string }
  | { readonly is: "stopping"; readonly reason: string }
  | { readonly is: "stopped"; readonly held: number };

/** `failed`: by a fault of ours, whatever the API server was told then. */
export type ReviewOutcome = "injected" | "unchanged" | "refused" | "failed";

/** Names of requests to Vault, as metrics label them. */
export type Operation =
  | "login"
  | "lookup-self"
  | "renew-self"
  | "revoke-self"
  | "capabilities-self"
  | "read"
  | "write"
  | "list"
  | "preflight"
  | "lease-lookup"
  | "lease-renew"
  | "lease-revoke"
  | "wrap"
  | "health";

export type RotationReason = "horizon" | "token" | "valid until" | "lost" | "renewals ended" | "asked for" | "rejected";

/** The stages of a rotation whose time is measured, in their order. */
export type RotationStage = "read" | "verify" | "publish" | "notify" | "confirm" | "drain" | "release";

export const ROTATION_STAGES: readonly RotationStage[] = [
  "read",
  "verify",
  "publish",
  "notify",
  "confirm",
  "drain",
  "release",
];
