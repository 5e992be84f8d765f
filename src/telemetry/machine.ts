/** What telemetry says of the machine: its name, what memory V8 has, and how often it has collected garbage. */
import { hostname } from "node:os";
import { getHeapStatistics } from "node:v8";
import type { TelemetryPorts } from "./telemetry.ts";

export interface Machine extends Pick<TelemetryPorts, "host" | "memory" | "collections" | "onCollection"> {
  stop(): void;
}

const NANOSECONDS = 1e6;

/** Collections are counted only where somebody can ask for them: it takes some work at each. */
export async function watchMachine(countsCollections: boolean): Promise<Machine> {
  const counted = countsCollections ? await countCollections() : null;
  return {
    host: hostname(),
    memory() {
      const { external_memory: outside, malloced_memory, total_heap_size, used_heap_size } = getHeapStatistics();
      return { used: used_heap_size + outside, taken: total_heap_size + outside + malloced_memory };
    },
    collections: () => counted?.sum() ?? null,
    onCollection: (tell) => counted?.tell(tell),
    stop: () => counted?.stop(),
  };
}

async function countCollections() {
  const { PerformanceObserver } = await import("node:perf_hooks");
  let runs = 0;
  let pause = 0;
  const listeners: ((pause: number) => void)[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      runs++;
      pause += duration * NANOSECONDS;
      for (const tell of listeners) tell(Math.round(duration * NANOSECONDS));
    }
  });
  observer.observe({ entryTypes: ["gc"] });
  return {
    sum: () => ({ runs, pause: Math.round(pause) }),
    tell: (listener: (pause: number) => void) => void listeners.push(listener),
    stop: () => observer.disconnect(),
  };
}
