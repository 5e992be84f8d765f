/**
 * The bound on what is asked of the server while it refuses: 10 requests in the first minute and 2 a minute after it,
 * for one path, whatever fails and however many leases there are (promise 6). A back-off belongs to one lease, and where
 * leases last for seconds each new one begins its own. Pure.
 */
import type { Outcome } from "./outcomes.ts";
import type { Trouble } from "./state.ts";

const MINUTE = 60_000;
const IN_THE_FIRST_MINUTE = 10;
const A_MINUTE_LATER = 2;

/** What one try may cost at most: a refused renewal is followed by a lookup, a refused revocation by a short renewal. */
export const REQUESTS = { read: 1, probe: 1, "look up": 1, renew: 2, release: 2, "check release": 1 } as const;

/** What a try may cost is counted when it begins: whoever decides in another lane meanwhile has to know of it. */
export function troubleAfter(trouble: Trouble | null, outcome: Outcome, now: number): Trouble | null {
  if (outcome.is === "asking" && trouble !== null) return counted(trouble, outcome.requests, now);
  const seen = verdictOf(outcome);
  if (seen === null) return trouble;
  if (trouble !== null) {
    const next = { ...trouble, [seen.kind]: seen.failed };
    return next.reads || next.leases ? next : null;
  }
  const first = { since: now, reads: false, leases: false, asked: [] };
  return seen.failed ? counted({ ...first, [seen.kind]: true }, seen.requests, now) : null;
}

/** When a try that may cost so many requests can be made; not after `now` where it can be made at once. */
export function freeToAsk(trouble: Trouble | null, requests: number, now: number): number {
  if (trouble === null) return now;
  if (now < trouble.since + MINUTE) {
    return trouble.asked.length + requests <= IN_THE_FIRST_MINUTE ? now : trouble.since + MINUTE;
  }
  const room = A_MINUTE_LATER - requests;
  const recent = trouble.asked.filter((at) => at > now - MINUTE);
  return recent.length <= room ? now : recent[recent.length - 1 - room]! + MINUTE;
}

// ---- internal ----

function counted(trouble: Trouble, requests: number, now: number): Trouble {
  const asked = trouble.asked.filter((at) => at > now - MINUTE);
  return { ...trouble, asked: [...asked, ...Array<number>(requests).fill(now)] };
}

interface Verdict {
  readonly kind: "reads" | "leases";
  readonly failed: boolean;
  readonly requests: number;
}

function verdictOf(outcome: Outcome): Verdict | null {
  switch (outcome.is) {
    case "read":
      return { kind: "reads", failed: false, requests: 1 };
    case "read failed":
      return { kind: "reads", failed: true, requests: 1 };
    case "renewed":
    case "released":
      return { kind: "leases", failed: false, requests: 1 };
    case "renewal failed":
      return { kind: "leases", failed: true, requests: 2 };
    case "release failed":
      return { kind: "leases", failed: true, requests: 2 };
    case "probed":
      return { kind: "leases", failed: outcome.found === null, requests: 1 };
    default:
      return null;
  }
}
