/**
 * The seed's deployment in a real cluster: `KUBECONFIG=… npm run test:e2e`. The chart's webhook injects tsb, spm and the
 * CronJob spmsync; tokens are reviewed by the cluster; users live 40 s at most. Everything that is made is removed again.
 *
 * The two images have to be on the nodes. With docker they are made here, and LESSEE_E2E_LOAD is a command that puts an
 * archive of them there, from its standard input: `kind load image-archive /dev/stdin`, `ctr -n k8s.io images import -`.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildImage } from "../../dev/image/build.ts";
import { makeLocalImages } from "../../dev/image/local.ts";
import { findDocker } from "../../dev/image/programs.ts";
import { makeWorldImage } from "../../dev/image/world.ts";
import { needs } from "../charts/tool.ts";
import { apply, applyText, helm, kubectl, logged, readyPod, report, restarts, users } from "./cluster.ts";

const { KUBECONFIG, LESSEE_E2E_LOAD } = process.env;
const IMAGE = process.env.LESSEE_E2E_IMAGE ?? "registry.example/lessee:0.1.0";
const WORLD_IMAGE = process.env.LESSEE_E2E_WORLD_IMAGE ?? "registry.example/lessee-world:1";
const why = KUBECONFIG ? needs("kubectl", "helm") : " (skipped: needs KUBECONFIG)";

/** The most that a user lives: what nobody gives back is gone after it. */
const MAX_TTL = 40_000;
const patience = { timeout: 2 * MAX_TTL, interval: 1_000 };

