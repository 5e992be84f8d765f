/**
 * Waits until the pod's other containers have ended for good, which the Kubernetes API knows: a look, then a watch from
 * there on. Whatever fails, it looks again, with growing pauses.
 */
import { describe, KubernetesError } from "../errors.ts";
import { type Bystanders, type JobState, jobState, type Pod } from "../kubernetes/pod.ts";
import { type BackoffPolicy, backoff } from "../lease/backoff.ts";
import type { Clock, Emit, KubernetesApi, Random } from "../ports.ts";

export interface ContainersDeps {
  readonly api: KubernetesApi;
  readonly namespace: string;
  readonly pod: string;
  readonly bystanders: Bystanders;
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: Emit;
}

const BACKOFF: BackoffPolicy = { min: 1_000, max: 60_000 };
/** Where watching is forbidden. */
const POLL = 15_000;
/** A watch that was good for so long was no failure, however it ended. */
const LONG_ENOUGH = 10_000;

/** Resolves to how it ended; null when `stop` aborts, or when no end would be the end of the job. */
export async function untilContainersEnd(deps: ContainersDeps, stop: AbortSignal): Promise<string | null> {
  const { api, clock, emit, pod: name } = deps;
  const path = `/api/v1/namespaces/${deps.namespace}/pods`;
  let seen = false;
  let mayWatch = true;
  let failures = 0;
  let said = "";

  /** Null while it goes on. */
  function judge(object: unknown): "over" | "endless" | null {
    const state = jobState((object ?? {}) as Pod, deps.bystanders);
    if (state.is === "running") tell(state);
    if (state.is === "endless") warn(`it is never over: ${state.why} (${state.hint})`);
    return state.is === "running" ? null : state.is;
  }

  function tell({ running }: Extract<JobState, { is: "running" }>): void {
    if (said === running.join()) return;
    said = running.join();
    emit({ is: "waiting for the job", running });
  }

  function warn(message: string): void {
    emit({ is: "warning", code: "job", message: `job: ${message}` });
  }

  async function look(): Promise<"over" | "endless" | null> {
    const pod = (await api.get(`${path}/${name}`, stop)) as Pod;
    seen = true;
    const now = judge(pod);
    if (now !== null) return now;
    if (!mayWatch) {
      failures = 0;
      await pause(POLL);
      return null;
    }
    const since = clock.now();
    const only = `fieldSelector=${encodeURIComponent(`metadata.name=${name}`)}`;
    const from = `resourceVersion=${encodeURIComponent(pod.metadata?.resourceVersion ?? "")}`;
    try {
      for await (const { type, object } of api.watch(`${path}?${only}&${from}`, stop)) {
        if (type === "DELETED") return "over";
        const next = type === "ADDED" || type === "MODIFIED" ? judge(object) : null;
        if (next !== null) return next;
      }
    } finally {
      if (clock.now() - since >= LONG_ENOUGH) failures = 0;
    }
    // The server ends every watch in its time; one that it ends at once, again and again, is a failure.
    await pause(backoff(BACKOFF, ++failures, deps.random()));
    return null;
  }

  function pause(length: number): Promise<void> {
    return clock.sleep(clock.now() + length * (0.9 + deps.random() / 5), stop);
  }

  async function overcome(error: unknown): Promise<"over" | null> {
    const { status, retryAfter } = error instanceof KubernetesError ? error : { status: 0 };
    if (status === 404 && seen) return "over";
    // The history is over, and the next look begins a new one.
    const isStale = status === 410;
    if (status === 403 && seen && mayWatch) {
      mayWatch = false;
      warn(`the pod cannot be watched and is looked at every ${POLL / 1_000} s: ${describe(error)}`);
    } else if (!isStale) warn(`the pod's containers cannot be seen: ${describe(error)}`);
    await pause(backoff(BACKOFF, ++failures, deps.random(), retryAfter));
    return null;
  }

  while (!stop.aborted) {
    const state = await look().catch((error) => (stop.aborted ? null : overcome(error)));
    if (state === "endless") return null;
    if (state === "over") return "the other containers have ended";
  }
  return null;
}
