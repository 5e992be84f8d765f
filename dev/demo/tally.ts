/** What the demo counts, and the table that it ends with. */
import type { LogEntry } from "./timeline.ts";

export interface Counts {
  readonly rotationsBegun: number;
  readonly rotationsCompleted: number;
  readonly requests: number;
}

export interface Outcome extends Counts {
  readonly queries: number;
  readonly failed: number;
  readonly lastFailure: string | null;
  readonly mostUsers: number;
  readonly usersLeft: readonly string[];
}

export interface LogTally {
  observe(entry: LogEntry): void;
  counts(): Counts;
}

export function createLogTally(): LogTally {
  const counts = { rotationsBegun: 0, rotationsCompleted: 0, requests: 0 };
  return {
    observe({ msg }) {
      if (msg === "rotation due") counts.rotationsBegun++;
      if (msg === "rotated") counts.rotationsCompleted++;
      if (msg === "request") counts.requests++;
    },
    counts: () => ({ ...counts }),
  };
}

export function formatTable(outcome: Outcome): string {
  const rows = [
    ["rotations begun", outcome.rotationsBegun],
    ["rotations completed", outcome.rotationsCompleted],
    ["queries", outcome.queries],
    ["failed", outcome.failed],
    ["most users at once", outcome.mostUsers],
    ["users left", outcome.usersLeft.length],
    ["requests to Vault", outcome.requests],
  ] as const;
  return rows.map(([name, value]) => `  ${name.padEnd(20)}${value.toLocaleString("en").padStart(10)}`).join("\n");
}

/** Why the run is not a good one; empty when it is. */
export function faultsOf(outcome: Outcome): readonly string[] {
  const faults: string[] = [];
  if (outcome.failed > 0) faults.push(`${outcome.failed} queries failed, the last with: ${outcome.lastFailure}`);
  if (outcome.usersLeft.length > 0) faults.push(`database users were left: ${outcome.usersLeft.join(", ")}`);
  return faults;
}
