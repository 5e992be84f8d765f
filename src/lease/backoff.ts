/**
 * How long to wait after a failure. Doubling from `min` to `max`, cut by a random quarter so that a fleet does not
 * come back in step. A server that names its own time is believed, within reason, and never asked sooner.
 */
export interface BackoffPolicy {
  readonly min: number;
  readonly max: number;
}

/** For reads and logins: under a lasting failure 7 tries in the first minute, and then less than one a minute. */
export const READ_BACKOFF: BackoffPolicy = { min: 1_000, max: 80_000 };

/** For what is followed by a lookup: with it, promise 6's 10 requests in the first minute and 2 a minute after it. */
export const RENEWAL_BACKOFF: BackoffPolicy = { min: 3_000, max: 80_000 };

/** For what stays inside the pod (files, hooks, Postgres): sooner, because nobody else is bothered. */
export const LOCAL_BACKOFF: BackoffPolicy = { min: 500, max: 15_000 };

const HOUR = 3_600_000;

/**
 * How long to wait after a read that may have made a user, where so many are left of this hour's budget: each time four
 * times as long, so that a short outage costs little time and a long one does not find the budget used up in its first
 * seconds, with nothing to be tried for the rest of the hour.
 */
export function pace(left: number): number {
  return left > 0 ? HOUR / 4 ** left : 0;
}

/**
 * @param failures how many tries in a row have failed, from 1
 * @param chance from 0 to 1
 * @param retryAfter what the server asked for, if it did
 */
export function backoff(policy: BackoffPolicy, failures: number, chance: number, retryAfter?: number): number {
  const jittered = doubled(policy, failures) * (1 - chance / 4);
  if (retryAfter === undefined) return jittered;
  // All are told the same time, and must not come at it together.
  const spread = chance * Math.max(policy.min, retryAfter / 10);
  return Math.max(jittered, Math.min(retryAfter + spread, 10 * policy.max));
}

/** From `min`, twice as long after each failure, to `max`. */
export function doubled(policy: BackoffPolicy, failures: number): number {
  return Math.min(policy.max, policy.min * 2 ** Math.min(failures - 1, 30));
}
