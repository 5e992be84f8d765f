/** From the text that a server answered to what the program knows; pure. Whatever comes, it is an answer or an error. */
import { VaultError } from "../errors.ts";
import { JsonLimitError, JsonNumber, type JsonValue, parseJson } from "../json.ts";
import type { HttpResponse } from "../ports.ts";
import { Sensitive } from "../sensitive.ts";
import type { VaultAuth, VaultSecret, VaultWrapInfo } from "./secret.ts";

type JsonObject = { readonly [key: string]: JsonValue };

/**
 * The answer's object; null for 202 (queued), 204 and a 404 without data.
 * @param now when it came
 * @throws VaultError for every other status and for what is not a JSON object. Never quotes the body.
 */
export function readAnswer(response: HttpResponse, what: string, now: number): JsonObject | null {
  const body = parsed(response.body);
  if (response.status === 202 || response.status === 204) return null;
  if (response.status === 200) {
    if (body !== null) return body;
    throw garbage(response, what);
  }
  if (response.status === 404 && body !== null && (list(body.errors).length === 0 || isObject(body.data))) return null;
  throw refusal(response, body, what, now);
}

/** An answer that says yes and is not what was asked for: nothing may be concluded from it. */
export function strange(what: string, looks: string): VaultError {
  return new VaultError(200, `${what}: the answer is ${looks}`, [], undefined, {
    hint: "is there a proxy in between, or another service at that address?",
  });
}

export function secretFrom(body: JsonObject): VaultSecret {
  return {
    requestId: text(body.request_id),
    lease: {
      id: text(body.lease_id),
      durationSeconds: seconds(body.lease_duration),
      renewable: body.renewable === true,
    },
    data: new Sensitive(isObject(body.data) ? body.data : null),
    warnings: list(body.warnings).map(text),
    auth: isObject(body.auth) ? authFrom(body.auth) : null,
    wrapInfo: isObject(body.wrap_info) ? wrapInfoFrom(body.wrap_info) : null,
  };
}

function authFrom(auth: JsonObject): VaultAuth {
  return {
    token: new Sensitive(text(auth.client_token)),
    accessor: new Sensitive(text(auth.accessor)),
    policies: list(auth.policies).map(text),
    metadata: isObject(auth.metadata)
      ? Object.fromEntries(Object.entries(auth.metadata).map(([key, value]) => [key, text(value)]))
      : {},
    durationSeconds: seconds(auth.lease_duration),
    renewable: auth.renewable === true,
    type: auth.token_type === "batch" ? "batch" : "service",
    orphan: auth.orphan !== false,
    numUses: seconds(auth.num_uses),
  };
}

function wrapInfoFrom(info: JsonObject): VaultWrapInfo {
  return {
    token: new Sensitive(text(info.token)),
    accessor: new Sensitive(text(info.accessor)),
    ttlSeconds: seconds(info.ttl),
    creationTime: text(info.creation_time),
    creationPath: text(info.creation_path),
    wrappedAccessor: new Sensitive(text(info.wrapped_accessor)),
  };
}

/** As the server spells it, for whoever is to unwrap it. */
export function wrapInfoText(info: VaultWrapInfo): string {
  const text = JSON.stringify({
    token: info.token.reveal(),
    accessor: info.accessor.reveal(),
    ttl: info.ttlSeconds,
    creation_time: info.creationTime,
    creation_path: info.creationPath,
    wrapped_accessor: info.wrappedAccessor.reveal(),
  });
  return `${text}\n`;
}

/** What a duration of the server's can hold: 292 years. */
const LONGEST_SECONDS = 9_223_372_036;

/** A whole number of seconds, 0 for anything that is none: garbage must not become NaN in a time, nor an end that never comes. */
export function seconds(value: JsonValue | undefined): number {
  const number = value instanceof JsonNumber ? value.toNumber() : Number.NaN;
  return number > 0 && number <= LONGEST_SECONDS ? Math.floor(number) : 0;
}

/**
 * A length of time on which the end of a token or a lease depends. What is none is not taken for one that is over, nor for
 * one without an end: what is held would be replaced at once, and again and again, or never.
 * @throws VaultError
 */
