/** How long the pod's containers may run, by what its own object says, and the Job's that made it. */
import { KubernetesError } from "../errors.ts";
import type { Cluster } from "./cluster.ts";
import { deadlineOf, type Job, jobOf, type Pod } from "./pod.ts";

/** Milliseconds from now. Rejects with a KubernetesError where nobody says it, or nobody may look. */
export async function untilDeadline(
  { api, namespace, pod: name }: Cluster,
  now: number,
  stop: AbortSignal,
): Promise<number> {
  const pod = (await api.get(`/api/v1/namespaces/${namespace}/pods/${name}`, stop)) as Pod;
  const owner = jobOf(pod);
  const path = `/apis/batch/v1/namespaces/${namespace}/jobs/${owner}`;
  let refusal: unknown;
  const job =
    owner === undefined
      ? null
      : ((await api.get(path, stop).catch((error) => {
          refusal = error;
          return null;
        })) as Job | null);
  const deadline = deadlineOf(pod, job);
  if (deadline !== null) return Math.max(1_000, deadline - now);
  // Whether the Job has one, its own object would say.
  if (refusal !== undefined) throw refusal;
  throw new KubernetesError(0, `neither the pod nor its Job has activeDeadlineSeconds`);
}
