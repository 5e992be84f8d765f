/** Times as distances from now, no finer than they are looked at: `in 7s`, `3m20s ago`. */
import { formatDuration } from "../log/duration.ts";

export function ahead(at: number, now: number): string {
  return at > now ? `in ${rounded(at - now)}` : `due ${ago(at, now)}`;
}

export function ago(at: number, now: number): string {
  return now - at < 500 ? "just now" : `${rounded(now - at)} ago`;
}

/** A duration in whole seconds. */
export function rounded(ms: number): string {
  return formatDuration(Math.round(ms / 1000) * 1000);
}
