/** The recorded exchanges of a real server, and how an answer is compared with one of them. */
import { readFileSync } from "node:fs";
import { sharedFile } from "../support/shared.ts";

export interface Exchange {
  readonly name: string;
  readonly note?: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: unknown;
  };
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: unknown;
  };
}

/** Not an exchange: a number of rows that was counted. */
export interface Count {
  readonly name: string;
  readonly value: number;
}

export function recordings(file: string): readonly (Exchange | Count)[] {
  return JSON.parse(readFileSync(sharedFile("recordings", file), "utf8")) as (Exchange | Count)[];
}

/** What was recorded under a name, and what the server here gave in its place. */
export type Substitutions = Map<string, string>;

/**
 * Every difference between a recorded value and the one that came, as `path: recorded, came`. Identifiers, times and
 * generated texts are equal when they have the same shape and stand for the same thing wherever they stand.
 */
export function differences(recorded: unknown, came: unknown, known: Substitutions, path = "body"): string[] {
  const differs = [`${path}: recorded ${JSON.stringify(recorded)}, came ${JSON.stringify(came)}`];
  if (typeof recorded === "string" && typeof came === "string") return sameText(recorded, came, known) ? [] : differs;
  if (typeof recorded === "number" && typeof came === "number")
    return sameNumber(recorded, came, path.split(".").at(-1)!) ? [] : differs;
  if (Array.isArray(recorded) && Array.isArray(came)) {
    if (recorded.length !== came.length) return differs;
    return recorded.flatMap((item, index) => differences(item, came[index], known, `${path}.${index}`));
  }
  if (isObject(recorded) && isObject(came)) {
    const [wanted, given] = [Object.keys(recorded), Object.keys(came)];
    if (wanted.join() !== given.join()) return [`${path}: keys recorded ${wanted.join()}, came ${given.join()}`];
    return wanted.flatMap((key) => differences(recorded[key], came[key], known, `${path}.${key}`));
  }
  return recorded === came ? [] : differs;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function sameText(recorded: string, came: string, known: Substitutions): boolean {
  if (recorded === "<PEM private key>") return /^-----BEGIN EC PRIVATE KEY-----\n/.test(came);
  const before = known.get(recorded);
  if (before !== undefined) return came === before;
  const shape = GENERATED.find((pattern) => pattern.test(recorded));
  if (!shape) return withoutAddresses(recorded) === withoutAddresses(came);
  known.set(recorded, came);
  return shape.test(came);
}

/** The first that a recorded text fits is the one that the text here must fit. */
const GENERATED = [
  /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
  /^s\.[A-Za-z0-9]{24}$/,
  /^b\.AAAAAQ[\w-]{136}$/,
  /^database\/creds\/(pg-role|pg-short)\/[A-Za-z0-9]{24}$/,
  /^v-kubernet-pg-role-[A-Za-z0-9]{20}-\d{10}$/,
  /^v-kubernet-pg-short-[A-Za-z0-9]{20}-\d{10}$/,
  /^v-token-pg-role-[A-Za-z0-9]{20}-\d{10}$/,
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/,
  /^kv_[0-9a-f]{8}$/,
  /^vault-cluster-[0-9a-f]{8}$/,
  /^[0-9a-f]{2}(:[0-9a-f]{2}){19}$/,
  /^-----BEGIN CERTIFICATE-----\n[\w+/=\n]+\n-----END CERTIFICATE-----$/,
  /^[A-Za-z0-9]{24}$/,
  /^[A-Za-z0-9-]{20}$/,
];

function withoutAddresses(text: string): string {
  return text.replace(/\d+\.\d+\.\d+\.\d+(:\d+)?/g, "ADDRESS");
}

/** Seconds since 1970 differ; what is left of a life may have been counted on the other side of a second. */
function sameNumber(recorded: number, came: number, key: string): boolean {
  if (recorded > 1_700_000_000) return came > 1_700_000_000 && Number.isInteger(came);
  return key === "ttl" ? Math.abs(recorded - came) <= 1 : recorded === came;
}