export function expectSeconds(value: JsonValue | undefined, what: string, name: "duration" | "ttl"): number {
  const number = value instanceof JsonNumber ? value.toNumber() : Number.NaN;
  if (Number.isInteger(number) && number >= 0 && number <= LONGEST_SECONDS) return number;
  throw strange(what, `without a ${name}`);
}

export function isObject(value: JsonValue | undefined): value is { [key: string]: JsonValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber);
}

function refusal(response: HttpResponse, body: JsonObject | null, what: string, now: number): VaultError {
  const errors = list(body?.errors).map((error) => text(error).replace(/\s+/g, " ").trim());
  const words =
    errors.length > 0
      ? errors.join("; ")
      : body === null && response.body !== ""
        ? "an answer that is not Vault's"
        : "no reason given";
  const hint = hintFor(response, errors);
  return new VaultError(
    response.status,
    `${what}: ${response.status} ${words}`,
    errors,
    retryAfter(response, now),
    hint === undefined ? {} : { hint },
  );
}

function garbage(response: HttpResponse, what: string): VaultError {
  return strange(
    what,
    /^\s*</.test(response.body) ? "HTML" : (limitOf(response.body) ?? "something that is not a JSON object"),
  );
}

function hintFor(response: HttpResponse, errors: readonly string[]): string | undefined {
  const said = errors.join(" ");
  if (response.status >= 300 && response.status < 400)
    return "one redirect is followed within the server, and none to another one, because the token would go with it; set vault.address to the active node or a load balancer";
  if (/sealed/i.test(said)) return "Vault is sealed; somebody has to unseal it";
  if (/invalid role name/.test(said)) return "the auth method has no such role; check auto_auth.method.config.role";
  if (/namespace not authorized|service account name not authorized/.test(said))
    return "the role is not bound to this pod's service account";
  if (response.status === 403) return "the token's policies do not allow it, or the token has ended";
  if (response.status === 429) return "a rate limit of the server; waiting";
  if (response.status === 412) return "this node does not know yet what another has written; asked again";
  if (response.status === 472)
    return "a disaster recovery secondary, which serves nobody; set vault.address to the primary";
  if (response.status === 473)
    return "a standby that does not forward requests; set vault.address to the active node or a load balancer";
  if (/no handler for route/.test(said)) return "nothing is mounted there; check the path";
  if (/unknown role/.test(said)) return "the secrets engine has no such role; check the path in the template";
  if (/not an allowed role/.test(said)) return "add the role to allowed_roles of its database connection";
  return HINTS_BY_STATUS[response.status];
}

/** Where the server's words say no more than that it will not. */
const HINTS_BY_STATUS: Readonly<Record<number, string>> = {
  400: "Vault's log and its audit log have the request and the reason",
  500: "Vault's log has the reason; of a database user, see that Postgres is up and that the role's statements work",
  502: "a proxy or load balancer in front of Vault reaches no server",
  503: "the server is not active: it starts, or is a standby; waiting",
  504: "a proxy or load balancer in front of Vault waits in vain for it",
};

/** Two clocks of which nobody knows how far they are apart: nothing is waited for longer by that. */
const LONGEST_BY_OUR_CLOCK = 5 * 60_000;

function retryAfter(response: HttpResponse, now: number): number | undefined {
  const header = response.headers["retry-after"];
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1_000;
  const date = Date.parse(header);
  if (Number.isNaN(date)) return undefined;
  // By the clock of whoever says it, which its answer tells; else by ours.
  const said = Date.parse(response.headers.date ?? "");
  return Math.max(0, Number.isNaN(said) ? Math.min(date - now, LONGEST_BY_OUR_CLOCK) : date - said);
}

/** What is too much of it; undefined for what is no JSON at all. */
function limitOf(text: string): string | undefined {
  try {
    parseJson(text);
  } catch (error) {
    if (error instanceof JsonLimitError) return `JSON of more than is read: ${error.message}`;
  }
  return undefined;
}

function parsed(text: string): JsonObject | null {
  try {
    const value = parseJson(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** A text, or a number in its own spelling; empty for anything else. */
export function text(value: JsonValue | undefined): string {
  if (value instanceof JsonNumber) return value.text;
  return typeof value === "string" ? value : "";
}

/** Empty for anything else. */
export function list(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}
