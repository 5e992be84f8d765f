/** The webhook as the API server sees it, and its certificates. */
import { expect } from "vitest";
import { applyText, kubectl, WORLD_IMAGE } from "./cluster.ts";
import { seedAnnotations } from "./workloads.ts";

export const WEBHOOK_PODS = "app.kubernetes.io/name=lessee,app.kubernetes.io/component=webhook";
/** A kubelet looks for changed secrets about once a minute. */
export const UNTIL_SHOWN = { timeout: 300_000, interval: 500 };

/** With failurePolicy Fail it is refused when the API server does not believe the webhook. */
export async function review(): Promise<void> {
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "asks", annotations: seedAnnotations() } };
  const asks = { ...pod, spec: { containers: [{ name: "app", image: WORLD_IMAGE }] } };
  const made = await applyText(JSON.stringify(asks), "-n", "tsb", "--dry-run=server", "-o", "json");
  expect(made).toContain('"vault-agent-init"');
}

/** Asks until each replica has loaded another certificate than that of its start; none of the reviews fails. */
export async function reviewWhileRenewed(after: () => Promise<void> = async () => undefined): Promise<void> {
  let reviews = 0;
  for (const giveUp = Date.now() + UNTIL_SHOWN.timeout; Date.now() < giveUp && !(await haveReloaded()); reviews++) {
    await review();
    await after();
  }
  expect(await haveReloaded()).toBe(true);
  expect(reviews).toBeGreaterThan(5);
  const restarts = "jsonpath={.items[*].status.containerStatuses[0].restartCount}";
  expect(await kubectl("get", "pods", "-n", "lessee", "-l", WEBHOOK_PODS, "-o", restarts)).toBe("0 0");
}

export async function certificate(key: "tls.crt" | "ca.crt"): Promise<string> {
  const path = `jsonpath={.data.${key.replace(".", "\\.")}}`;
  return decoded(await kubectl("get", "secret", "-n", "lessee", "lessee-tls", "-o", path));
}

/** What the API server believes. */
export async function caBundle(): Promise<string> {
  const path = "jsonpath={.webhooks[0].clientConfig.caBundle}";
  return decoded(await kubectl("get", "mutatingwebhookconfiguration", "lessee", "-o", path));
}

async function haveReloaded(): Promise<boolean> {
  const names = "jsonpath={.items[*].metadata.name}";
  const pods = (await kubectl("get", "pods", "-n", "lessee", "-l", WEBHOOK_PODS, "-o", names)).split(" ");
  const logs = await Promise.all(pods.map((name) => kubectl("logs", "-n", "lessee", name)));
  return logs.every((log) => (log.match(/certificate loaded/g)?.length ?? 0) > 1);
}

function decoded(base64: string): string {
  return Buffer.from(base64, "base64").toString();
}
