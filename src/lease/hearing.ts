/** What is seen and heard of the application: by its sessions, and by its answers. */
import { change, changeCurrent, changeRetiring } from "./change.ts";
import { isLate } from "./escalation.ts";
import type { SeenRole } from "./outcomes.ts";
import type { Policy, State } from "./state.ts";

export function watched(state: State, roles: readonly SeenRole[], now: number, policy: Policy): State {
  const rhythm = state.retiring.length > 0 ? policy.quietPeriod / 3 : policy.quietPeriod;
  let next: State = { ...state, look: false, watchAt: now + rhythm, watchFailures: 0 };
  for (const { id, opened, owned, sessions, validFor } of roles) {
    next = change(seeValidity(next, id, validFor, now), id, () => ({ owned }));
    next = changeCurrent(next, id, { sessions });
    if (sessions > 0 && next.current?.id === id) next = heard(next, now);
    const retiring = next.retiring.find((one) => one.id === id);
    if (retiring === undefined) continue;
    const quiet =
      sessions > 0 ? null : { since: retiring.quiet?.since ?? now, looks: (retiring.quiet?.looks ?? 0) + 1 };
    const lateAt = opened > 0 && isLate(retiring, now, policy) ? now : retiring.lateAt;
    next = changeRetiring(next, id, { sessions, quiet, lateAt });
  }
  return next;
}

/** The application has taken the current credential: every older one may now be drained. */
export function heard(state: State, now: number): State {
  if (state.current === null) return state;
  const current = { ...state.current, heardAt: state.current.heardAt ?? now };
  return { ...state, current, retiring: state.retiring.map((one) => ({ ...one, heardAt: one.heardAt ?? now })) };
}

/** It is told anew, of the current credential and therefore of the end of every older one. */
export function reminded(state: State, now: number): State {
  if (state.current === null) return state;
  const { reminders } = state.current;
  const current = { ...state.current, telling: { failures: 0, retryAt: now }, reminders: reminders + 1 };
  return { ...state, current, retiring: state.retiring.map((one) => ({ ...one, remindedAt: now })) };
}

/** VALID UNTIL counts where it is sooner than the lease: then renewals do not move it (rule M5). */
export function seeValidity(state: State, id: number, validFor: number | null, now: number): State {
  return change(state, id, (held) => {
    const validUntil = validFor === null ? Number.POSITIVE_INFINITY : now + validFor;
    return { validUntil: validUntil < held.expiry - 5_000 ? validUntil : Number.POSITIVE_INFINITY };
  });
}
