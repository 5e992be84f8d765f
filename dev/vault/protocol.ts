/** What the parts of the server say to each other: a request, an answer, a refusal, a back end. */
import type { Terms } from "./durations.ts";
import type { Token } from "./tokens.ts";

export type Operation = "read" | "list" | "create" | "update" | "delete";

export interface VaultRequest {
  readonly id: string;
  readonly operation: Operation;
  /** Below `/v1/`, e.g. `database/creds/pg-role`. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: Readonly<Record<string, unknown>>;
  /** As it was sent, valid or not. */
  readonly clientToken: string | undefined;
  /** Milliseconds; set when the answer is to be wrapped. */
  readonly wrapTtl: number | undefined;
  /** Aborts when the client goes away before it has its answer. */
  readonly signal: AbortSignal;
}

/** A request that has reached its mount. */
export interface MountedRequest extends VaultRequest {
  /** Below the mount, e.g. `creds/pg-role`. */
  readonly subpath: string;
  /** With a slash at its end, e.g. `database/`. */
  readonly mount: string;
  /** Undefined on the paths that need none, as a login. */
  readonly token: Token | undefined;
}

export interface Answer {
  /** Default 200. */
  readonly status?: number;
  readonly data?: Readonly<Record<string, unknown>> | null;
  readonly warnings?: readonly string[];
  /** The data is given under a lease. */
  readonly secret?: SecretGrant;
  /** The lease that the answer is about. */
  readonly lease?: { readonly id: string; readonly seconds: number };
  /** KV 1 tells a duration without having a lease. Seconds. */
  readonly leaseDuration?: number;
  /** A login that succeeded. */
  readonly login?: LoginGrant;
  /** The token that an answer of the token store is about. */
  readonly auth?: Readonly<Record<string, unknown>>;
  /** The whole body, for the answers without the usual frame. */
  readonly bare?: Readonly<Record<string, unknown>>;
  /** Repeats the data beside the frame, as the oldest endpoints do. */
  readonly inject?: boolean;
}

/** What a lease is to be made for. `internal` comes back at renewal and revocation. */
export interface SecretGrant {
  readonly terms: Terms;
  readonly internal: Readonly<Record<string, unknown>>;
}

export interface LoginGrant {
  readonly displayName: string;
  readonly policies: readonly string[];
  readonly noDefaultPolicy: boolean;
  readonly metadata: Readonly<Record<string, string>>;
  readonly terms: Terms;
  readonly numUses: number;
  readonly type: "service" | "batch";
  /** Who it is, beyond this login: the same alias gets the same entity. */
  readonly alias: string;
  readonly role: string;
}

/** What is mounted. Null is an answer without a body (204), for a read or list that nothing is there (404). */
export interface Backend {
  readonly type: string;
  /** Paths that are answered without a token. */
  isOpen?(subpath: string): boolean;
  /** Decides between `create` and `update`; a back end without it knows only `update`. */
  exists?(subpath: string): boolean;
  handle(request: MountedRequest): Promise<Answer | null> | Answer | null;
  renewSecret?(secret: SecretGrant, increment: number, issueTime: number): Promise<Terms>;
  revokeSecret?(secret: SecretGrant): Promise<void>;
  /** The terms that the login's role has now; throws when the role is gone. */
  renewLogin?(role: string): Terms;
  /** Lets go of connections. */
  close?(): Promise<void>;
}

/** A field of a body as text; empty when it is not there. */
export function textField(body: Readonly<Record<string, unknown>>, name: string): string {
  const value = body[name];
  return value === undefined || value === null ? "" : String(value);
}

/** A field that may be a list or text with commas. */
export function listField(body: Readonly<Record<string, unknown>>, name: string): string[] {
  const value = body[name];
  if (value === undefined || value === null || value === "") return [];
  const items = Array.isArray(value) ? value.map(String) : String(value).split(",");
  return items.map((item) => item.trim()).filter((item) => item !== "");
}
