/** The agent's own metrics under Vault Agent's names, in the two forms in which its listener gives them. */
import type { Clock, Emit } from "../ports.ts";

export type Counter =
  | "agent.auth.success"
  | "agent.auth.failure"
  | "agent.proxy.success"
  | "agent.proxy.client_error"
  | "agent.proxy.error"
  | "agent.cache.hit"
  | "agent.cache.miss";

export interface AgentMetrics {
  count(counter: Counter): void;
  /** Counts logins and renewals of the token. */
  readonly observe: Emit;
  /** The last ten seconds that are over; those that run where there are none. */
  json(): string;
  /** Since the start. */
  prometheus(): string;
}

const INTERVAL = 10_000;

interface Interval {
  readonly start: number;
  readonly counts: Map<Counter, number>;
}

/** @param prefix `vault`, or what `telemetry.metrics_prefix` says */
export function createAgentMetrics(prefix: string, clock: Pick<Clock, "now">): AgentMetrics {
  const totals = new Map<Counter, number>();
  const begin = (start: number): Interval => ({ start, counts: new Map() });
  let running = begin(startOf(clock.now()));
  let last: Interval | null = null;
  let authenticated = false;

  function turn(): void {
    const start = startOf(clock.now());
    if (start <= running.start) return;
    last = start - running.start === INTERVAL ? running : begin(start - INTERVAL);
    running = begin(start);
  }

  function count(counter: Counter): void {
    turn();
    for (const counts of [totals, running.counts]) counts.set(counter, (counts.get(counter) ?? 0) + 1);
  }

  return {
    count,
    observe(event) {
      switch (event.is) {
        case "login":
        case "token renewed":
          authenticated = true;
          return count("agent.auth.success");
        case "login failed":
          return count("agent.auth.failure");
        case "token renewal failed":
          authenticated &&= !event.lost;
          return count("agent.auth.failure");
      }
    },
    json() {
      turn();
      const { start, counts } = last ?? running;
      return JSON.stringify({
        Timestamp: `${new Date(start).toISOString().slice(0, 19).replace("T", " ")} +0000 UTC`,
        Gauges: [{ Name: `${prefix}.agent.authenticated`, Value: Number(authenticated), Labels: {} }],
        Points: [],
        Counters: sorted(counts).map(([name, sum]) => ({
          Name: `${prefix}.${name}`,
          Count: sum,
          Rate: sum / (INTERVAL / 1_000),
          Sum: sum,
          Min: 1,
          Max: 1,
          Mean: 1,
          Stddev: 0,
          Labels: {},
        })),
        Samples: [],
      });
    },
    prometheus() {
      const lines = (name: string, type: string, value: number) => {
        const full = `${prefix}_${name}`.replace(/[^A-Za-z0-9_:]/g, "_");
        return `# HELP ${full} ${name.replaceAll("_", " ").replaceAll(".", " ")}\n# TYPE ${full} ${type}\n${full} ${value}\n`;
      };
      const gauge = lines("agent.authenticated", "gauge", Number(authenticated));
      return (
        gauge +
        sorted(totals)
          .map(([name, sum]) => lines(name, "counter", sum))
          .join("")
      );
    },
  };
}

function startOf(now: number): number {
  return now - (now % INTERVAL);
}

function sorted(counts: ReadonlyMap<Counter, number>): readonly (readonly [Counter, number])[] {
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
}
