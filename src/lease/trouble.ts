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
export const REQUESTS = { read: 1, probe: 1, renew: 2, release: 3, "check release": 1 } as const;

export function troubleAfter(trouble: Trouble | null, outcome: Outcome, now: number): Trouble | null {
  const seen = verdictOf(outcome);
  if (seen === null) return trouble;
  if (trouble === null && !seen.failed) return null;
  const before = trouble ?? { since: now, reads: false, leases: false, asked: [] };
  const next = { ...before, [seen.kind]: seen.failed };
  if (!next.reads && !next.leases) return null;
  const asked = before.asked.filter((at) => at > now - MINUTE);
  return { ...next, asked: [...asked, ...Array<number>(seen.requests).fill(now)] };
}

/**
 * When a try that may cost so many requests can be made; not after `now` where it can be made at once. `underWay` may be
 * on their way in the other lane, and are counted when they are answered.
 */
export function freeToAsk(trouble: Trouble | null, requests: number, underWay: number, now: number): number {
  if (trouble === null) return now;
  if (now < trouble.since + MINUTE) {
    return trouble.asked.length + requests + underWay <= IN_THE_FIRST_MINUTE ? now : trouble.since + MINUTE;
  }
  // A try that costs more than there is in a minute has that minute to itself.
  const room = Math.max(0, A_MINUTE_LATER - requests);
  const counted = trouble.asked.filter((at) => at > now - MINUTE);
  return counted.length <= room ? now : counted[counted.length - 1 - room]! + MINUTE;
}

// ---- internal ----

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
