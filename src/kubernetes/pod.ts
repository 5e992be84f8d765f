/** What a pod's own object says of the job in it: pure. A container between two restarts has not ended (rule R7). */

/** As much of a Pod as is looked at; the API server gives more. */
export interface Pod {
  readonly metadata?: {
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly ownerReferences?: readonly { readonly kind?: string; readonly name?: string }[];
  };
  readonly spec?: {
    readonly restartPolicy?: RestartPolicy;
    readonly activeDeadlineSeconds?: number;
    readonly terminationGracePeriodSeconds?: number;
    readonly containers?: readonly Container[];
    readonly initContainers?: readonly Container[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly startTime?: string;
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

/** As much of a Job as is looked at. */
export interface Job {
  readonly spec?: { readonly activeDeadlineSeconds?: number };
  readonly status?: { readonly startTime?: string };
}

type RestartPolicy = "Always" | "OnFailure" | "Never";

interface Container {
  readonly name: string;
  /** Of an init container: `Always` makes a native sidecar of it. Of another one it goes before the pod's. */
  readonly restartPolicy?: RestartPolicy;
  readonly restartPolicyRules?: readonly RestartRule[];
}

interface RestartRule {
  readonly action?: string;
  readonly exitCodes?: { readonly operator?: "In" | "NotIn"; readonly values?: readonly number[] };
}

interface ContainerStatus {
  readonly name: string;
  readonly state?: { readonly terminated?: { readonly exitCode?: number } };
}

export interface Bystanders {
  /** Our own container, where it is known. */
  readonly own: string | undefined;
  /** Containers that are not the job's. */
  readonly sidecars: readonly string[];
}

export type JobState =
  | { readonly is: "over" }
  | { readonly is: "running"; readonly running: readonly string[] }
  /** No end of theirs would be the end of the job, or nobody would see it. */
  | { readonly is: "endless"; readonly why: string; readonly hint: string };

/** What ours is called where nothing tells it: by the injector, and by our own webhook. */
const USUAL_NAMES = ["vault-agent", "lessee"];

export function jobState(pod: Pod, bystanders: Bystanders): JobState {
  const containers = pod.spec?.containers ?? [];
  const names = containers.map(({ name }) => name);
  const { own = USUAL_NAMES.find((name) => names.includes(name)) } = bystanders;
  if (pod.spec?.initContainers?.some(({ name, restartPolicy }) => name === own && restartPolicy === "Always")) {
    return endless(
      `${own} is a native sidecar, which kubelet ends after the other containers and starts again when it ends before`,
      "leave the job block out",
    );
  }
  if (own === undefined || !names.includes(own)) {
    const who = own === undefined ? "which of them is lessee's is not known" : `none of them is called ${own}`;
    return endless(`the pod's containers are ${names.join(", ")}, and ${who}`, 'name it: job { container = "…" }');
  }
  const others = containers.filter(({ name }) => name !== own && !bystanders.sidecars.includes(name));
  if (others.length === 0) {
    return endless(
      `beside ${[own, ...bystanders.sidecars].join(", ")} the pod has no container`,
      "look at job.sidecars",
    );
  }
  if (pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed") return { is: "over" };
  const restarted = others.filter((one) => policyOf(one, pod) === "Always");
  if (restarted.length > 0) {
    return endless(
      `restartPolicy is Always: ${restarted.map(({ name }) => name).join(", ")} will be started again whenever it ends`,
      "a Job's pod has OnFailure or Never",
    );
  }
  const running = others.filter((one) => !hasEndedForGood(one, pod)).map(({ name }) => name);
  return running.length === 0 ? { is: "over" } : { is: "running", running };
}

/** When its last container has ended at the latest, as pod and Job say it; in milliseconds, null where neither does. */
export function deadlineOf(pod: Pod, job: Job | null): number | null {
  const grace = pod.spec?.terminationGracePeriodSeconds ?? 30;
  const ends = [pod, job].flatMap((one) => {
    const begun = Date.parse(one?.status?.startTime ?? "");
    const seconds = one?.spec?.activeDeadlineSeconds;
    return seconds === undefined || Number.isNaN(begun) ? [] : [begun + (seconds + grace) * 1_000];
  });
  return ends.length === 0 ? null : Math.min(...ends);
}

/** The name of the Job that has made the pod, if one has. */
export function jobOf(pod: Pod): string | undefined {
  return pod.metadata?.ownerReferences?.find(({ kind }) => kind === "Job")?.name;
}

// ---- internal ----

function endless(why: string, hint: string): JobState {
  return { is: "endless", why, hint };
}

function policyOf(container: Container, pod: Pod): RestartPolicy {
  return container.restartPolicy ?? pod.spec?.restartPolicy ?? "Always";
}

function hasEndedForGood(container: Container, pod: Pod): boolean {
  const status = pod.status?.containerStatuses?.find(({ name }) => name === container.name);
  const terminated = status?.state?.terminated;
  if (terminated === undefined) return false;
  const { exitCode = 0 } = terminated;
  // Whatever the rule does, it is not the end.
  if (container.restartPolicyRules?.some((rule) => holdsFor(rule, exitCode))) return false;
  return exitCode === 0 || policyOf(container, pod) === "Never";
}

function holdsFor({ exitCodes }: RestartRule, exitCode: number): boolean {
  const listed = exitCodes?.values?.includes(exitCode) ?? false;
  return exitCodes?.operator === "NotIn" ? !listed : listed;
}
