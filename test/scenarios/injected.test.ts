/** What an injection makes is what an agent runs with: both containers of an injected pod, as processes. */
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Container } from "../../src/inject/kubernetes.ts";
import { configOf, injected, podOf, VAULT } from "../inject/pods.ts";
import { type Pod, startWorld, type World } from "../support/world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

/** The container's configuration, with its folders below the pod's. */
function configurationOf(container: Container, pod: Pod): string {
  const here: readonly (readonly [string, string])[] = [
    ["/home/vault", pod.path("home")],
    ["/run/lessee", pod.path("state")],
    ["/etc/dbvault", dirname(pod.destination)],
    ["/var/run/secrets/kubernetes.io/serviceaccount/token", pod.tokenFile],
    [":9102", pod.healthAddress],
  ];
  return here.reduce((text, [was, is]) => text.replaceAll(was, is), JSON.stringify(configOf(container)));
}

it("An injected pod has one database user, ready probes, and nothing left at its end", {
  timeout: 60_000,
}, async () => {
  const pod = await world.pod({ ttl: { default: "60s", max: "10m" } });
  await mkdir(pod.path("home"), { recursive: true });
  const annotations = {
    "lessee/connection-max-lifetime": "2s",
    "lessee/postgres-connection-url": `postgresql://{{username}}:{{password}}@${pod.database}`,
    "lessee/quiet-period": "1s",
    "lessee/reader-grace": "1s",
    [`${VAULT}/agent-inject-file-config.yaml`]: pod.destination.split("/").at(-1) as string,
  };
  const { initContainer, sidecarContainer } = injected(podOf(annotations), { address: pod.vault.address });

  const init = await pod.agent(configurationOf(initContainer, pod));
  const { user } = await init.event("published");
  expect(await init.ended).toEqual({ code: 0, signal: null });
  expect((await init.event("handed over")).shared).toBe(true);

  const sidecar = await pod.agent(configurationOf(sidecarContainer, pod));
  expect((await sidecar.event("adopted")).user).toBe(user);
  const app = await pod.application("per-connection");
  await sidecar.event("confirmed");
  for (const probe of [
    sidecarContainer.startupProbe,
    sidecarContainer.readinessProbe,
    sidecarContainer.livenessProbe,
  ]) {
    const { path } = (probe as { httpGet: { path: string } }).httpGet;
    expect((await pod.get(path)).status).toBe(200);
  }
  expect((await pod.get("/metrics")).text).toContain("lessee_ready 1");
  expect(pod.requests(({ path, status }) => path === "/v1/database/creds/pg-role" && status === 200)).toBe(1);

  expect((await app.stop()).failed).toBe(0);
  expect(await sidecar.stop()).toEqual({ code: 0, signal: null });
  expect(await world.users.left(3_000)).toEqual([]);
});
