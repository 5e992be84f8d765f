/** What is known of one path's credential: the shapes that lifecycle.ts walks over. No secret is in here. */
import type { Ends } from "../vault/secret.ts";

/** How one credential is to be looked after; all durations in milliseconds. */
export interface Policy {
  /** null is not known. */
  readonly connectionMaxLifetime: number | null;
  readonly readerGrace: number;
  readonly longestUse: number;
  readonly preparation: number;
  readonly hearing: number;
  readonly margin: number;
  readonly quietPeriod: number;
  /** null: as many as the TTLs need, and a few that nobody has planned. */
  readonly maxNewPerHour: number | null;
  /** Whether the max TTL is asked for right after the read. */
  readonly probe: boolean;
  /** What is published says how long it can live at most: that is asked for first. */
  readonly printsHorizon: boolean;
  /** Candidates are logged in with before they are published. */
  readonly verifies: boolean;
  /** Sessions can be seen, so that hearing and draining are observed rather than waited out. */
  readonly observes: boolean;
  /** Sessions of a retiring user that outstay their time are ended. */
  readonly terminates: boolean;
  /** What is done before a retiring credential ends that the application still uses. */
  readonly escalate: readonly ("notify" | "idle" | "all")[];
  /** There is somebody to tell. */
  readonly notifies: boolean;
  /** How long a secret is good for that does not say it. */
  readonly staticInterval: number;
  /** From 0 to 1: the part of its time after which a secret that cannot be renewed is read again. */
  readonly renewalThreshold: number;
  /** From 0 to 1, the same for the life of the pod: spreads a fleet. */
  readonly jitter: number;
}

/** A lease with the data that was read under it; the data itself stays with the keeper, under `id`. */
export interface Held {
  /** Our own number for it, rising. */
  readonly id: number;
  /** The server's name for it; empty for a secret without a lease. */
  readonly lease: string;
  readonly user: string | null;
  readonly readAt: number;
  /** As granted at the read. */
  readonly duration: number;
  /** When the lease ends if it is not renewed; Infinity without a lease. */
  readonly expiry: number;
  /** What no renewal of the lease can pass: its max TTL once that is known; Infinity until then. */
  readonly horizon: number;
  readonly renewable: boolean;
  /** When it is to be read again, where nothing but its own word for it counts; absent where its horizon does. */
  readonly rereadAt?: number;
  /** The token that it was read with: its number, and its own expiry and horizon. */
  readonly token: number;
  readonly tokenExpiry: number;
  readonly tokenHorizon: number;
  /** How long that can live is being asked for still: until then its horizon may be too late. */
  readonly tokenAsked?: boolean;
  /** Until when Postgres accepts new logins, where that was seen and is sooner than the lease (rule M5). */
  readonly validUntil: number;
  /** When its max TTL is to be asked for (rule M1); Infinity when it is known, or not to be asked for. */
  readonly probeAt: number;
  /** When the next renewal is due; Infinity when none is. */
  readonly renewAt: number;
  readonly renewals: number;
  readonly renewFailures: number;
  readonly verified: boolean;
  /** Its sessions are not shown to us (rule M12). */
  readonly blind?: boolean;
  /** What templates print of its end; absent until it may be published, and for what has no lease. */
  readonly ends?: Ends;
  /** Objects that it was seen to own: while there are any it cannot be dropped (rule M6). */
  readonly owned?: number;
}

export interface Candidate extends Held {
  /** `horizon`: waits until it is known how long it can live, which is to be printed. */
  readonly step: "verify" | "horizon" | "publish";
  readonly failures: number;
  readonly failingSince: number | null;
  readonly retryAt: number;
}

export interface Current extends Held {
  readonly publishedAt: number;
  /** When the application was first known to have taken it. */
  readonly heardAt: number | null;
  /** Telling it: null when there is nothing (more) to tell. */
  readonly telling: { readonly failures: number; readonly retryAt: number } | null;
  /** How often it was told again though it had answered. */
  readonly reminders: number;
  readonly sessions: number | null;
}

