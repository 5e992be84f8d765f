/**
 * From HashiCorp's injector to lessee's webhook and back, as docs/operations.md has it, with an application that goes on.
 * It needs the injector, and Vault Agent where the way shall begin and end with it: as images (LESSEE_E2E_INJECTOR_IMAGE,
 * `hashicorp/vault-k8s:…`, and LESSEE_E2E_AGENT_IMAGE) or as programs (`…_BIN`), of which `setup.ts` makes some.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  AGENT_IMAGE,
  apply,
  applyText,
  getPod,
  IMAGE,
  INJECTOR_IMAGE,
  installChart,
  kubectl,
  logged,
  namespace,
  noUserLeft,
  type Pod,
  readyPod,
  UNTIL_EXPIRY,
  unharmed,
  uninstallChart,
  until,
  usersOf,
  why as whyNot,
  worldAddress,
} from "./cluster.ts";

const NEEDS = "LESSEE_E2E_INJECTOR_IMAGE or LESSEE_E2E_INJECTOR_BIN";
const why = whyNot || (INJECTOR_IMAGE ? "" : ` (skipped: needs ${NEEDS})`);
const PREFIX = "vault.hashicorp.com";
const LABELLED = "webhook.namespaceSelector.matchLabels.lessee=enabled";
const EXCLUDED = { key: "lessee", operator: "NotIn", values: ["enabled"] };

describe.skipIf(why !== "")(`from HashiCorp's injector to lessee and back${why}`, () => {
  let address: string;

  beforeAll(async () => {
    address = await worldAddress();
    await applyText(JSON.stringify(namespace("tsb")));
    await installInjector();
    await kubectl("rollout", "status", "-n", "vault", "deploy/vault-injector", "--timeout=120s");
    const bundle = "jsonpath={.webhooks[0].clientConfig.caBundle}";
    const shown = () => kubectl("get", "mutatingwebhookconfiguration", "vault-agent-injector-cfg", "-o", bundle);
    await until(async () => (await shown()) !== "");
    await apply("spm.yaml", { WORLD_ADDRESS: address });
  });

  afterAll(async () => {
    await kubectl("delete", "namespace", "tsb", "--ignore-not-found", "--timeout=180s");
    await uninstallChart();
    for (const kind of [
      "mutatingwebhookconfiguration/vault-agent-injector-cfg",
      "clusterrolebinding/lessee-e2e-injector",
    ])
      await kubectl("delete", kind, "--ignore-not-found");
    await kubectl("delete", "clusterrole/lessee-e2e-injector", "--ignore-not-found");
    await kubectl("delete", "-n", "vault", "deploy/vault-injector", "--ignore-not-found");
    await noUserLeft();
  });

  it.skipIf(!AGENT_IMAGE)("begins with Vault Agent", async () => {
    const pod = await getPod(await readyPod("spm"));
    expect(sidecarOf(pod)).toEqual({ by: "Vault's injector", image: AGENT_IMAGE });
  });

  it("1: one application with lessee's image, which just works, over rotations", async () => {
    const pod = await changed({ [`${PREFIX}/agent-image`]: IMAGE });
    expect(sidecarOf(await getPod(pod))).toEqual({ by: "Vault's injector", image: IMAGE });
    // The init container's, the sidecar's first, and those of two rotations.
    await usersOf(pod, 4);
    expect((await unharmed(pod)).ok).toBeGreaterThan(1_000);
    await expect.poll(() => lesseeStatus(pod), { timeout: 30_000 }).toMatch(/database\/creds\/pg-role/);
  });

  it("2: that says how long connections live, by a JSON patch", async () => {
    const own = `credential "database/creds/pg-role" { connection_max_lifetime = "5s" longest_use = "1s" reader_grace = "1s" preparation = "5s" hearing = "5s" margin = "1s" }`;
    const patch = JSON.stringify([{ op: "add", path: "/env/-", value: { name: "LESSEE_CONFIG", value: own } }]);
    const pod = await changed({ [`${PREFIX}/agent-json-patch`]: patch, [`${PREFIX}/agent-init-json-patch`]: patch });
    await expect.poll(() => lesseeStatus(pod), { timeout: 30_000 }).toMatch(/\b18s\b/);
    // The init container's ends by itself: the two share no folder, so that there are two at first.
    expect(await logged(pod, "read")).toHaveLength(1);
    await usersOf(pod, 3);
    await unharmed(pod);
  });

  it("3: all applications, by the injector's default", async () => {
    await kubectl("set", "env", "-n", "vault", "deploy/vault-injector", `AGENT_INJECT_VAULT_IMAGE=${IMAGE}`);
    await kubectl("rollout", "status", "-n", "vault", "deploy/vault-injector", "--timeout=120s");
    await sameAuthority();
    const pod = await changed({ [`${PREFIX}/agent-image`]: null });
    expect(sidecarOf(await getPod(pod))).toEqual({ by: "Vault's injector", image: IMAGE });
    await unharmed(pod);
  });

  it("4: lessee's webhook, for labelled namespaces, whichever of the two is asked first", async () => {
    await installChart(LABELLED);
    await kubectl("label", "namespace", "tsb", "lessee=enabled");
    // Both answer for it now.
    const between = await restarted();
    expect(sidecarOf(await getPod(between)).image).toBe(IMAGE);
    await exclude(EXCLUDED);
    const pod = await restarted();
    expect(sidecarOf(await getPod(pod))).toEqual({ by: "lessee", image: IMAGE });
    expect(await logged(pod, "read")).toEqual([]);
    expect(await logged(pod, "adopted")).toHaveLength(1);
    await usersOf(pod, 2);
    await unharmed(pod);
  });

  it("5: what is new, in place of the patch", async () => {
    const pod = await changed({
      [`${PREFIX}/agent-json-patch`]: null,
      [`${PREFIX}/agent-init-json-patch`]: null,
      "lessee/connection-max-lifetime": "5s",
      "lessee/longest-use": "1s",
      "lessee/quiet-period": "2s",
      "lessee/reader-grace": "1s",
      "lessee/hearing": "5s",
      "lessee/preparation": "5s",
      "lessee/postgres-connection-url": `postgresql://{{username}}:{{password}}@${address}:5432/tsb?sslmode=disable`,
    });
    await usersOf(pod, 2);
    await expect.poll(() => logged(pod, "released"), UNTIL_EXPIRY).toHaveLength(1);
    await unharmed(pod);
  });

  it("6: and no injector any more", async () => {
    await installChart("webhook.namespaceSelector=null");
    await kubectl("delete", "mutatingwebhookconfiguration", "vault-agent-injector-cfg");
    await kubectl("label", "namespace", "tsb", "lessee-");
    const pod = await restarted();
    expect(sidecarOf(await getPod(pod))).toEqual({ by: "lessee", image: IMAGE });
    await unharmed(pod);
  });

  it("back: a namespace to the injector, which does not mind lessee's annotations", async () => {
    await installInjector(IMAGE);
    await kubectl("rollout", "restart", "-n", "vault", "deploy/vault-injector");
    await kubectl("rollout", "status", "-n", "vault", "deploy/vault-injector", "--timeout=120s");
    await exclude(EXCLUDED);
    await sameAuthority();
    await installChart(LABELLED);
    const pod = await restarted();
    expect(sidecarOf(await getPod(pod))).toEqual({ by: "Vault's injector", image: IMAGE });
    await usersOf(pod, 3);
    await unharmed(pod);
  });

  it.skipIf(!AGENT_IMAGE)("back: an application to Vault Agent, by lessee's webhook", async () => {
    await kubectl("label", "namespace", "tsb", "lessee=enabled");
    const pod = await changed({ [`${PREFIX}/agent-image`]: AGENT_IMAGE!, "lessee/improve": "false" });
    expect(sidecarOf(await getPod(pod))).toEqual({ by: "Vault's injector", image: AGENT_IMAGE });
    await unharmed(pod);
  });

  it("back: everything, and running pods keep their sidecars", async () => {
    await kubectl("label", "namespace", "tsb", "lessee=enabled", "--overwrite");
    const pod = await changed({ [`${PREFIX}/agent-image`]: null, "lessee/improve": null });
    expect(sidecarOf(await getPod(pod))).toEqual({ by: "lessee", image: IMAGE });
    await uninstallChart();
    expect(await kubectl("get", "mutatingwebhookconfigurations", "-o", "name")).not.toContain("/lessee");
    await usersOf(pod, 2);
    await unharmed(pod);
    expect(await readyPod("spm")).toBe(pod);
  });

  async function installInjector(agent = AGENT_IMAGE ?? IMAGE): Promise<void> {
    const words = { INJECTOR_IMAGE: INJECTOR_IMAGE!, AGENT_IMAGE: agent, WORLD_ADDRESS: address };
    await apply("injector.yaml", words);
  }
});

/** Annotations of the pod's template, null for none; the pod that comes of it. */
async function changed(annotations: Readonly<Record<string, string | null>>): Promise<string> {
  return replaced(async () => {
    const patch = JSON.stringify({ spec: { template: { metadata: { annotations } } } });
    await kubectl("patch", "deployment", "-n", "tsb", "spm", "--patch", patch);
  });
}

