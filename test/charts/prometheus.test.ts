/** A real Prometheus scrapes a running sidecar, with the rules as the chart has them. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { freePort } from "../../dev/free-port.ts";
import { configuration } from "../support/configuration.ts";
import { type Pod, startWorld, type World } from "../support/world.ts";
import { needs } from "./tool.ts";

const missing = needs("prometheus");
const alerts = join(import.meta.dirname, "../../charts/lessee/files/alerts.yaml");

interface ActiveAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly state: string;
}

describe.skipIf(missing !== "")(`a real Prometheus${missing}`, () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world?.stop());

  it("scrapes a sidecar, and says that a credential nears its deadline while Vault is away", async () => {
    // A lead of 3.5 s: due after some 4 s, near its deadline from 6.3 s on, gone after 8.
    const pod = await world.pod({ ttl: { default: "8s", max: "8s" } });
    const agent = await pod.agent(configuration(pod));
    await agent.event("published");
    const api = await startPrometheus(pod);
    const alertsNow = async () =>
      ((await api("alerts")) as { alerts: readonly ActiveAlert[] }).alerts.map(({ labels, state }) => ({
        state,
        name: labels.alertname,
        pod: labels.pod,
        path: labels.path,
      }));
    const patience = { timeout: 20_000, interval: 100 };
    await expect
      .poll(async () => ((await api("query?query=lessee_ready")) as { result: readonly unknown[] }).result, patience)
      .toHaveLength(1);
    const nearDeadline = {
      state: "firing",
      name: "LesseeCredentialNearDeadline",
      pod: "tsb-0",
      path: pod.seed.credentialPath,
    };
    expect(await alertsNow()).not.toContainEqual(nearDeadline);

    await pod.vault.refuseConnections();
    await expect.poll(alertsNow, patience).toContainEqual(nearDeadline);

    await pod.vault.acceptConnections();
    await expect.poll(alertsNow, patience).not.toContainEqual(nearDeadline);
  });
});

/** Asks its API for `data`. */
async function startPrometheus(pod: Pod): Promise<(path: string) => Promise<unknown>> {
  const address = `127.0.0.1:${await freePort("127.0.0.1")}`;
  const folder = pod.path("prometheus");
  await mkdir(folder);
  const configuration = {
    global: { scrape_interval: "250ms", scrape_timeout: "250ms", evaluation_interval: "250ms" },
    rule_files: [alerts],
    scrape_configs: [
      {
        job_name: "lessee",
        static_configs: [{ targets: [pod.healthAddress], labels: { namespace: "tsb", pod: "tsb-0" } }],
      },
    ],
  };
  // JSON is YAML.
  await writeFile(join(folder, "prometheus.yml"), JSON.stringify(configuration));
  const child = spawn(
    "prometheus",
    [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=${address}`,
      "--log.level=error",
    ],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  const ended = once(child, "exit");
  onTestFinished(async () => {
    child.kill("SIGTERM");
    await ended;
  });
  await expect
    .poll(
      () =>
        fetch(`http://${address}/-/ready`).then(
          ({ status }) => status,
          () => 0,
        ),
      { timeout: 20_000 },
    )
    .toBe(200);
  return async (path) => {
    const answer = await fetch(`http://${address}/api/v1/${path}`);
    return ((await answer.json()) as { readonly data: unknown }).data;
  };
}
