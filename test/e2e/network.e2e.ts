/** The chart's NetworkPolicy, where the cluster's network enforces such policies at all. */
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { applyText, helm, kubectl, until, useChart, WORLD_IMAGE, why } from "./cluster.ts";
import { review, WEBHOOK_PODS } from "./webhook.ts";

const REVIEWS = 8443;
const METRICS = 9102;
const PROMETHEUS = "networkPolicy.metricsFrom[0]";

describe.skipIf(why !== "")(`the webhook behind its NetworkPolicy${why}`, () => {
  useChart(
    `${PROMETHEUS}.namespaceSelector.matchLabels.kubernetes\\.io/metadata\\.name=tsb`,
    `${PROMETHEUS}.podSelector.matchLabels.app=prometheus`,
  );
  let enforced = false;

  beforeAll(async () => {
    for (const name of ["prometheus", "other"]) await applyText(JSON.stringify(sleeper(name)));
    await kubectl("wait", "-n", "tsb", "--for=condition=Ready", "pod/prometheus", "pod/other", "--timeout=120s");
    const webhook = await webhookPod();
    // Two pods of one network hear each other, unless a policy forbids it.
    await until(async () => {
      enforced = !(await connects("tsb", "other", webhook.ip, METRICS));
      return enforced;
    }, 20_000);
  });

  beforeEach(({ skip }) => {
    if (!enforced) skip("the cluster's network does not enforce NetworkPolicies");
  });

  it("gives its metrics to whom the policy names, and to nobody else", async () => {
    const { ip } = await webhookPod();
    expect(await connects("tsb", "prometheus", ip, METRICS)).toBe(true);
    expect(await connects("tsb", "other", ip, METRICS)).toBe(false);
  });

  it("answers the kubelet's probes and the API server", async () => {
    await review();
    const ready = "jsonpath={.status.readyReplicas}";
    expect(await kubectl("get", "-n", "lessee", "deploy/lessee", "-o", ready)).toBe("2");
  });

  it("reaches nobody", async () => {
    const { name } = await webhookPod();
    const addresses = "jsonpath={.items[0].status.podIP}";
    const world = await kubectl("get", "pods", "-n", "vault", "-l", "app=world", "-o", addresses);
    expect(await connects("lessee", name, world, 8200)).toBe(false);
    // Who may do so can.
    expect(await connects("tsb", "other", world, 8200)).toBe(true);
  });

  it("answers nobody else where it is said who may ask for reviews", async () => {
    const { ip } = await webhookPod();
    expect(await connects("tsb", "other", ip, REVIEWS)).toBe(true);
    const nobody = "networkPolicy.from[0].podSelector.matchLabels.app=nobody";
    await helm("upgrade", "lessee", "charts/lessee", "-n", "lessee", "--reuse-values", "--set", nobody);
    await expect.poll(() => connects("tsb", "other", ip, REVIEWS), { timeout: 20_000, interval: 500 }).toBe(false);
  });
});

async function webhookPod(): Promise<{ readonly name: string; readonly ip: string }> {
  const list = await kubectl("get", "pods", "-n", "lessee", "-l", WEBHOOK_PODS, "-o", "json");
  const [pod] = (JSON.parse(list) as { items: readonly { metadata: { name: string }; status: { podIP: string } }[] })
    .items;
  return { name: pod!.metadata.name, ip: pod!.status.podIP };
}

/** Whether a connection is made: a policy refuses it, or lets it wait. */
async function connects(namespace: string, pod: string, host: string, port: number): Promise<boolean> {
  const script = `const socket = require("node:net").connect(${port}, "${host}");
    const say = (what) => { console.log(what); process.exit(); };
    socket.on("connect", () => say("open")).on("error", () => say("closed"));
    setTimeout(() => say("closed"), 3000);`;
  return (await kubectl("exec", "-n", namespace, pod, "--", "node", "-e", script)).trim() === "open";
}

function sleeper(name: string): object {
  const container = { name: "app", image: WORLD_IMAGE, imagePullPolicy: "IfNotPresent", command: ["sleep", "3600"] };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "tsb", labels: { app: name } },
    spec: { terminationGracePeriodSeconds: 1, containers: [container] },
  };
}
