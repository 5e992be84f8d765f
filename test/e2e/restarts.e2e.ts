/**
 * What happens to nodes. LESSEE_E2E_NODE is a shell of root on the node where the pods run, to which the tests write
 * what it is to do: `docker exec -i kind-control-plane sh -s`, or `sh -s` on the node itself. It needs `ctr`, `systemctl`
 * and `curl`; the cluster has one node.
 */
import { exec } from "node:child_process";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import {
  adoptedBy,
  apply,
  type DatabaseUser,
  getPod,
  kubectl,
  logged,
  type Pod,
  readyPod,
  report,
  restarts,
  running,
  statuses,
  UNTIL_EXPIRY,
  unharmed,
  useChart,
  userNames,
  usersOf,
  why as whyNot,
  worldAddress,
} from "./cluster.ts";

const { LESSEE_E2E_NODE } = process.env;
const why = whyNot || (LESSEE_E2E_NODE ? "" : " (skipped: needs LESSEE_E2E_NODE)");

describe.skipIf(why !== "")(`a pod whose node is in trouble${why}`, () => {
  useChart();
  beforeAll(async () => apply("tsb.yaml", { WORLD_ADDRESS: await worldAddress() }));

  it("goes on with the same user when all of its containers are killed at once", async () => {
    const pod = await readyPod("tsb");
    await report(pod);
    const [before, containers, held] = await Promise.all([getPod(pod), running(pod), userNames()]);
    expect(containers).toHaveLength(2);
    await kill(containers);
    await replaced(before);
    expect(held).toContain(await adoptedBy(pod));
    await unharmed(pod, "--previous");
    await unharmed(pod);
  });

  it("goes on with the same user when its sandbox goes, too, and the init container runs again", async () => {
    const pod = await readyPod("tsb");
    await usersOf(pod, 1);
    const [before, held] = await Promise.all([getPod(pod), userNames()]);
    const { uid } = before.metadata;
    await kill(
      (await node(`ctr -n k8s.io containers ls -q 'labels."io.kubernetes.pod.uid"==${uid}'`)).trim().split("\n"),
    );
    await replaced(before);
    expect(held).toContain(await adoptedBy(pod, "vault-agent-init"));
    expect(await adoptedBy(pod)).toBe(await adoptedBy(pod, "vault-agent-init"));
    await unharmed(pod);
  });

  it("rotates while the kubelet is away", async () => {
    const pod = await readyPod("tsb");
    const { user } = await report(pod);
    const before = await restarts(pod);
    const world = await kubectl("get", "pods", "-n", "vault", "-o", "jsonpath={.items[0].status.podIP}");
    await node("systemctl stop kubelet");
    try {
      // kubectl's logs and exec are the kubelet's.
      const names = async () =>
        (JSON.parse(await node(`curl -s http://${world}:8080/users`)) as DatabaseUser[]).map(({ name }) => name);
      await expect.poll(names, UNTIL_EXPIRY).not.toContain(user);
    } finally {
      await node("systemctl start kubelet");
    }
    await kubectl("wait", "--for=condition=Ready", "node", "--all", "--timeout=120s");
    expect(await readyPod("tsb")).toBe(pod);
    expect((await unharmed(pod)).user).not.toBe(user);
    expect(await restarts(pod)).toBe(before);
  });

  it("does not notice that the runtime is started anew", async () => {
    const pod = await readyPod("tsb");
    const before = await restarts(pod);
    await node("systemctl restart containerd");
    await usersOf(pod, 2);
    await unharmed(pod);
    expect(await restarts(pod)).toBe(before);
  });

  it("starts with a new user when the node is switched off and on, and the old one ends with its lease", async () => {
    const pod = await readyPod("tsb");
    const old = (await report(pod)).user;
    const before = await getPod(pod);
    const { uid } = before.metadata;
    await node(`systemctl stop kubelet
      for id in $(ctr -n k8s.io containers ls -q 'labels."io.kubernetes.pod.uid"==${uid}'); do
        ctr -n k8s.io tasks kill --signal SIGKILL "$id" 2>/dev/null
      done
      sleep 1
      for volume in $(grep -o '/[^ ]*/pods/${uid}/volumes/kubernetes.io~empty-dir/[^ ]*' /proc/mounts); do
        umount "$volume"
      done
      systemctl start kubelet`);
    await replaced(before);
    expect(await logged(pod, "read", "vault-agent-init")).toHaveLength(1);
    expect((await unharmed(pod)).user).not.toBe(old);
    await expect.poll(userNames, UNTIL_EXPIRY).not.toContain(old);
  });
});

async function kill(containers: readonly string[]): Promise<void> {
  await node(containers.map((id) => `ctr -n k8s.io tasks kill --signal SIGKILL ${id} 2>/dev/null &`).join("\n"));
}

/** Sidecar and application are others than these, and ready. (A new sandbox begins to count the restarts anew.) */
async function replaced(before: Pod): Promise<void> {
  const old = new Set(statuses(before).map(({ containerID }) => containerID));
  const { name } = before.metadata;
  const staying = async () =>
    statuses(await getPod(name)).filter((one) => one.name !== "vault-agent-init" && old.has(one.containerID));
  await expect.poll(staying, UNTIL_EXPIRY).toEqual([]);
  expect(await readyPod("tsb")).toBe(name);
}

async function node(script: string): Promise<string> {
  // On this very machine it starts what stays: not this file's, by its temporary folder.
  const { TMPDIR, ...env } = process.env;
  const shell = promisify(exec)(LESSEE_E2E_NODE!, { env });
  shell.child.stdin?.end(`${script}\n`);
  return (await shell).stdout;
}
