/** The chart with cert-manager, where the cluster has it (all of it, and not its CRDs alone): issued, believed, renewed. */
import { X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { say } from "../charts/tool.ts";
import { useChart, why as whyNot } from "./cluster.ts";
import { caBundle, certificate, review, reviewWhileRenewed, UNTIL_SHOWN } from "./webhook.ts";

const why = whyNot || (hasCertManager() ? "" : " (skipped: the cluster has no cert-manager)");

describe.skipIf(why !== "")(`the webhook with a certificate of cert-manager${why}`, () => {
  // The shortest that it makes, each renewed half a minute later.
  useChart("tls.mode=certManager", "tls.certManager.duration=1h", "tls.certManager.renewBefore=59m30s");

  it("shows what was issued, by an authority that the API server is told of", async () => {
    const shown = new X509Certificate(await certificate("tls.crt"));
    expect(shown.checkHost("lessee.lessee.svc")).toBe("lessee.lessee.svc");
    await expect.poll(caBundle, UNTIL_SHOWN).toBe(await certificate("ca.crt"));
    expect(shown.verify(new X509Certificate(await certificate("ca.crt")).publicKey)).toBe(true);
    await expect.poll(() => review().then(() => "", String), UNTIL_SHOWN).toBe("");
  });

  it("shows renewed ones without a restart, and no review fails meanwhile", async () => {
    const serials = new Set<string>();
    await reviewWhileRenewed(async () => {
      serials.add(new X509Certificate(await certificate("tls.crt")).serialNumber);
    });
    expect(serials.size).toBeGreaterThanOrEqual(2);
  });
});

function hasCertManager(): boolean {
  const controller = ["get", "deployments", "-A", "-l", "app.kubernetes.io/name=cert-manager", "-o", "name"];
  return whyNot === "" && say("kubectl", controller).text.includes("deployment");
}
