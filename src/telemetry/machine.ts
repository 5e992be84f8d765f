/** What telemetry says of the machine: its name, and what memory V8 has. */
import { hostname } from "node:os";
import { getHeapStatistics } from "node:v8";
import type { TelemetryPorts } from "./telemetry.ts";

export function thisMachine(): Pick<TelemetryPorts, "host" | "memory"> {
  return {
    host: hostname(),
    memory() {
      const { external_memory: outside, malloced_memory, total_heap_size, used_heap_size } = getHeapStatistics();
      return { used: used_heap_size + outside, taken: total_heap_size + outside + malloced_memory };
    },
  };
}
