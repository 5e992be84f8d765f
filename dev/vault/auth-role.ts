/** The token settings that the roles of all auth methods share. */
import { parseDuration, type Terms, toSeconds } from "./durations.ts";
import { type LoginGrant, listField } from "./protocol.ts";
import { Refusal } from "./refusal.ts";

export interface TokenSettings {
  readonly ttl: number;
  readonly maxTtl: number;
  readonly period: number;
  readonly explicitMaxTtl: number;
  readonly policies: readonly string[];
  readonly noDefaultPolicy: boolean;
  readonly numUses: number;
  readonly type: "default" | "service" | "batch";
}

/** Fields that are absent keep what they were; the names without `token_` are the old ones. */
export function tokenSettings(
  body: Readonly<Record<string, unknown>>,
  before: TokenSettings = NO_SETTINGS,
): TokenSettings {
  const duration = (names: readonly string[], old: number) => {
    const name = names.find((candidate) => body[candidate] !== undefined);
    return name === undefined ? old : (parseDuration(body[name]) ?? 0);
  };
  const policies = ["token_policies", "policies"].find((name) => body[name] !== undefined);
  const settings: TokenSettings = {
    ttl: duration(["token_ttl", "ttl"], before.ttl),
    maxTtl: duration(["token_max_ttl", "max_ttl"], before.maxTtl),
    period: duration(["token_period", "period"], before.period),
    explicitMaxTtl: duration(["token_explicit_max_ttl"], before.explicitMaxTtl),
    policies: policies === undefined ? before.policies : listField(body, policies),
    noDefaultPolicy: flag(body.token_no_default_policy, before.noDefaultPolicy),
    numUses: Number(body.token_num_uses ?? body.num_uses ?? before.numUses),
    type: tokenType(body.token_type, before.type),
  };
  if (settings.maxTtl > 0 && settings.ttl > settings.maxTtl)
    throw new Refusal(400, "token ttl should not be greater than token max ttl");
  return settings;
}

export function termsOf(settings: TokenSettings): Terms {
  const { ttl, maxTtl, period, explicitMaxTtl } = settings;
  return { ttl, maxTtl, period, explicitMaxTtl };
}

/** What of a login follows from the role's settings alone. */
export function grantOf(settings: TokenSettings): Omit<LoginGrant, "displayName" | "metadata" | "alias" | "role"> {
  return {
    policies: settings.policies,
    noDefaultPolicy: settings.noDefaultPolicy,
    numUses: settings.numUses,
    type: settings.type === "batch" ? "batch" : "service",
    terms: termsOf(settings),
  };
}

export function describeSettings(settings: TokenSettings): Record<string, unknown> {
  return {
    token_bound_cidrs: [],
    token_explicit_max_ttl: toSeconds(settings.explicitMaxTtl),
    token_max_ttl: toSeconds(settings.maxTtl),
    token_no_default_policy: settings.noDefaultPolicy,
    token_num_uses: settings.numUses,
    token_period: toSeconds(settings.period),
    token_policies: settings.policies,
    token_strictly_bind_ip: false,
    token_ttl: toSeconds(settings.ttl),
    token_type: settings.type,
  };
}

const NO_SETTINGS: TokenSettings = {
  ttl: 0,
  maxTtl: 0,
  period: 0,
  explicitMaxTtl: 0,
  policies: [],
  noDefaultPolicy: false,
  numUses: 0,
  type: "default",
};

function flag(value: unknown, old: boolean): boolean {
  return value === undefined ? old : value === true || value === "true";
}

function tokenType(value: unknown, old: TokenSettings["type"]): TokenSettings["type"] {
  if (value === undefined) return old;
  if (value === "batch" || value === "default-batch") return "batch";
  if (value === "service" || value === "default-service") return "service";
  if (value === "default" || value === "") return "default";
  throw new Refusal(400, `invalid 'token_type' value ${JSON.stringify(value)}`);
}