describe.skipIf(why !== "")(`the seed in a cluster${why}`, () => {
  let address: string;

  beforeAll(async () => {
    if (LESSEE_E2E_LOAD) await loadImages(LESSEE_E2E_LOAD);
    await apply("world.yaml", { WORLD_IMAGE });
    await kubectl("rollout", "status", "-n", "vault", "deploy/world", "--timeout=120s");
    address = await kubectl("get", "svc", "-n", "vault", "world", "-o", "jsonpath={.spec.clusterIP}");
    const repository = IMAGE.slice(0, IMAGE.lastIndexOf(":"));
    await helm(
      ...["upgrade", "--install", "lessee", "charts/lessee", "-n", "lessee", "--create-namespace", "--wait"],
      ...["--set", `image.repository=${repository}`, "--set", `image.tag=${IMAGE.slice(repository.length + 1)}`],
      ...["--set", `vault.address=http://${address}:8200`, "--timeout=120s"],
    );
    await apply("applications.yaml", { WORLD_IMAGE, WORLD_ADDRESS: address });
  });

  afterAll(async () => {
    await kubectl("delete", "namespace", "tsb", "vault", "--ignore-not-found", "--timeout=180s");
    await helm("uninstall", "lessee", "-n", "lessee", "--ignore-not-found", "--wait");
    await kubectl("delete", "namespace", "lessee", "--ignore-not-found", "--timeout=120s");
    await kubectl("delete", "clusterrolebinding", "lessee-e2e-vault", "--ignore-not-found");
  });

  it("passes helm test", async () => {
    expect(await helm("test", "lessee", "-n", "lessee")).toMatch(/Phase:\s+Succeeded/);
  });

  it("keeps its certificate when the release is upgraded", async () => {
    const certificate = () =>
      kubectl("get", "secret", "-n", "lessee", "lessee-tls", "-o", "jsonpath={.data.tls\\.crt}");
    const before = await certificate();
    await helm("upgrade", "lessee", "charts/lessee", "-n", "lessee", "--reuse-values", "--wait");
    expect(await certificate()).toBe(before);
    const bundle = await kubectl(
      "get",
      "mutatingwebhookconfiguration",
      "lessee",
      "-o",
      "jsonpath={.webhooks[0].clientConfig.caBundle}",
    );
    expect(bundle).toBe(
      await kubectl("get", "secret", "-n", "lessee", "lessee-tls", "-o", "jsonpath={.data.ca\\.crt}"),
    );
  });

  it("starts tsb and spm with one user each, reviewed by the cluster, the seed's annotations unchanged", async () => {
    const pods = await Promise.all([readyPod("tsb"), readyPod("spm")]);
    const ours = await Promise.all(pods.map(async (pod) => (await report(pod)).user));
    expect((await users()).map(({ name }) => name).sort()).toEqual([...ours].sort());
    for (const pod of pods) expect(await logged(pod, "adopted")).toHaveLength(1);
  });

  it("leaves a pod alone that did not ask", async () => {
    const containers = await kubectl(
      "get",
      "pods",
      "-n",
      "vault",
      "-o",
      "jsonpath={.items[*].spec.containers[*].name} {.items[*].spec.initContainers[*].name}",
    );
    expect(containers.trim()).toBe("world");
  });

  it("refuses a pod whose annotation nobody knows, with the nearest one", async () => {
    const refused = applyText(
      JSON.stringify({
        apiVersion: "v1",
        kind: "Pod",
        metadata: {
          name: "misspelt",
          namespace: "tsb",
          annotations: {
            "vault.hashicorp.com/agent-inject": "true",
            "vault.hashicorp.com/role": "pg",
            "vault.hashicorp.com/agent-inject-secret-config.yaml": "database/creds/pg-role",
            "lessee/connection-max-lifetim": "5s",
          },
        },
        spec: { containers: [{ name: "app", image: WORLD_IMAGE }] },
      }),
    );
    await expect(refused).rejects.toThrow(/did you mean lessee\/connection-max-lifetime/);
  });

  it("rotates three times without a failed query", async () => {
    const pods = await Promise.all([readyPod("tsb"), readyPod("spm")]);
    const seen = pods.map(() => new Set<string | null>());
    for (
      const end = Date.now() + 5 * MAX_TTL;
      seen.some((names) => names.size < 4) && Date.now() < end;
      await sleep(1_000)
    )
      for (const [index, pod] of pods.entries()) seen[index]?.add((await report(pod)).user);
    for (const [index, pod] of pods.entries()) {
      const { ok, failed, lastFailure } = await report(pod);
      expect({ failed, lastFailure, users: (seen[index]?.size ?? 0) >= 4, busy: ok > 1_000 }).toEqual({
        failed: 0,
        lastFailure: null,
        users: true,
        busy: true,
      });
    }
  });

  it("goes on with the same user when the sidecar is killed", async () => {
    const pod = await readyPod("tsb");
    const before = await restarts(pod);
    // Node, and not the launcher, which the kernel protects inside of its own namespace.
    await kubectl("exec", "-n", "tsb", pod, "-c", "vault-agent", "--", "sh", "-c", "kill -9 $(pidof MainThread node)");
    await expect.poll(() => restarts(pod), patience).toBe(before + 1);
    await readyPod("tsb");
    expect((await logged(pod, "adopted")).length).toBeGreaterThan(0);
    expect(await logged(pod, "read")).toEqual([]);
    expect((await report(pod)).failed).toBe(0);
  });

  it("runs spmsync from the CronJob to its end, and its user ends with it", async () => {
    const before = new Set((await users()).map(({ name }) => name));
    await kubectl("create", "job", "-n", "tsb", "--from=cronjob/spmsync", "spmsync-1");
    await kubectl("wait", "-n", "tsb", "--for=condition=complete", "job/spmsync-1", "--timeout=120s");
    const name = /done as (\S+)/.exec(await kubectl("logs", "-n", "tsb", "job/spmsync-1", "-c", "spmsync"))?.[1] ?? "";
    expect(before.has(name)).toBe(false);
    await expect.poll(async () => (await users()).map((user) => user.name), patience).not.toContain(name);
  });

  it("is there again after a pod was deleted by force, and its user goes at the end of its lease", async () => {
    const pod = await readyPod("tsb");
    const { user } = await report(pod);
    await kubectl("delete", "pod", "-n", "tsb", pod, "--force", "--grace-period=0");
    const next = await readyPod("tsb", pod);
    expect((await report(next)).failed).toBe(0);
    await expect.poll(async () => (await users()).map(({ name }) => name), patience).not.toContain(user);
  });

  it("leaves no user when the pods are deleted", async () => {
    const tsb = await readyPod("tsb");
    const { user } = await report(tsb);
    await kubectl("scale", "-n", "tsb", "deploy/tsb", "deploy/spm", "--replicas=0");
    await kubectl("wait", "-n", "tsb", "--for=delete", "pod", "-l", "app=tsb", "--timeout=90s");
    // Given back before the pod was gone; spm's, whose sessions nobody may look at, ends with its lease.
    expect((await users()).map(({ name }) => name)).not.toContain(user);
    await expect.poll(users, patience).toEqual([]);
  });
});

async function loadImages(command: string): Promise<void> {
  const docker = await findDocker();
  if (!docker) throw new Error("LESSEE_E2E_LOAD needs docker, with which the images are made");
  const { base, node } = await makeLocalImages(process.execPath);
  await buildImage({ tag: IMAGE, args: { BASE: base, NODE: node, BUILD: node, DIST: "prebuilt" } });
  await makeWorldImage(docker, WORLD_IMAGE, process.execPath);
  const saved = spawn(docker, ["save", IMAGE, WORLD_IMAGE], { stdio: ["ignore", "pipe", "inherit"] });
  const loaded = spawn("sh", ["-c", command], { stdio: [saved.stdout, "ignore", "inherit"] });
  const [[code], [saving]] = await Promise.all([once(loaded, "exit"), once(saved, "exit")]);
  if (code !== 0 || saving !== 0) throw new Error(`the images could not be loaded: ${command} ended with ${code}`);
}
