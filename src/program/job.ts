/** What there is to know of the job beside us: when it is over, and how long it may run. */
import type { AgentConfig } from "../config/types.ts";
import { describe } from "../errors.ts";
import type { Emit, World } from "../ports.ts";
import type { End } from "./consequences.ts";

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
    const { untilStrangersEnd } = await import("../supervise/strangers.ts");
    return untilStrangersEnd({ ...world, emit, ...job! }, stop);
  }

  // Most sidecars have no job, and need not load what it takes.
  async function untilContainers(): Promise<string | null> {
    const { openCluster } = await import("../kubernetes/cluster.ts");
    const { ownContainer } = await import("../kubernetes/container.ts");
    const { untilContainersEnd } = await import("../supervise/containers.ts");
    const cluster = await openCluster(config.kubernetes?.serviceAccountPath, world);
    const own = job!.container ?? (await ownContainer(world.files));
    return untilContainersEnd({ ...world, ...cluster, emit, bystanders: { own, sidecars: job!.sidecars } }, stop);
  }
}

const PATIENCE = 10_000;

/**
 * How much longer the job may run that an init container fetches for: as the environment says, or else, where the
 * configuration speaks of a job or of the cluster, as the pod or its Job says to those who may look. Null is not known.
 */
export async function jobLifetime({ config, world, emit }: Omit<JobOptions, "onEnd">): Promise<number | null> {
  if (config.jobLifetime !== undefined) return config.jobLifetime;
  if (config.job === undefined && config.kubernetes === undefined) return null;
  if (config.credentials.length > 0 && config.credentials.every(({ lifetime }) => lifetime !== undefined)) return null;
  try {
    const { openCluster } = await import("../kubernetes/cluster.ts");
    const { untilDeadline } = await import("../kubernetes/deadline.ts");
    const cluster = await openCluster(config.kubernetes?.serviceAccountPath, world);
    return await untilDeadline(cluster, world.clock.now(), AbortSignal.timeout(PATIENCE));
  } catch (error) {
    const message = `how long the job may run is not known (set lifetime, or LESSEE_JOB_LIFETIME): ${describe(error)}`;
    emit({ is: "warning", code: "job-lifetime", message });
    return null;
  }
}
