/** A pod's view of an emulated cluster: its service account folder, and the environment that kubelet gives it. */
import files, { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type Kubernetes, startKubernetes } from "../../dev/kubernetes/token-review.ts";
import { type Cluster, openCluster } from "../../src/kubernetes/cluster.ts";

export interface TestCluster {
  readonly kubernetes: Kubernetes;
  readonly serviceAccount: string;
  readonly env: Readonly<Record<string, string>>;
  open(): Promise<Cluster>;
  /** Puts another token there, as kubelet does. */
  project(token: string): Promise<void>;
}

const POD = { name: "spmsync-28", uid: "0a3f9e0d-62f4-4a0c-a1f9-5b2c8f0e5a11" };

export async function startCluster(): Promise<TestCluster> {
  const kubernetes = await startKubernetes();
  const folder = await mkdtemp(join(tmpdir(), "lessee-cluster-"));
  onTestFinished(async () => {
    await kubernetes.stop();
    await rm(folder, { recursive: true });
  });
  const serviceAccount = join(folder, "serviceaccount");
  await mkdir(serviceAccount);
  const env = environmentOf(kubernetes);
  const project = (token: string) => writeFile(join(serviceAccount, "token"), token);
  await project(kubernetes.signToken({ namespace: "tsb", name: "spm", pod: POD }));
  await writeFile(join(serviceAccount, "ca.crt"), kubernetes.caCertificate);
  await writeFile(join(serviceAccount, "namespace"), "tsb");
  return { kubernetes, serviceAccount, env, project, open: () => openCluster(serviceAccount, { env, files }) };
}

export function environmentOf(kubernetes: Kubernetes): Readonly<Record<string, string>> {
  const { hostname, port } = new URL(kubernetes.address);
  return { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
}

/** The job's pod: lessee beside `job`, whose container is in this state. */
export function jobPod(job: object, more: { readonly policy?: string; readonly spec?: object } = {}) {
  return {
    kind: "Pod",
    metadata: { name: POD.name, namespace: "tsb", uid: POD.uid },
    spec: { restartPolicy: more.policy ?? "Never", containers: [{ name: "job" }, { name: "lessee" }], ...more.spec },
    status: {
      phase: "Running",
      startTime: new Date().toISOString(),
      containerStatuses: [
        { name: "job", state: job },
        { name: "lessee", state: { running: {} } },
      ],
    },
  };
}

export const RUNNING = { running: { startedAt: "2026-11-25T10:00:00Z" } };
export const succeeded = { terminated: { exitCode: 0, reason: "Completed" } };
export const failed = { terminated: { exitCode: 1, reason: "Error" } };
