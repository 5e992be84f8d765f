/** Beside a Job: the sidecar ends when the job has ended, and nothing is left behind. */
import { spawnSync } from "node:child_process";
import { readdir, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
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

describe("M10: an init container for a job", () => {
  const INIT = ["-exit-after-auth"];

  it("leaves a user that ends soon after the job", { timeout: 30_000 }, async () => {
    const pod = await world.pod(LONG);
    const init = await pod.agent(configuration(pod), { args: INIT, env: { LESSEE_JOB_LIFETIME: "4s" } });
    expect(await init.ended).toEqual({ code: 0, signal: null });
    const { user, ttl } = await init.event("handed over");
    expect(Number.parseFloat(String(ttl))).toBeCloseTo(4, 0);
    const { username } = await pod.credential();
    expect(username).toBe(user);
    const app = await pod.application("per-connection");
    const { ok } = await app.until((report) => report.ok > 50);
    expect(ok).toBeGreaterThan(50);
    expect((await app.stop()).failed).toBe(0);
    // With its lease of a minute it would be there for a minute; with the token's hour the token would.
    expect(await pod.left(8_000)).toEqual([]);
  });

  it("asks the pod for its deadline, and says with numbers what the TTLs do not cover", async () => {
    const pod = await world.pod({ ttl: { default: "20s", max: "30s" } });
    const { pods } = world.kubernetes;
    pods.allow("get pods", "get jobs");
    const began = { startTime: new Date().toISOString() };
    pods.put("pods", {
      metadata: { name: "tsb-0", namespace: "tsb", ownerReferences: [{ kind: "Job", name: "spmsync" }] },
      spec: { terminationGracePeriodSeconds: 0 },
      status: began,
    });
    const job = (activeDeadlineSeconds: number) =>
      pods.put("jobs", {
        metadata: { name: "spmsync", namespace: "tsb" },
        spec: { activeDeadlineSeconds },
        status: began,
      });
    const args = INIT;
    const env = await inCluster(pod);
    job(25);
    const enough = await pod.agent(jobConfiguration(pod, ""), { args, env });
    expect((await enough.ended).code).toBe(0);
    const { lifetime, ttl } = await enough.event("handed over");
    expect(Number.parseFloat(String(lifetime))).toBeLessThanOrEqual(25);
    expect(Number.parseFloat(String(ttl))).toBeGreaterThan(15);
    expect(enough.entries.filter(({ level }) => level === "warn")).toEqual([]);

    job(3_600);
    const short = await pod.agent(jobConfiguration(pod, ""), { args, env });
    expect((await short.ended).code).toBe(0);
    const { message } = await short.event("warning");
    expect(message).toMatch(/the job may run (1h|59m\d+s), and the lease ends after \d+s \(max_ttl .* loses its user/);
  });

  it("says when nobody tells how long the job may run", async () => {
    const pod = await world.pod(LONG);
    world.kubernetes.pods.allow("get pods");
    put(RUNNING);
    const init = await pod.agent(jobConfiguration(pod, ""), { args: INIT, env: await inCluster(pod) });
    expect((await init.ended).code).toBe(0);
    const { message } = await init.event("warning", ({ code }) => code === "job-lifetime");
    expect(message).toMatch(/is not known \(set lifetime, or LESSEE_JOB_LIFETIME\): .*activeDeadlineSeconds/);
    expect((await init.event("handed over")).ttl).toBe("1m");
  });

  it("does not start with a time that is none", async () => {
    const pod = await world.pod(LONG);
    const init = await pod.agent(configuration(pod), { args: INIT, env: { LESSEE_JOB_LIFETIME: "an hour" } });
    expect((await init.ended).code).toBe(1);
    expect(init.lines.join()).toMatch(/LESSEE_JOB_LIFETIME: time: invalid duration "an hour"/);
  });
});

it("Trouble is on the pod as events, and no secret with it", async () => {
  const pod = await world.pod(LONG);
  const { pods } = world.kubernetes;
  pods.allow("create events");
  pod.vault.faults.inject(
    ({ path }) => path === "/v1/database/creds/pg-role",
    { kind: "answer", status: 500, body: { errors: ["no room for a user"] } },
    2,
  );
  const before = pods.created.length;
  const rest = `kubernetes {
  events               = true
  service_account_path = "${pod.path("serviceaccount")}"
}`;
  const agent = await pod.agent(configuration(pod, { rest }), { env: await inCluster(pod) });
  await agent.event("published");
  await expect.poll(() => pods.created.length).toBe(before + 1);
  const { password } = await pod.credential();
  expect(pods.created[before]).toMatchObject({
    reason: "RotationFailing",
    message: expect.stringContaining("no room for a user"),
    involvedObject: { kind: "Pod", name: "tsb-0" },
  });
  expect(JSON.stringify(pods.created)).not.toContain(password);
  expect((await agent.stop()).code).toBe(0);
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
