/** Rate limits by path, as `sys/quotas/rate-limit` sets them. */
import type { ServerClock } from "./clock.ts";
import { Refusal } from "./refusal.ts";

export interface RateLimit {
  /** Requests in each interval. */
  readonly rate: number;
  readonly interval: number;
  /** Requests to paths that begin with this; empty for all. */
  readonly path: string;
}

export interface Quotas {
  set(name: string, limit: RateLimit): void;
  get(name: string): RateLimit | undefined;
  remove(name: string): void;
  /** Throws a Refusal when the request is one too many. */
  check(path: string): void;
}

export function createQuotas(clock: ServerClock): Quotas {
  const limits = new Map<string, RateLimit & { start: number; used: number }>();
  return {
    set: (name, limit) => void limits.set(name, { ...limit, start: clock.now(), used: 0 }),
    get: (name) => limits.get(name),
    remove: (name) => void limits.delete(name),
    check(path) {
      // The server's own state is asked for without limit.
      if (path.startsWith("sys/")) return;
      for (const limit of limits.values()) {
        if (!path.startsWith(limit.path)) continue;
        if (clock.now() - limit.start >= limit.interval) Object.assign(limit, { start: clock.now(), used: 0 });
        if (++limit.used > limit.rate) throw new Refusal(429, `request path "${path}": rate limit quota exceeded`);
      }
    },
  };
}
