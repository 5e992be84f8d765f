/** What the TTLs do not allow, with the numbers (promise 4). Pure. */
import { CLOSEST_PLANNED, mostPlanned, plannedPerHour } from "./budget.ts";
import type { Outcome } from "./outcomes.ts";
import { endOf, horizonOf, leadFits, leadFor, rotationDue } from "./schedule.ts";
import type { Held, Policy, State } from "./state.ts";

export interface Judged {
  readonly path: string;
  readonly state: State;
  readonly policy: Policy;
  /** What has led to that state, and when. */
  readonly outcome: Outcome;
  readonly now: number;
}

/** Whatever holds now: judged anew as max TTLs of lease and token become known, one after the other. */
export function sayMisfits(judged: Judged, warn: (code: string, message: string) => void): void {
  const held = judged.state.current ?? judged.state.candidate;
  if (held === null || held.lease === "") return;
  sayLead(held, judged, warn);
  sayBudget(held, judged, warn);
  sayPeriod(held, judged, warn);
}

// ---- internal ----

type Warn = Parameters<typeof sayMisfits>[1];

function sayLead(held: Held, { path, policy }: Judged, warn: Warn): void {
  if (!Number.isFinite(horizonOf(held)) || leadFits(held, policy)) return;
  warn(
    "lead",
    `${path} lives ${seconds(horizonOf(held) - held.readAt)} at most, and a rotation needs ${seconds(leadFor(held, policy))} ` +
      `(connections live ${seconds(policy.connectionMaxLifetime ?? 0)}): it begins at half the life, and connections may ` +
      "outlive their user. Raise max_ttl (and token_max_ttl) to twice the lead or more, or shorten the connections' lifetime",
  );
}

/** The planned rotations alone use the budget up: the last user that it allows ends with nobody to follow it. */
function sayBudget(held: Held, { path, policy }: Judged, warn: Warn): void {
  if (held.rereadAt !== undefined) return;
  const needed = plannedPerHour(held, policy);
  if (needed <= mostPlanned(policy)) return;
  const needs =
    `${path} lives ${seconds(endOf(held) - held.readAt)} at most, and a rotation every ` +
    `${seconds(rotationDue(held, policy) - held.readAt)} needs ${needed} new users an hour`;
  warn(
    "budget",
    policy.maxNewPerHour === null
      ? `${needs}: one every ${seconds(CLOSEST_PLANNED)} is the most that is made without max_new_per_hour, and queries ` +
          "fail in between. Raise max_ttl (and token_max_ttl)"
      : `${needs}, of which max_new_per_hour allows ${policy.maxNewPerHour}: when they are used up, the last one ends and ` +
          "its queries fail. Raise max_ttl (and token_max_ttl), or leave max_new_per_hour out",
  );
}

/** Its token is renewed for less than a rotation takes, though no max TTL is behind it: a period (rule W1). */
function sayPeriod(held: Held, { path, policy, outcome, now }: Judged, warn: Warn): void {
  if (outcome.is !== "token renewed" || outcome.token !== held.token || outcome.asked) return;
  if (policy.connectionMaxLifetime === null || outcome.horizon <= outcome.expiry) return;
  const [period, lead] = [outcome.expiry - now, leadFor(held, policy)];
  if (period >= lead) return;
  warn(
    "period",
    `the token of ${path} is renewed for ${seconds(period)} each time, and a rotation needs ${seconds(lead)}: while its ` +
      "renewals fail, connections may outlive their user. Set token_period to more than the lead",
  );
}

function seconds(time: number): string {
  return `${Math.round(time / 100) / 10} s`;
}
