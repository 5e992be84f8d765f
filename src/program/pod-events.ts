/** Kubernetes events on the pod, where the configuration asks for them: `kubernetes { events = true }`. */
import type { AgentConfig } from "../config/types.ts";
import { describe } from "../errors.ts";
import type { Recorder } from "../kubernetes/recorder.ts";
import type { Emit, World } from "../ports.ts";

export interface PodEventsOptions {
  readonly config: AgentConfig;
  readonly world: World;
  readonly emit: Emit;
  redact(text: string): string;
}

/** null where nobody wants them, and where there is no cluster to put them, which is said. */
export async function openPodEvents({ config, world, emit, redact }: PodEventsOptions): Promise<Recorder | null> {
  const { kubernetes, job } = config;
  if (!kubernetes?.events) return null;
  const warn = (message: string) => emit({ is: "warning", code: "pod-events", message });
  try {
    // Most sidecars put no events, and need not load what it takes.
    const { openCluster } = await import("../kubernetes/cluster.ts");
    const { ownContainer } = await import("../kubernetes/container.ts");
    const { createRecorder } = await import("../kubernetes/recorder.ts");
    const cluster = await openCluster(kubernetes.serviceAccountPath, world);
    const container = job?.container ?? (await ownContainer(world.files));
    return createRecorder({ ...world, cluster, container, redact, warn });
  } catch (error) {
    warn(`no events can be put on the pod: ${describe(error)}`);
    return null;
  }
}
