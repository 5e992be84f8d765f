/** The errors that leave a part of the program. Each says what happened, where, and what to do (`hint`). */
import { drawing, type Excerpt } from "./render/excerpt.ts";
import type { Asked } from "./render/template.ts";

export interface ErrorDetails {
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

export class LesseeError extends Error {
  /** Stable and greppable: the row of the table in docs/troubleshooting.md. */
  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = details.hint;
  }
}

/** One fault of a configuration: where it stands and what was expected. */
export interface Fault {
  readonly file: string;
  /** From 1; absent where a fault has no place, as in the merged whole. */
  readonly line?: number;
  readonly message: string;
  readonly hint?: string;
  /** The place in the text of a template. */
  readonly excerpt?: Excerpt | undefined;
}

/** A configuration that cannot be used, with every fault that was found, and what would have been a warning. */
export class ConfigError extends LesseeError {
  readonly faults: readonly Fault[];
  readonly warnings: readonly Fault[];

  constructor(faults: readonly Fault[], warnings: readonly Fault[] = []) {
    super("config", faults.map(formatFault).join("\n"));
    this.faults = faults;
    this.warnings = warnings;
  }
}

/** The exchange did not take place, or not wholly: no answer can be relied on. */
export class TransportError extends LesseeError {
  /** `never sent` means that the server surely did nothing; after `unknown` it may have acted. */
  readonly effect: "never sent" | "unknown";

  constructor(code: string, message: string, effect: "never sent" | "unknown", details: ErrorDetails = {}) {
    super(code, message, details);
    this.effect = effect;
  }
}

/** The server answered, and the answer is an error. */
export class VaultError extends LesseeError {
  readonly status: number;
  /** The server's own words, all of them. */
  readonly errors: readonly string[];
  /** From `Retry-After`, if the server named one. */
  readonly retryAfter: number | undefined;

  constructor(
    status: number,
    message: string,
    errors: readonly string[],
    retryAfter?: number,
    details: ErrorDetails = {},
  ) {
    super(`vault-${status}`, message, details);
    this.status = status;
    this.errors = errors;
    this.retryAfter = retryAfter;
  }
}

/** Postgres refused, or could not be reached. What it means for the credential is in `blames` (rule W9). */
export class DatabaseError extends LesseeError {
  /**
   * `credential`: the user or its password is refused (28P01, 28000 for a role that is gone);
   * `privilege`: the login works and the verify query is forbidden (42501);
   * `server`: anything that a new user would not cure (53xxx, 57P03, 08xxx, network, TLS, pg_hba, missing database).
   */
  readonly blames: "credential" | "privilege" | "server";
  readonly sqlstate: string | undefined;

  constructor(
    blames: "credential" | "privilege" | "server",
    message: string,
    sqlstate?: string,
    details: ErrorDetails = {},
  ) {
    super("postgres", message, details);
    this.blames = blames;
    this.sqlstate = sqlstate;
  }
}

/** The application could not be told. */
export class NotifyError extends LesseeError {
  /** True where trying again cannot help until somebody changes something: EPERM, a name that matches several. */
  readonly permanent: boolean;

  constructor(message: string, permanent: boolean, details: ErrorDetails = {}) {
    super("notify", message, details);
    this.permanent = permanent;
  }
}

/** The Kubernetes API refused, or could not be asked. */
export class KubernetesError extends LesseeError {
  /** Of the answer; 0 where none came. */
  readonly status: number;
  /** From `Retry-After`, if the server named one. */
  readonly retryAfter: number | undefined;

  constructor(status: number, message: string, details: ErrorDetails = {}, retryAfter?: number) {
    super("kubernetes", message, details);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** A file could not be written. What stood there before is whole, except the files in `written`, which are the new ones. */
export class PublishError extends LesseeError {
  /** Destinations that already had their new content when the failure came: only where several files change together. */
  readonly written: readonly string[];

  constructor(message: string, written: readonly string[], details: ErrorDetails = {}) {
    super("publish", message, details);
    this.written = written;
  }
}

/** A template that does not parse or whose evaluation failed. The message names template, line and column. */
export class TemplateError extends LesseeError {
  readonly phase: "parse" | "execute";
  /** What the evaluation had asked for until then. */
  readonly asked: Asked;
  /** The line that the message names, and where in it. */
  readonly excerpt: Excerpt | undefined;

  constructor(
    phase: "parse" | "execute",
    message: string,
    details: ErrorDetails & { readonly asked?: Asked; readonly excerpt?: Excerpt | undefined } = {},
  ) {
    super(`template-${phase}`, message, details);
    this.phase = phase;
    this.asked = details.asked ?? { used: [], missing: [] };
    this.excerpt = details.excerpt;
  }
}

/** file:line: message (hint) */
export function formatFault(fault: Fault): string {
  const where = fault.line === undefined ? fault.file : `${fault.file}:${fault.line}`;
  return `${where}: ${fault.message}${fault.hint ? ` (${fault.hint})` : ""}${below(fault.excerpt)}`;
}

/** As `describe`, and below it the place in the template, where there is one. */
export function describeAtLength(error: unknown): string {
  return describe(error) + below(error instanceof TemplateError ? error.excerpt : undefined);
}

function below(excerpt: Excerpt | undefined): string {
  return excerpt === undefined ? "" : `\n${drawing(excerpt)}`;
}

/** What can be said of anything that was thrown, in one line. */
export function describe(error: unknown): string {
  if (error instanceof LesseeError) return error.hint ? `${error.message} (${error.hint})` : error.message;
  if (error instanceof AggregateError && error.errors.length > 0) return describe(error.errors[0]);
  if (error instanceof Error) return error.message || error.name;
  return String(error);
}
