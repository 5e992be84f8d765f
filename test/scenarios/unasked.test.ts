/** Secrets that no template asks for any more: given back once, after the files have been written without them. */
import { readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Agent } from "../support/agent.ts";
import { configuration, SEED_TEMPLATE, template } from "../support/configuration.ts";
import { type Pod, startWorld, type World } from "../support/world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

const LONG = { ttl: { default: "60s", max: "10m" } };
const PLAIN = "no secret\n";

const reads = (pod: Pod) => pod.requests(({ path }) => path === "/v1/database/creds/pg-role");
const revocations = (pod: Pod) => pod.requests(({ path }) => path.startsWith("/v1/sys/leases/revoke"));
const released = (agent: Agent) => agent.entries.filter(({ msg }) => msg === "released");

async function withSource(pod: Pod, more = "") {
  const source = pod.path("app.ctmpl");
  await writeFile(source, SEED_TEMPLATE);
  const text = configuration(pod, {
    template: `template {\n source = "${source}"\n destination = "${pod.destination}"\n ${more}\n}\n`,
  });
  return { text, write: (contents: string) => writeFile(source, contents) };
}

it("A secret that the template's source names no longer is given back once; one that it names again is read anew", {
  timeout: 60_000,
}, async () => {
  const pod = await world.pod(LONG);
  const { text, write } = await withSource(pod);
  const agent = await pod.agent(text);
  const { user: first } = await agent.event("published");
  await write(PLAIN);
  expect(await agent.event("released")).toMatchObject({ user: first });
  const [rendered, end] = ["rendered", "released"].map((msg) => agent.entries.findLastIndex((one) => one.msg === msg));
  expect(end).toBeGreaterThan(rendered!);
  expect(await readFile(pod.destination, "utf8")).toBe(PLAIN);
  expect(await pod.left()).toEqual([]);
  expect((await pod.get("/readyz")).status).toBe(200);
  const asked = revocations(pod);

  const since = agent.entries.length;
  await write(SEED_TEMPLATE);
  const { user: second } = await agent.event("published", () => true, since);
  expect(second).not.toBe(first);
  expect((await pod.credential()).username).toBe(second);
  expect(reads(pod)).toBe(2);
  expect(revocations(pod)).toBe(asked);
  expect(released(agent)).toHaveLength(1);
  expect((await pod.status()).credentials).toHaveLength(1);
  expect(await agent.stop()).toEqual({ code: 0, signal: null });
});

it("What is in use still is not given back: not before its last session, and not while a template fails", {
  timeout: 60_000,
}, async () => {
  const pod = await world.pod(LONG);
  const { text, write } = await withSource(pod);
  const agent = await pod.agent(text);
  const { user } = await agent.event("published");
  const app = await pod.application("deaf");
  await app.until(({ ok }) => ok > 0);
  await write(`{{ sprig_fail "no" }}`);
  await agent.event("render failed");
  await write(PLAIN);
  const retiring = async () =>
    (await pod.status()).credentials[0]?.retiring.map((one) => [one.user, one.sessions !== 0]);
  await expect.poll(retiring, { timeout: 40_000 }).toEqual([[user, true]]);
  expect(await readFile(pod.destination, "utf8")).toBe(PLAIN);
  expect(released(agent)).toEqual([]);
  expect((await pod.get("/readyz")).status).toBe(200);
  expect((await app.stop()).failed).toBe(0);
  await agent.event("released");
  await agent.stop();
});

it("A reload and a restart give back what the configuration has no use for", { timeout: 60_000 }, async () => {
  const pod = await world.pod(LONG);
  const agent = await pod.agent(configuration(pod));
  const { user: first } = await agent.event("published");
  await writeFile(pod.path("agent.hcl"), configuration(pod, { template: template(pod.destination, PLAIN) }));
  agent.signal("SIGHUP");
  expect(await agent.event("released")).toMatchObject({ user: first });
  await writeFile(pod.path("agent.hcl"), configuration(pod));
  agent.signal("SIGHUP");
  const [, again] = await agent.events("published", 2);
  await agent.kill();

  const next = await pod.agent(configuration(pod, { template: template(pod.destination, PLAIN) }));
  expect(await next.event("adopted")).toMatchObject({ user: again!.user });
  expect(await next.event("released")).toMatchObject({ user: again!.user });
  expect(reads(pod)).toBe(2);
  expect(await next.stop()).toEqual({ code: 0, signal: null });
  expect(await pod.left()).toEqual([]);
});
