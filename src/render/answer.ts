/** Vault's answer to a read, as text, into a secret: for secrets that come from a file instead of a server. */
import { JsonNumber, type JsonValue, parseJson } from "../json.ts";
import { Sensitive } from "../sensitive.ts";
import type { VaultAuth, VaultSecret, VaultWrapInfo } from "../vault/secret.ts";

type JsonObject = { readonly [key: string]: JsonValue };

/** Throws SyntaxError where the text is no JSON object. */
export function readAnswer(body: string): VaultSecret {
  const answer = parseJson(body);
  if (!isObject(answer)) throw new SyntaxError("not a JSON object");
  return secretOfAnswer(answer);
}

export function secretOfAnswer(answer: JsonObject): VaultSecret {
  return {
    requestId: text(answer.request_id),
    lease: {
      id: text(answer.lease_id),
      durationSeconds: number(answer.lease_duration),
      renewable: answer.renewable === true,
    },
    data: new Sensitive(object(answer.data)),
    warnings: texts(answer.warnings),
    auth: authOf(object(answer.auth)),
    wrapInfo: wrapInfoOf(object(answer.wrap_info)),
  };
}

/** The `keys` of Vault's answer to a LIST. */
export function keysOfAnswer(answer: JsonObject): readonly string[] {
  return texts(object(answer.data)?.keys);
}

export function isObject(value: JsonValue | undefined): value is { [key: string]: JsonValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber);
}

function authOf(auth: JsonObject | null): VaultAuth | null {
  if (auth === null) return null;
  const metadata = Object.entries(object(auth.metadata) ?? {}).map(([key, value]) => [key, text(value)] as const);
  return {
    token: new Sensitive(text(auth.client_token)),
    accessor: new Sensitive(text(auth.accessor)),
    policies: texts(auth.policies),
    metadata: Object.fromEntries(metadata),
    durationSeconds: number(auth.lease_duration),
    renewable: auth.renewable === true,
    type: text(auth.token_type) === "batch" ? "batch" : "service",
    orphan: auth.orphan === true,
    numUses: number(auth.num_uses),
  };
}

function wrapInfoOf(info: JsonObject | null): VaultWrapInfo | null {
  if (info === null) return null;
  return {
    token: new Sensitive(text(info.token)),
    accessor: new Sensitive(text(info.accessor)),
    ttlSeconds: number(info.ttl),
    creationTime: text(info.creation_time),
    creationPath: text(info.creation_path),
    wrappedAccessor: new Sensitive(text(info.wrapped_accessor)),
  };
}

function object(value: JsonValue | undefined): JsonObject | null {
  return isObject(value) ? value : null;
}

function text(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

function texts(value: JsonValue | undefined): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

function number(value: JsonValue | undefined): number {
  return value instanceof JsonNumber ? Math.trunc(value.toNumber()) : 0;
}
