/** What there is to know of the job that the sidecar stands beside: when it is over. */
import type { AgentConfig } from "./config/types.ts";
import { describe } from "./errors.ts";
import type { Emit, World } from "./ports.ts";
import type { End } from "./sidecar.ts";

export interface JobOptions {
  readonly config: AgentConfig;
  readonly world: World;
  readonly emit: Emit;
  onEnd(end: End): void;
}

/** Ends the agent when the job has ended; resolves then, or once `stop` aborts. An init container is gone before it. */
export async function followJob({ config, world, emit, onEnd }: JobOptions, stop: AbortSignal): Promise<void> {
  const { job } = config;
  if (job === undefined || config.exitAfterAuth) return;
  const reason = await (job.until === "process" ? untilProcess() : untilContainers()).catch((error) => {
    emit({ is: "warning", code: "job", message: `job: its end cannot be seen: ${describe(error)}` });
    return null;
  });
  if (reason !== null) onEnd({ code: 0, reason, isJobOver: true });

  async function untilProcess(): Promise<string | null> {
    const { untilStrangersEnd } = await import("./supervise/strangers.ts");
    return untilStrangersEnd({ ...world, emit, ...job! }, stop);
  }

  // Most sidecars have no job, and need not load what it takes.
  async function untilContainers(): Promise<string | null> {
    const { openCluster } = await import("./kubernetes/cluster.ts");
    const { ownContainer } = await import("./kubernetes/container.ts");
    const { untilContainersEnd } = await import("./supervise/containers.ts");
    const cluster = await openCluster(config.kubernetes.serviceAccountPath, world);
    const own = job!.container ?? (await ownContainer(world.files));
    return untilContainersEnd({ ...world, ...cluster, emit, bystanders: { own, sidecars: job!.sidecars } }, stop);
  }
}
