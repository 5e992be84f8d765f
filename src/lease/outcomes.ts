/** What the lifecycle asks for, and what it is told: the two halves of its conversation with the keeper. */
import type { Held, Stopping } from "./state.ts";

export type Lane = "issue" | "keep" | "apply";

export type Action =
  | { readonly do: "read" }
  | { readonly do: "probe"; readonly id: number }
  | { readonly do: "look up"; readonly id: number }
  | { readonly do: "renew"; readonly id: number }
  | { readonly do: "release"; readonly id: number }
  | { readonly do: "check release"; readonly id: number }
  | { readonly do: "verify"; readonly id: number }
  | { readonly do: "publish"; readonly id: number }
  | { readonly do: "notify"; readonly id: number }
  | { readonly do: "watch" }
  /** Opens the old user's own connection, by which its sessions can be ended later (rule R8). */
  | { readonly do: "attach"; readonly id: number }
  /** Those that have been idle for so long; with null all. */
  | { readonly do: "terminate"; readonly id: number; readonly idleFor: number | null }
  /** Nothing to be done outside: the time itself has decided. Handed back to `advance` as it is. */
  | { readonly do: "note"; readonly outcome: Outcome }
  | { readonly do: "wait"; readonly until: number }
  | { readonly do: "done" };

/** The times and grants of a read or an adoption. */
export type Grant = Omit<Held, "id" | "validUntil" | "renewals" | "renewFailures" | "verified">;

export interface SeenRole {
  readonly id: number;
  readonly sessions: number;
  /** How many of them had not been there at the look before. */
  readonly opened: number;
  readonly validFor: number | null;
  /** Objects that the role owns. */
  readonly owned: number;
}

export type Outcome =
  /** A read is about to be made: nothing may be called finished before it is answered (rule M2). */
  | { readonly is: "reading" }
  /** So many requests to the server may be made now. */
  | { readonly is: "asking"; readonly requests: number }
  | { readonly is: "read"; readonly grant: Grant }
  | {
      readonly is: "read failed";
      readonly mayHaveIssued: boolean;
      readonly error: string;
      readonly retryAfter?: number;
    }
  | {
      readonly is: "adopted";
      readonly grant: Grant;
      readonly stage: "current" | "retiring";
      /** null for what was never published, and has no users therefore. */
      readonly publishedAt: number | null;
    }
  | {
      readonly is: "renewed";
      readonly id: number;
      readonly expiry: number;
      readonly horizon: number;
      readonly renewAt: number;
    }
  | {
      readonly is: "renewal failed";
      readonly id: number;
      readonly verdict: "lost" | "kept" | "ended" | "unknown";
      readonly error: string;
      readonly expiry?: number;
      readonly retryAfter?: number;
    }
  /** The max TTL was asked for; without an answer nothing is known, and the first shortened renewal will tell. */
  | {
      readonly is: "probed";
      readonly id: number;
      readonly found: { readonly expiry: number; readonly horizon: number } | null;
    }
  /** Our clock has jumped forward by so much. */
  | { readonly is: "clock jumped"; readonly ahead: number }
  /** What the server gives it still, by the lookup that was sent then; 0 where it has ended, null where nobody could say. */
  | { readonly is: "looked up"; readonly id: number; readonly sentAt: number; readonly left: number | null }
  /** Others are waited for: it is asked later. */
  | { readonly is: "probe put off"; readonly id: number; readonly until: number }
  /** Its times have changed. `asked`: how long it can live is not the last word yet. */
  | {
      readonly is: "token renewed";
      readonly token: number;
      readonly expiry: number;
      readonly horizon: number;
      readonly asked: boolean;
    }
  | { readonly is: "token lost"; readonly token: number }
  /** What was read with it ends when it does now. */
  | { readonly is: "renewals forbidden"; readonly token: number }
  | { readonly is: "verified"; readonly id: number; readonly validFor: number | null; readonly blind?: boolean }
  | {
      readonly is: "verification failed";
      readonly id: number;
      readonly blames: "credential" | "privilege" | "server";
      readonly error: string;
    }
  | { readonly is: "verification given up"; readonly id: number }
  /** How long it can live is not known in time. */
  | { readonly is: "horizon given up"; readonly id: number }
  /** The databases are asked through other connections than before. */
  | { readonly is: "reconnected" }
  /** Other templates than before. */
  | { readonly is: "templates changed" }
  | { readonly is: "published"; readonly id: number; readonly tell: boolean }
  /** Infinity where nobody knows until when. */
  | { readonly is: "publish waits"; readonly id: number; readonly until: number }
  | { readonly is: "publish failed"; readonly id: number; readonly error: string }
  | { readonly is: "notified"; readonly id: number }
  | {
      readonly is: "notify failed";
      readonly id: number;
      readonly permanent: boolean;
      readonly failures: readonly { readonly kind: string; readonly target: string; readonly error: string }[];
    }
  | {
      readonly is: "watched";
      readonly roles: readonly SeenRole[];
    }
  | { readonly is: "watch failed"; readonly error: string }
  | { readonly is: "attached"; readonly id: number }
  | { readonly is: "attach failed"; readonly id: number; readonly error: string }
  | { readonly is: "not listening" }
  | { readonly is: "listening" }
  /** The application is to be told again, because of this one. */
  | { readonly is: "reminded"; readonly id: number }
  | { readonly is: "terminated"; readonly id: number; readonly which: "idle" | "all" }
  | { readonly is: "release asked"; readonly id: number }
  | {
      readonly is: "release failed";
      readonly id: number;
      readonly error: string;
      readonly retryAfter?: number;
    }
  | { readonly is: "released"; readonly id: number }
  | { readonly is: "drained"; readonly id: number }
  | { readonly is: "expired"; readonly id: number }
  | { readonly is: "left"; readonly id: number }
  | { readonly is: "woken" }
  /** `hasty` gives the old one back without waiting for its last sessions. */
  | { readonly is: "rotation asked"; readonly hasty?: boolean }
  /** No template asks for it any more, and their files have been written without it; or one does again. */
  | { readonly is: "unasked" }
  | { readonly is: "asked again" }
  | { readonly is: "stop"; readonly stopping: Stopping };