export interface Retiring extends Held {
  /** `check`: a release was asked for and is not yet seen to be done. After that no way leads back (rule W7). */
  readonly step: "drain" | "release" | "check";
  readonly publishedAt: number | null;
  /** When its successor was published. */
  readonly replacedAt: number;
  /** When the application was known to have taken a successor. */
  readonly heardAt: number | null;
  /** Since when every look has shown no session, and how many looks that were. */
  readonly quiet: { readonly since: number; readonly looks: number } | null;
  readonly sessions: number | null;
  /** When a session of it was seen that had been opened though a listening application uses its successor by then. */
  readonly lateAt: number | null;
  /** When the application was last told again because of it. */
  readonly remindedAt: number | null;
  /** A connection of its own is open, by which its sessions can be ended (rule R8). */
  readonly attached: boolean;
  /** It is given back without waiting for its last sessions: its password is known to somebody. */
  readonly hasty: boolean;
  readonly ended: "none" | "idle" | "all";
  /** When idle sessions of it were last looked for, to be ended. */
  readonly sweptAt: number | null;
  readonly failures: number;
  readonly retryAt: number;
}

export interface State {
  readonly candidate: Candidate | null;
  readonly current: Current | null;
  readonly retiring: readonly Retiring[];
  readonly nextId: number;
  /** `unclear`: one of these failures may have made a user. */
  readonly read: { readonly failures: number; readonly retryAt: number; readonly unclear: boolean };
  /** A read is under way. */
  readonly reading: boolean;
  /** When users were (or may have been) made within the last hour: the budget; and those that no TTL has asked for. */
  readonly issued: readonly number[];
  readonly unplanned: readonly number[];
  /** When candidates were refused by Postgres within the last hour. */
  readonly rejected: readonly number[];
  /** Why a rotation is due now whatever the times say. */
  readonly wanted: Wanted | null;
  /** No template asks for it any more: what is held goes the way of what is replaced, and nothing is read. */
  readonly unasked: boolean;
  /** What is replaced next is not to be drained, but ended. */
  readonly hasty: boolean;
  /** When the sessions are looked at next, if anybody wants to know. */
  readonly watchAt: number;
  /** One look is wanted even so: whether the renewal has moved VALID UNTIL. */
  readonly look: boolean;
  readonly watchFailures: number;
  /** Since when the application is known to go on with an old credential; null while it listens. */
  readonly deafSince: number | null;
  /** While the server refuses: what bounds the requests to it; null while it does not. */
  readonly trouble: Trouble | null;
  readonly rotations: number;
  /** When our clock was seen to have jumped forward; null once the server has said what that means (rule M13). */
  readonly jumpedAt: number | null;
  readonly stopping: Stopping | null;
}

/** While the server refuses: what bounds the requests to it (trouble.ts). */
export interface Trouble {
  /** Since when something has failed without a success of its kind. */
  readonly since: number;
  /** Reads fail. */
  readonly reads: boolean;
  /** Renewals, releases or questions about leases fail. */
  readonly leases: boolean;
  /** When requests were made, those that still count. */
  readonly asked: readonly number[];
}

export type Wanted = "lost" | "renewals ended" | "asked for" | "rejected";

export interface Stopping {
  readonly at: number;
  readonly until: number;
  /** `never` leaves everything as it is: init mode, or release_on_exit = "never". */
  readonly release: "drained" | "always" | "never";
}

export const NOTHING_YET: State = {
  candidate: null,
  current: null,
  retiring: [],
  nextId: 1,
  read: { failures: 0, retryAt: 0, unclear: false },
  reading: false,
  issued: [],
  unplanned: [],
  rejected: [],
  wanted: null,
  unasked: false,
  hasty: false,
  watchAt: 0,
  look: false,
  watchFailures: 0,
  deafSince: null,
  trouble: null,
  rotations: 0,
  jumpedAt: null,
  stopping: null,
};

/** Everything that is held, in the order in which it would be missed. */
export function allHeld(state: State): readonly Held[] {
  return [state.current, state.candidate, ...state.retiring].filter((held) => held !== null);
}

export function isRetiring(held: Held): held is Retiring {
  return "replacedAt" in held;
}

/** That no session is seen is a proof only where sessions are shown (rule M12). */
export function isSeen(one: Retiring, policy: Policy): boolean {
  return policy.observes && one.blind !== true;
}

const HOUR = 3_600_000;

/** The times that still count for a budget by the hour. */
export function withinTheHour(times: readonly number[], now: number): readonly number[] {
  return times.filter((time) => time > now - HOUR);
}
