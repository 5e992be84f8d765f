/** The telemetry of a running agent: what daemons get of it, and what SIGUSR1 prints. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { configuration } from "../support/configuration.ts";
import { startWorld, type World } from "../support/world.ts";
import { startDatagramDaemon } from "./daemon.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

it("goes to its daemon, to the last line", async () => {
  const daemon = await startDatagramDaemon();
  const pod = await world.pod({ ttl: { default: "60s", max: "10m" } });
  const agent = await pod.agent(
    configuration(pod, {
      rest: `telemetry {
  dogstatsd_addr = "${daemon.address}"
  dogstatsd_tags = ["app:tsb"]
  disable_hostname = true
}`,
    }),
  );
  await agent.event("published");
  await expect.poll(() => daemon.received).toContain("vault.agent.auth.success:1|c|#app:tsb");
  for (const name of ["alloc_bytes", "sys_bytes", "total_gc_runs", "total_gc_pause_ns"])
    expect(daemon.received.some((line) => line.startsWith(`vault.runtime.${name}:`))).toBe(true);
  expect(await agent.stop()).toEqual({ code: 0, signal: null });
  const path = pod.seed.credentialPath;
  const published = `lessee.publishes_total:1|c|#app:tsb,path:${path},outcome:verified`;
  await expect.poll(() => daemon.received).toContain(published);
  await expect.poll(() => daemon.received.some((line) => line.startsWith("lessee.releases_total:1|c"))).toBe(true);
});

it("is printed at SIGUSR1, without a secret, and nothing ends", async () => {
  const pod = await world.pod({ ttl: { default: "60s", max: "10m" } });
  const agent = await pod.agent(configuration(pod));
  await agent.event("published");
  const { password } = await pod.credential();
  agent.signal("SIGUSR1");
  const printed = () => agent.lines.join("\n");
  await expect
    .poll(printed)
    .toMatch(/^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d0 \+0000 UTC\]\[G\] 'vault\.agent\.authenticated': 1\.000$/m);
  expect(printed()).toMatch(/^\[.*\]\[C\] 'vault\.agent\.auth\.success': Count: 1 Sum: 1\.000 LastUpdated: .* UTC$/m);
  expect(printed()).toMatch(/^\[.*\]\[G\] 'lessee\.credential_ttl_seconds\.database\/creds\/pg-role': \d+\.\d{3}$/m);
  expect(printed()).not.toContain(password);
  agent.signal("SIGUSR1");
  await expect.poll(() => agent.lines.filter((line) => line.includes("vault.agent.authenticated")).length).toBe(2);
  expect(await agent.stop()).toEqual({ code: 0, signal: null });
});
