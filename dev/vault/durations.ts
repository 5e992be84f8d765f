/** Durations as the server takes and prints them, and its calculation of a TTL. Milliseconds unless named otherwise. */
import { Refusal } from "./refusal.ts";

/**
 * Seconds as a number or text, or a Go duration, as `90s`, `1h30m` or `2d`. Undefined for nothing given.
 * A Refusal of what is neither begins with `complaint`.
 */
export function parseDuration(value: unknown, complaint = INVALID_FIELD): number | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  const text = String(value).trim();
  if (/^-\d/.test(text)) throw new Refusal(400, `${complaint}cannot provide negative value '${text}'`);
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|[dhms])/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text)
    throw new Refusal(400, `${complaint}${inWordsOfGo(text)}`);
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * UNITS[unit as keyof typeof UNITS], 0);
}

const INVALID_FIELD = "Field validation failed: error converting input for field: ";

function inWordsOfGo(text: string): string {
  const [, unit] = /^\d+(?:\.\d+)?([^\d.]*)/.exec(text) ?? [];
  if (unit === undefined) return `time: invalid duration "${text}"`;
  return unit === ""
    ? `time: missing unit in duration "${text}"`
    : `time: unknown unit "${unit}" in duration "${text}"`;
}

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** As Go prints it, without units that are zero at the end: `277h46m39s`, `24h`, `6s`. */
export function formatDuration(duration: number): string {
  const seconds = Math.floor(duration / 1000);
  const parts = [
    [Math.floor(seconds / 3600), "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ] as const;
  return (
    parts
      .filter(([amount]) => amount > 0)
      .map(([amount, unit]) => `${amount}${unit}`)
      .join("") || "0s"
  );
}

export function toSeconds(duration: number): number {
  return Math.trunc(duration / 1000);
}

/** As Go prints it: without zeros at the end of the fraction, and without an empty one. */
export function formatTime(time: number): string {
  return new Date(time).toISOString().replace(/\.?0*Z$/, "Z");
}

/** What bounds the life of a lease or token. 0 is "not given". */
export interface Terms {
  readonly ttl: number;
  readonly maxTtl: number;
  readonly period?: number;
  readonly explicitMaxTtl?: number;
}

/** The mount's own bounds, of which every mount here has the server's. */
export const SYSTEM_TTL = 32 * 86_400_000;

/** Times are truncated to the second first, so that a renewal in the middle of one is granted whole seconds. */
export function calculateTtl(
  { ttl: wanted, maxTtl, period = 0, explicitMaxTtl = 0 }: Terms,
  increment: number,
  now: number,
  start = now,
): { readonly ttl: number; readonly warnings: readonly string[] } {
  const limits = [SYSTEM_TTL, maxTtl, explicitMaxTtl].filter((limit) => limit > 0);
  const limit = Math.min(...limits);
  const warnings: string[] = [];
  let ttl = increment > 0 ? increment : wanted > 0 ? wanted : SYSTEM_TTL;
  if (period > 0) {
    if (period > limit) warnings.push(tooLong("period", period, limit, "period"));
    ttl = Math.min(period, limit);
    if (explicitMaxTtl === 0) return { ttl, warnings };
  }
  const left = wholeSecond(start) + (period > 0 ? explicitMaxTtl : limit) - wholeSecond(now);
  if (left <= 0) throw new Error("past the max TTL, cannot renew");
  if (ttl > left) warnings.push(tooLong("TTL", ttl, left, "TTL"));
  return { ttl: Math.min(ttl, left), warnings };
}

/** What is left of a life, as lookups print it. */
export function remainingSeconds(expireTime: number, now: number): number {
  return toSeconds(expireTime - Math.round(now / 1000) * 1000);
}

function wholeSecond(time: number): number {
  return Math.floor(time / 1000) * 1000;
}

function tooLong(what: string, asked: number, limit: number, value: string): string {
  return `${what} of "${formatDuration(asked)}" exceeded the effective max_ttl of "${formatDuration(limit)}"; ${value} value is capped accordingly`;
}
