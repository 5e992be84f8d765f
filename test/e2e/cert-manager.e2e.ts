/** The chart with cert-manager, where the cluster has it (all of it, and not its CRDs alone): issued, believed, renewed. */
import { X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { say } from "../charts/tool.ts";
import { applyText, kubectl, useChart, WORLD_IMAGE, why as whyNot } from "./cluster.ts";
import { seedAnnotations } from "./workloads.ts";

const why = whyNot || (hasCertManager() ? "" : " (skipped: the cluster has no cert-manager)");
/** A kubelet looks for changed secrets about once a minute. */
const UNTIL_SHOWN = { timeout: 300_000, interval: 500 };

describe.skipIf(why !== "")(`the webhook with a certificate of cert-manager${why}`, () => {
  // The shortest that it makes, each renewed half a minute later.
  useChart("tls.mode=certManager", "tls.certManager.duration=1h", "tls.certManager.renewBefore=59m30s");

  it("shows what was issued, by an authority that the API server is told of", async () => {
    const shown = new X509Certificate(await secret("tls.crt"));
    expect(shown.checkHost("lessee.lessee.svc")).toBe("lessee.lessee.svc");
    await expect.poll(caBundle, UNTIL_SHOWN).toBe(await secret("ca.crt"));
    expect(shown.verify(new X509Certificate(await secret("ca.crt")).publicKey)).toBe(true);
    await expect.poll(() => review().then(() => "", String), UNTIL_SHOWN).toBe("");
  });

  it("shows renewed ones without a restart, and no review fails meanwhile", async () => {
    const serials = new Set<string>();
    let reviews = 0;
    for (
      const giveUp = Date.now() + UNTIL_SHOWN.timeout;
      Date.now() < giveUp && !(await everyoneHasReloaded());
      reviews++
    ) {
      // With failurePolicy Fail it is refused when the API server does not believe the webhook.
      await review();
      serials.add(new X509Certificate(await secret("tls.crt")).serialNumber);
    }
    expect(await everyoneHasReloaded()).toBe(true);
    expect(serials.size).toBeGreaterThanOrEqual(2);
    expect(reviews).toBeGreaterThan(5);
    const restarts = "jsonpath={.items[*].status.containerStatuses[0].restartCount}";
    expect(await kubectl("get", "pods", "-n", "lessee", "-l", LABEL, "-o", restarts)).toBe("0 0");
  });
});

const LABEL = "app.kubernetes.io/name=lessee,app.kubernetes.io/component=webhook";

async function secret(key: string): Promise<string> {
  const path = `jsonpath={.data.${key.replace(".", "\\.")}}`;
  return Buffer.from(await kubectl("get", "secret", "-n", "lessee", "lessee-tls", "-o", path), "base64").toString();
}

async function caBundle(): Promise<string> {
  const path = "jsonpath={.webhooks[0].clientConfig.caBundle}";
  const shown = await kubectl("get", "mutatingwebhookconfiguration", "lessee", "-o", path);
  return Buffer.from(shown, "base64").toString();
}

async function review(): Promise<void> {
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "asks", annotations: seedAnnotations() } };
  const asks = { ...pod, spec: { containers: [{ name: "app", image: WORLD_IMAGE }] } };
  const made = await applyText(JSON.stringify(asks), "-n", "tsb", "--dry-run=server", "-o", "json");
  expect(made).toContain('"vault-agent-init"');
}

/** Each replica has loaded another certificate than that of its start. */
async function everyoneHasReloaded(): Promise<boolean> {
  const names = await kubectl("get", "pods", "-n", "lessee", "-l", LABEL, "-o", "jsonpath={.items[*].metadata.name}");
  const logs = await Promise.all(names.split(" ").map((name) => kubectl("logs", "-n", "lessee", name)));
  return logs.every((log) => (log.match(/certificate loaded/g)?.length ?? 0) > 1);
}

function hasCertManager(): boolean {
  const controller = ["get", "deployments", "-A", "-l", "app.kubernetes.io/name=cert-manager", "-o", "name"];
  return whyNot === "" && say("kubectl", controller).text.includes("deployment");
}
