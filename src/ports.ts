/**
 * The ports through which everything outside the program is reached. Each is shaped like Node's own function, so
 * that the production adapter is Node itself and tests can fail, freeze or record a call.
 *
 * Every time and duration in this program is a number of milliseconds unless its name ends in `Seconds`.
 */
import type { spawn } from "node:child_process";
import type * as fs from "node:fs/promises";
import type { CommandConfig } from "./config/types.ts";
import type { LesseeEvent } from "./events.ts";
import type { Sensitive } from "./sensitive.ts";

export interface Clock {
  /** Milliseconds since 1970. Never goes backward; after a suspension it has advanced by the time slept. */
  now(): number;
  /** How much of that advance nobody has seen pass, since the beginning: the machine has slept, or the clock was set. */
  skipped?(): number;
  /** Resolves at `until`, or as soon as `signal` aborts; never rejects and never resolves early otherwise. */
  sleep(until: number, signal: Alarm): Promise<void>;
}

/** What wakes a sleeper: an AbortSignal, or something lighter that tells of its end in the same way. */
export interface Alarm {
  readonly aborted: boolean;
  addEventListener(name: "abort", listener: () => void, options?: { readonly once: boolean }): void;
  removeEventListener(name: "abort", listener: () => void): void;
}

/** A number from 0 (inclusive) to 1 (exclusive), as Math.random. */
export type Random = () => number;

export type Files = Pick<
  typeof fs,
  | "chmod"
  | "chown"
  | "link"
  | "lstat"
  | "mkdir"
  | "open"
  | "readdir"
  | "readFile"
  | "readlink"
  | "rename"
  | "rm"
  | "stat"
  | "symlink"
  | "unlink"
>;

export type Spawn = typeof spawn;

/** As process.kill: signal 0 only asks whether the process may be signalled; throws EPERM or ESRCH. */
export type Kill = (pid: number, signal: NodeJS.Signals | 0) => true;

/**
 * Runs a command of the configuration with `env` added to its environment. Resolves with the end of its output when it
 * exits with 0; rejects with a LesseeError (code `command`) that says how it ended. The output may hold secrets.
 */
export type RunCommand = (
  command: CommandConfig,
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
) => Promise<string>;

export interface HttpRequest {
  readonly method: string;
  /** Absolute; `https:`, `http:` or `unix:/path/to.sock:/path`. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** For the whole exchange, from connecting to the last byte of the answer. */
  readonly timeout: number;
  readonly signal?: AbortSignal;
  /** Who asks, where it is not who asks usually. */
  readonly identity?: TlsIdentity;
}

/** A client certificate and the authority to check the server by, as PEM; what is absent is as it is usually. */
export interface TlsIdentity {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: Sensitive<string>;
}

export interface HttpResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body as it came, decoded as UTF-8. */
  readonly body: string;
}

/** One exchange, without retry and without following a redirect. Rejects with a TransportError. */
export type Transport = (request: HttpRequest) => Promise<HttpResponse>;

/** The Kubernetes API as far as a pod may use it; paths begin with `/api`. Failures are KubernetesErrors. */
export interface KubernetesApi {
  get(path: string, signal: AbortSignal): Promise<unknown>;
  create(path: string, body: object, signal: AbortSignal): Promise<void>;
  /** What changes, as it comes; ends when the server ends it, and rejects when it is cut. */
  watch(path: string, signal: AbortSignal): AsyncIterable<WatchEvent>;
}

export interface WatchEvent {
  readonly type: string;
  readonly object: unknown;
}

/** Observers never answer back: whatever they do, the one that emits goes on. */
export type Emit = (event: LesseeEvent) => void;

/** Resolves to what gives the name back; null where another process has it. */
export type Claim = (name: string) => Promise<(() => Promise<void>) | null>;

/** What `main.ts` hands to the program: the outside world, whole. */
export interface World {
  readonly clock: Clock;
  readonly random: Random;
  readonly files: Files;
  readonly spawn: Spawn;
  readonly kill: Kill;
  readonly claim: Claim;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  readonly uid: number;
  readonly stdin: AsyncIterable<string | Uint8Array>;
  readonly stdout: { write(text: string | Uint8Array): unknown; readonly isTTY?: boolean };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
}

