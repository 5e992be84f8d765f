/**
 * `wait`: a template that has changed is written once nothing more has changed for `min`, and no later than `max` after
 * the first change. Pure.
 */
export interface Wait {
  readonly min: number;
  readonly max: number;
}

/** What has changed and is not written yet. */
export interface Unrest {
  readonly since: number;
  readonly last: number;
  /** What the template was given then. */
  readonly given: readonly unknown[];
}

/** `given` is what the template is given now. */
export function observe(before: Unrest | undefined, given: readonly unknown[], now: number): Unrest {
  if (before === undefined) return { since: now, last: now, given };
  return isSame(given, before.given) ? before : { since: before.since, last: now, given };
}

export function isSame(given: readonly unknown[], before: readonly unknown[]): boolean {
  return given.length === before.length && given.every((one, i) => one === before[i]);
}

/** When it may be written. */
export function quietAt({ since, last }: Unrest, { min, max }: Wait): number {
  return Math.min(last + min, since + max);
}