async function restarted(): Promise<string> {
  return replaced(() => kubectl("rollout", "restart", "-n", "tsb", "deploy/spm"));
}

/** The pod from before is unharmed until it goes. */
async function replaced(by: () => Promise<unknown>): Promise<string> {
  const before = await readyPod("spm");
  await unharmed(before);
  await by();
  await kubectl("rollout", "status", "-n", "tsb", "deploy/spm", "--timeout=180s");
  return readyPod("spm", before);
}

/** By the volume that only lessee's webhook makes. */
function sidecarOf({ spec }: Pod): { readonly by: string; readonly image: string } {
  const all = [...spec.containers, ...(spec.initContainers ?? [])].filter(({ name }) => name === "vault-agent");
  expect(all).toHaveLength(1);
  const improved = spec.volumes.some(({ name }) => name === "lessee-state");
  return { by: improved ? "lessee" : "Vault's injector", image: all[0]!.image };
}

/** Without probes a pod is ready before its sidecar is. */
async function lesseeStatus(pod: string): Promise<string> {
  return kubectl("exec", "-n", "tsb", pod, "-c", "vault-agent", "--", "lessee", "status").catch(String);
}

/** What Vault's chart has as `injector.namespaceSelector`. */
async function exclude(expression: object): Promise<void> {
  const path = "/webhooks/0/namespaceSelector/matchExpressions/-";
  const patch = JSON.stringify([{ op: "add", path, value: expression }]);
  await kubectl("patch", "mutatingwebhookconfiguration", "vault-agent-injector-cfg", "--type=json", "--patch", patch);
}

/** A new pod of the injector has a new authority, and tells the API server of it a moment later. */
async function sameAuthority(): Promise<void> {
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "asks", namespace: "tsb" } };
  const asks = { ...pod, metadata: { ...pod.metadata, annotations: { [`${PREFIX}/agent-inject`]: "true" } } };
  const spec = { containers: [{ name: "app", image: "none" }] };
  // Without a role the injector refuses it: so it has been asked.
  const refused = () => applyText(JSON.stringify({ ...asks, spec }), "--dry-run=server").then(() => "", String);
  await expect.poll(refused, { timeout: 60_000, interval: 500 }).toContain("vault.hashicorp.com");
}