/** A user of the database as the credential has it. */
export interface DatabaseUser {
  readonly username: string;
  readonly password: Sensitive<string>;
}

/** What a test login found out. */
export interface Verification {
  /** The role's oid on each server, in the order of the `postgres` blocks. Sessions are counted by it (rule W4). */
  readonly oids: readonly number[];
  /** `rolvaliduntil − now()` by Postgres' own clock, the smallest over all servers; null is without end (rule M5). */
  readonly validFor: number | null;
  /** It may create tables in a schema of its search path, and they would be its own (rule M6). */
  readonly ownsWhatItCreates: boolean;
  /** Not even our own session is shown: that none is seen proves nothing (rule M12). */
  readonly blind: boolean;
  /** Things worth saying. */
  readonly warnings: readonly string[];
  /** That there is too little room for a second generation of sessions, where it is so (rule M7). */
  readonly room: readonly string[];
}

export interface WatchedRole {
  readonly username: string;
  readonly oids: readonly number[];
}

export interface RoleSessions {
  readonly username: string;
  /** Over all servers, ours left out. */
  readonly sessions: number;
  /** How many of them were not there at the look before; 0 at the first. */
  readonly opened: number;
  /** False when the role is gone on every server. */
  readonly exists: boolean;
  /** Tables, views and sequences that the role owns: while there are any it cannot be dropped (rule M6). */
  readonly owned: number;
  /** The first of them, as `public.orders`. */
  readonly ownedNames: readonly string[];
  /** As in Verification. */
  readonly validFor: number | null;
}

/** Another user with an end, as Vault makes them. */
export interface OtherUser {
  readonly username: string;
  readonly sessions: number;
  /** As of RoleSessions. */
  readonly owned: number;
  readonly ownedNames: readonly string[];
}

/** The servers of one credential's `postgres` blocks. Failures are DatabaseErrors. */
export interface Databases {
  /** Logs in on every server, runs the verify query, looks at the role. */
  verify(user: DatabaseUser, signal: AbortSignal): Promise<Verification>;
  /** Asks, logged in as `as`, about the sessions of every role in `roles`. */
  sessions(as: DatabaseUser, roles: readonly WatchedRole[], signal: AbortSignal): Promise<readonly RoleSessions[]>;
  /** As `room` of a Verification, by the sessions that `as` has at this moment. */
  room(as: DatabaseUser, signal: AbortSignal): Promise<readonly string[]>;
  /** Asks, logged in as `as`, about all other users with an end that own something or have sessions. */
  others(as: DatabaseUser, signal: AbortSignal): Promise<readonly OtherUser[]>;
  /** Opens the user's own connections and keeps them until `forget`: later no login may be possible (rule R8). */
  attach(user: DatabaseUser, signal: AbortSignal): Promise<void>;
  /** Closes all that is open as this user. */
  forget(username: string): Promise<void>;
  /** Ends the user's own sessions, as that user: those that have been idle for so long, with null all. Tells how many. */
  terminate(user: DatabaseUser, idleFor: number | null, signal: AbortSignal): Promise<number>;
  close(): Promise<void>;
}

/** What the application is told about. */
export interface CredentialChange {
  readonly path: string;
  readonly username: string | undefined;
  readonly leaseId: string;
  /** The files that were written. */
  readonly files: readonly string[];
  /** When the previous credential ends at the latest. */
  readonly previousEnds: number | undefined;
  /** It was told before, and has not heard. */
  readonly again?: boolean;
}

/** One way of telling the application. Telling it twice must do no harm. */
export interface Notifier {
  readonly kind: "signal" | "http" | "exec" | "file";
  /** For logs: `signal SIGHUP to tsb`. */
  readonly target: string;
  /** Resolves when the application was told; rejects with a NotifyError. */
  notify(change: CredentialChange, signal: AbortSignal): Promise<void>;
}
