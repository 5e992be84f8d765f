/** The chart itself: what an API server thinks of it, with the kinds of the Prometheus operator and cert-manager where it knows them. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { say } from "../charts/tool.ts";
import { applyText, helm, kubectl, useChart, why } from "./cluster.ts";
import { caBundle, certificate, reviewWhileRenewed } from "./webhook.ts";
import { type Annotations, seedAnnotations } from "./workloads.ts";

const VALUES = join(import.meta.dirname, "../charts/values");
const FAILURE_POLICY = "jsonpath={.webhooks[0].failurePolicy}";
const missing = missingKinds();

describe.skipIf(why !== "")(`the chart in a cluster${why}`, () => {
  useChart();

  it("passes helm test", async () => {
    expect(await helm("test", "lessee", "-n", "lessee")).toMatch(/Phase:\s+Succeeded/);
  });

  it("keeps its certificate when the release is upgraded", async () => {
    const before = await certificate("tls.crt");
    await helm("upgrade", "lessee", "charts/lessee", "-n", "lessee", "--reuse-values", "--wait");
    expect(await certificate("tls.crt")).toBe(before);
    expect(await caBundle()).toBe(await certificate("ca.crt"));
  });

  it("renews its certificate when its time has come, and no review fails meanwhile", async () => {
    const before = [await certificate("tls.crt"), await certificate("ca.crt")];
    await kubectl("annotate", "secret", "-n", "lessee", "lessee-tls", "lessee/renew-after=0", "--overwrite");
    await helm("upgrade", "lessee", "charts/lessee", "-n", "lessee", "--reuse-values");
    expect(await certificate("tls.crt")).not.toBe(before[0]);
    expect(await caBundle()).toBe(`${await certificate("ca.crt")}${before[1]}`);
    await reviewWhileRenewed();
    // By then nobody shows the one from before any more.
    await helm("upgrade", "lessee", "charts/lessee", "-n", "lessee", "--reuse-values");
    expect(await caBundle()).toBe(await certificate("ca.crt"));
  });

  it("makes pods that the restricted standard takes", async () => {
    const standard = "pod-security.kubernetes.io/enforce";
    await kubectl("label", "namespace", "tsb", `${standard}=restricted`);
    await applyText(JSON.stringify(restrictedPod({})), "--dry-run=server");
    // Those of Vault's injector it does not take.
    const injectors = applyText(JSON.stringify(restrictedPod({ "lessee/improve": "false" })), "--dry-run=server");
    await expect(injectors).rejects.toThrow(/violates PodSecurity "restricted/);
    await kubectl("label", "namespace", "tsb", `${standard}-`);
  });

  it("answers while its replicas are replaced", async () => {
    await kubectl("rollout", "restart", "-n", "lessee", "deploy/lessee");
    let over = false;
    const rollout = kubectl("rollout", "status", "-n", "lessee", "deploy/lessee", "--timeout=120s").finally(() => {
      over = true;
    });
    let reviews = 0;
    for (; !over; reviews++) await applyText(JSON.stringify(restrictedPod({})), "--dry-run=server");
    await rollout;
    expect(reviews).toBeGreaterThan(5);
    expect(await kubectl("get", "mutatingwebhookconfiguration", "lessee", "-o", FAILURE_POLICY)).toBe("Fail");
  });

  it.each(readdirSync(VALUES))("is accepted by the API server with the values of %s", async (file) => {
    const values = join(VALUES, file);
    // What it wants to know of the cluster the cluster answers; every field has to be known to it.
    const { serverVersion } = JSON.parse(await kubectl("version", "-o", "json")) as {
      serverVersion: { gitVersion: string };
    };
    const version = `--kube-version=${serverVersion.gitVersion}`;
    const words = [version, "--namespace=lessee", `--values=${values}`, "--set=applications.namespaces={tsb}"];
    const manifests = await helm("template", "another", "charts/lessee", "--dry-run=server", ...words);
    if (missing === "") await applyText(manifests, "--dry-run=server", "--validate=strict");
    else await applyText(withoutCustom(manifests), "--dry-run=server", "--validate=strict");
  });

  it.skipIf(missing !== "")(`is monitored by the Prometheus operator${missing}`, async () => {
    const monitored = ["--set=podMonitor.enabled=true", "--set=prometheusRule.enabled=true"];
    await helm("upgrade", "lessee", "charts/lessee", "-n", "lessee", "--reuse-values", "--wait", ...monitored);
    const kinds = "podmonitors.monitoring.coreos.com,prometheusrules.monitoring.coreos.com";
    const made = (await kubectl("get", "-n", "lessee", kinds, "-o", "name")).trim().split("\n");
    expect(made.map((name) => name.replace(".monitoring.coreos.com", ""))).toEqual([
      "podmonitor/lessee-sidecars",
      "podmonitor/lessee-webhook",
      "prometheusrule/lessee",
    ]);
  });
});

function restrictedPod(annotations: Annotations): object {
  const securityContext = {
    runAsNonRoot: true,
    runAsUser: 1234,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ["ALL"] },
    seccompProfile: { type: "RuntimeDefault" },
  };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "restricted", namespace: "tsb", annotations: { ...seedAnnotations(), ...annotations } },
    spec: { containers: [{ name: "app", image: "app", securityContext }] },
  };
}

/** The operators' own kinds, which this cluster does not know. */
function withoutCustom(manifests: string): string {
  return manifests
    .split(/^---$/m)
    .filter((one) => !/^apiVersion: (monitoring\.coreos\.com|cert-manager\.io)\//m.test(one))
    .join("---");
}

function missingKinds(): string {
  const kinds = [
    "podmonitors.monitoring.coreos.com",
    "prometheusrules.monitoring.coreos.com",
    "certificates.cert-manager.io",
  ];
  const known = why === "" ? say("kubectl", ["get", "crd", "-o", "name"]).text : "";
  const unknown = kinds.filter((kind) => !known.includes(kind));
  return unknown.length === 0 ? "" : ` (skipped: the cluster does not know ${unknown.join(", ")})`;
}
