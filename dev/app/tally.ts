/** What the application counts. A connection that cannot be opened counts as a failed query. */
import { DatabaseError } from "pg";

export interface Report {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly ok: number;
  readonly failed: number;
  /** Failures by SQLSTATE, or by Node's code where Postgres said nothing. */
  readonly failures: Readonly<Record<string, number>>;
  /** In Postgres' words, with the user that met it. */
  readonly lastFailure: string | null;
  readonly connections: Readonly<Record<string, number>>;
  /** Of the connection that was opened last. */
  readonly user: string | null;
}

export interface Tally {
  succeeded(): void;
  /** A query or a connection failed. */
  failed(error: unknown, user: string): void;
  /** The application's own fault, as an unreadable file: counted like a failed query. */
  refused(error: unknown): void;
  opened(user: string): void;
  closed(user: string): void;
  report(): Report;
}

export function createTally(): Tally {
  let ok = 0;
  let failed = 0;
  let user: string | null = null;
  let lastFailure: string | null = null;
  const failures: Record<string, number> = {};
  const connections = new Map<string, number>();

  function count(error: unknown, who: string): void {
    const code = codeOf(error);
    failed++;
    failures[code] = (failures[code] ?? 0) + 1;
    lastFailure = `${code} ${error instanceof Error ? error.message : String(error)} (${who})`;
  }

  function change(who: string, by: number): void {
    const now = (connections.get(who) ?? 0) + by;
    if (now > 0) connections.set(who, now);
    else connections.delete(who);
  }

  return {
    succeeded() {
      ok++;
    },
    failed: count,
    refused: (error) => count(error, "no user"),
    opened(who) {
      user = who;
      change(who, 1);
    },
    closed: (who) => change(who, -1),
    report: () => ({
      at: Date.now(),
      ok,
      failed,
      failures: { ...failures },
      lastFailure,
      connections: Object.fromEntries(connections),
      user,
    }),
  };
}

function codeOf(error: unknown): string {
  if (error instanceof DatabaseError) return error.code ?? "unknown";
  return (error as NodeJS.ErrnoException).code ?? "unknown";
}
