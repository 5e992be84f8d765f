/**
 * How many users may be made in an hour (promise 6). What `max_new_per_hour` says holds for all of them, whatever follows.
 * Where it says nothing, a small number is for those that nobody has planned (the first, what was lost, what failed and
 * may have made one), and planned rotations are only kept apart: by the TTLs that the server gave, they are what keeps
 * the application going. Pure.
 */
import { endOf, horizonOf, rotationDue } from "./schedule.ts";
import { type Held, type Policy, type State, withinTheHour } from "./state.ts";

/** Without `max_new_per_hour`: so many that were not planned. */
const UNPLANNED_PER_HOUR = 6;
/** And between two that were planned at least so long: a life of ten seconds is rotated at its half. */
export const CLOSEST_PLANNED = 5_000;

const HOUR = 3_600_000;
const MOST_PLANNED = HOUR / CLOSEST_PLANNED;

/** When another user may be made; not after `now` where that is at once. */
export function budgetFree(state: State, now: number, policy: Policy): number {
  const { maxNewPerHour } = policy;
  if (maxNewPerHour !== null) return roomIn(state.issued, maxNewPerHour, now);
  if (!isPlanned(state)) return roomIn(state.unplanned, UNPLANNED_PER_HOUR, now);
  return (state.issued.at(-1) ?? Number.NEGATIVE_INFINITY) + CLOSEST_PLANNED;
}

/** How many that may have been made by a read without a clear answer are left. */
export function unclearLeft({ issued, unplanned }: State, policy: Policy): number {
  return policy.maxNewPerHour === null ? UNPLANNED_PER_HOUR - unplanned.length : policy.maxNewPerHour - issued.length;
}

/** One was made, or may have been made by a read that failed. */
export function issuedAt(state: State, now: number, isUnclear: boolean): Pick<State, "issued" | "unplanned"> {
  const unplanned = withinTheHour(state.unplanned, now);
  return {
    issued: [...withinTheHour(state.issued, now), now],
    unplanned: isPlanned(state) && !isUnclear ? unplanned : [...unplanned, now],
  };
}

/** The most that may be made in this hour. */
export function limitOf({ current, issued, unplanned }: State, now: number, policy: Policy): number {
  if (policy.maxNewPerHour !== null) return policy.maxNewPerHour;
  const planned = withinTheHour(issued, now).length - withinTheHour(unplanned, now).length;
  const needed = current === null ? 0 : plannedPerHour(current, policy);
  return UNPLANNED_PER_HOUR + Math.max(planned, Math.min(needed, MOST_PLANNED));
}

/** How many an hour the planned rotations of what lives as long as this one need. */
export function plannedPerHour(held: Held, policy: Policy): number {
  return usersPerHour(rotationDue(held, policy) - held.readAt);
}

/** How many users an hour rotations take that are so far apart. */
export function usersPerHour(interval: number): number {
  return Math.ceil(HOUR / Math.max(interval, 1));
}

/** How many an hour planned rotations may take. */
export function mostPlanned(policy: Policy): number {
  return policy.maxNewPerHour ?? MOST_PLANNED;
}

// ---- internal ----

/** What is in use comes to the end that the TTLs give it, and no read has failed in a way that may have made a user. */
function isPlanned({ current, read, wanted }: State): boolean {
  return current !== null && wanted === null && !read.unclear && endOf(current) >= horizonOf(current);
}

function roomIn(times: readonly number[], most: number, now: number): number {
  const hour = withinTheHour(times, now);
  return hour.length < most ? now : (hour[hour.length - most] ?? now) + HOUR;
}
