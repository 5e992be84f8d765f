/** Beside a Job: the sidecar ends when the job has ended, and nothing is left behind. */
import { spawnSync } from "node:child_process";
import { readdir, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { environmentOf, RUNNING, succeeded } from "../kubernetes/support.ts";
import { configuration } from "../support/configuration.ts";
import { type Pod, startWorld, type World } from "../support/world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

const LONG = { ttl: { default: "60s", max: "10m" } };

/** The pod's object, with the job's container in this state. */
function put(job: object): void {
  world.kubernetes.pods.put("pods", {
    kind: "Pod",
    metadata: { name: "tsb-0", namespace: "tsb" },
    spec: {
      restartPolicy: "OnFailure",
      containers: [{ name: "job" }, { name: "lessee" }, { name: "istio-proxy" }],
      initContainers: [{ name: "log-shipper", restartPolicy: "Always" }],
    },
    status: { phase: "Running", containerStatuses: [{ name: "job", state: job }] },
  });
}

/** What kubelet mounts and sets for a service account. */
async function inCluster(pod: Pod): Promise<Readonly<Record<string, string>>> {
  await writeFile(pod.path("serviceaccount", "ca.crt"), world.kubernetes.caCertificate);
  await writeFile(pod.path("serviceaccount", "namespace"), "tsb");
  return environmentOf(world.kubernetes);
}

function jobConfiguration(pod: Pod, job: string): string {
  return configuration(pod, {
    rest: `job { ${job} }
kubernetes { service_account_path = "${pod.path("serviceaccount")}" }`,
  });
}

async function expectNothingLeft(pod: Pod): Promise<void> {
  expect(await pod.left()).toEqual([]);
  expect(await readdir(pod.path("state"))).toEqual([]);
}

it("The sidecar ends with the job's containers, and gives everything back", { timeout: 60_000 }, async () => {
  const pod = await world.pod(LONG);
  const { pods } = world.kubernetes;
  pods.allow("get pods", "watch pods");
  put(RUNNING);
  const app = await pod.application("per-connection");
  const agent = await pod.agent(jobConfiguration(pod, `sidecars = ["istio-proxy"]`), { env: await inCluster(pod) });
  await agent.event("confirmed");
  expect((await agent.event("waiting for the job")).running).toEqual(["job"]);
  await expect.poll(pods.watchers).toBe(1);

  // A failed run that OnFailure repeats is not the end.
  put({ terminated: { exitCode: 1 } });
  put(RUNNING);
  expect((await app.stop()).failed).toBe(0);
  put(succeeded);
  expect(await agent.ended).toEqual({ code: 0, signal: null });
  expect((await agent.event("stopping")).reason).toBe("the other containers have ended");
  expect((await agent.event("stopped")).held).toBe(0);
  await expectNothingLeft(pod);
});

it("Without the rights that it needs it says which, and does its work all the same", async () => {
  const pod = await world.pod(LONG);
  world.kubernetes.pods.allow();
  put(RUNNING);
  const agent = await pod.agent(jobConfiguration(pod, ""), { env: await inCluster(pod) });
  const { message } = await agent.event("warning", ({ code }) => code === "job");
  expect(message).toMatch(/resources: \[pods\], verbs: \[get\]/);
  await agent.event("published");
  expect(await agent.stop()).toEqual({ code: 0, signal: null });
  await expectNothingLeft(pod);
});

it("Outside of a cluster it says so", async () => {
  const pod = await world.pod(LONG);
  const agent = await pod.agent(jobConfiguration(pod, ""));
  const { message } = await agent.event("warning", ({ code }) => code === "job");
  expect(message).toMatch(/KUBERNETES_SERVICE_HOST is not set.*until = "process"/);
  expect((await agent.stop()).code).toBe(0);
});

it("A native sidecar, which is told after the job has ended, gives everything back", async () => {
  const pod = await world.pod(LONG);
  const app = await pod.application("per-connection");
  const agent = await pod.agent(configuration(pod));
  await agent.event("confirmed");
  expect((await app.stop()).failed).toBe(0);
  expect(await agent.stop()).toEqual({ code: 0, signal: null });
  await expectNothingLeft(pod);
});

/** A process namespace of its own, as the containers of a pod share one; `$0` is a job that waits for a file. */
const NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];
const mayUnshare = spawnSync(NAMESPACE[0]!, [...NAMESPACE.slice(1), "true"]).status === 0;

it.skipIf(!mayUnshare)(
  "In a shared process namespace the sidecar ends with the last other process (needs the right to unshare)",
  { timeout: 60_000 },
  async () => {
    const pod = await world.pod(LONG);
    const script = 'while [ ! -e "$0" ]; do sleep 0.05; done & "$@"; exit $?';
    const agent = await pod.agent(jobConfiguration(pod, `until = "process"\n quiet_period = "1s"`), {
      within: [...NAMESPACE, "sh", "-c", script, pod.path("done")],
    });
    await agent.event("published");
    const { running } = await agent.event("waiting for the job");
    expect((running as readonly string[]).every((name) => ["sh", "sleep"].includes(name))).toBe(true);
    await writeFile(pod.path("done"), "");
    expect(await agent.ended).toEqual({ code: 0, signal: null });
    expect((await agent.event("stopping")).reason).toBe("no other process has been there for 1 s");
    await expectNothingLeft(pod);
  },
);
