/**
 * The seed's deployment in a real cluster: the chart's webhook injects tsb, spm and the CronJob spmsync, the cluster
 * reviews their tokens, and users live for 40 or 60 s at most.
 */
import { beforeAll, describe, expect, it } from "vitest";
import {
  AT_ONCE,
  adoptedBy,
  apply,
  applyText,
  kubectl,
  logged,
  readyPod,
  report,
  restarts,
  UNTIL_EXPIRY,
  unharmed,
  useChart,
  userNames,
  users,
  usersOf,
  WORLD_IMAGE,
  why,
  worldAddress,
} from "./cluster.ts";

/** Of `brief-role`. */
const BRIEF_LEASE = 20_000;

describe.skipIf(why !== "")(`the seed in a cluster${why}`, () => {
  useChart();
  beforeAll(async () => {
    const words = { WORLD_ADDRESS: await worldAddress() };
    for (const name of ["tsb", "spm", "spmsync"]) await apply(`${name}.yaml`, words);
  });

  it("starts tsb and spm with one user each, reviewed by the cluster, the seed's annotations unchanged", async () => {
    const pods = await Promise.all([readyPod("tsb"), readyPod("spm")]);
    const ours = await Promise.all(pods.map(async (pod) => (await report(pod)).user!));
    expect([...(await userNames())].sort()).toEqual([...ours].sort());
    for (const pod of pods) expect(await logged(pod, "adopted")).toHaveLength(1);
  });

  it("leaves a pod alone that did not ask", async () => {
    const names = "{.items[*].spec.containers[*].name} {.items[*].spec.initContainers[*].name}";
    const containers = await kubectl("get", "pods", "-n", "vault", "-o", `jsonpath=${names}`);
    expect(containers.trim()).toBe("world");
  });

  it("refuses a pod whose annotation nobody knows, with the nearest one", async () => {
    const annotations = {
      "vault.hashicorp.com/agent-inject": "true",
      "vault.hashicorp.com/role": "pg",
      "vault.hashicorp.com/agent-inject-secret-config.yaml": "database/creds/pg-role",
      "lessee/connection-max-lifetim": "5s",
    };
    const metadata = { name: "misspelt", namespace: "tsb", annotations };
    const spec = { containers: [{ name: "app", image: WORLD_IMAGE }] };
    const refused = applyText(JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata, spec }));
    await expect(refused).rejects.toThrow(/did you mean lessee\/connection-max-lifetime/);
  });

  it("rotates tsb three times and spm twice without a failed query", async () => {
    const [tsb, spm] = await Promise.all([readyPod("tsb"), readyPod("spm")]);
    await Promise.all([usersOf(tsb, 4), usersOf(spm, 3)]);
    for (const pod of [tsb, spm]) expect((await unharmed(pod)).ok).toBeGreaterThan(1_000);
    expect(await Promise.all([restarts(tsb), restarts(spm)])).toEqual([0, 0]);
  });

  it("replaces a leaked password when it is told to, and no query fails", async () => {
    const pod = await readyPod("tsb");
    const { user } = await report(pod);
    const said = await kubectl("exec", "-n", "tsb", pod, "-c", "vault-agent", "--", "lessee", "rotate");
    expect(said).toMatch(/ has taken the place of v-/);
    expect(await userNames()).not.toContain(user);
    await unharmed(pod);
  });

  it("ends the user of a deleted pod with its lease where nobody may look at sessions", async () => {
    const spm = await readyPod("spm");
    await kubectl("scale", "-n", "tsb", "deploy/spm", "--replicas=0");
    await kubectl("wait", "-n", "tsb", "--for=delete", `pod/${spm}`, "--timeout=90s");
    await expect.poll(userNames, UNTIL_EXPIRY).toHaveLength(1);
  });

  it("goes on with the same user when the sidecar is killed", async () => {
    const pod = await readyPod("tsb");
    const [before, held] = await Promise.all([restarts(pod), userNames()]);
    // Node, and not the launcher, which the kernel protects inside of its own namespace.
    await kubectl("exec", "-n", "tsb", pod, "-c", "vault-agent", "--", "sh", "-c", "kill -9 $(pidof MainThread node)");
    await expect.poll(() => restarts(pod), UNTIL_EXPIRY).toBe(before + 1);
    await readyPod("tsb");
    expect(held).toContain(await adoptedBy(pod));
    await unharmed(pod);
  });

  it("runs spmsync from the CronJob to its end, and its user ends with it", async () => {
    const before = await userNames();
    await kubectl("create", "job", "-n", "tsb", "--from=cronjob/spmsync", "spmsync-1");
    await kubectl("wait", "-n", "tsb", "--for=condition=complete", "job/spmsync-1", "--timeout=120s");
    const name = /done as (\S+)/.exec(await kubectl("logs", "-n", "tsb", "job/spmsync-1", "-c", "spmsync"))?.[1] ?? "";
    expect(before).not.toContain(name);
    await expect.poll(userNames, UNTIL_EXPIRY).not.toContain(name);
  });

  it("is there again after a pod was deleted by force, whose user ends with its lease", async () => {
    const pod = await readyPod("tsb");
    const { user } = await report(pod);
    await kubectl("delete", "pod", "-n", "tsb", pod, "--force", "--grace-period=0");
    // No longer than that, which the max TTL would allow: nobody renews it.
    await expect.poll(userNames, { ...AT_ONCE, timeout: 1.5 * BRIEF_LEASE }).not.toContain(user);
    await unharmed(await readyPod("tsb", pod));
  });

  it("leaves no user when a pod is deleted whose sessions it may look at", async () => {
    const tsb = await readyPod("tsb");
    await report(tsb);
    await kubectl("scale", "-n", "tsb", "deploy/tsb", "--replicas=0");
    await kubectl("wait", "-n", "tsb", "--for=delete", `pod/${tsb}`, "--timeout=90s");
    // Given back before the pod was gone.
    expect(await users()).toEqual([]);
  });
});
