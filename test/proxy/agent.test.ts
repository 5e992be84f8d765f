/** The listener of a running agent: what a pod's application sees of it. */
import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../../dev/free-port.ts";
import type { Agent } from "../support/agent.ts";
import { configuration, type Parts } from "../support/configuration.ts";
import { type Pod, startWorld, type World } from "../support/world.ts";
import { ask } from "./setup.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

/** Long enough that no rotation comes in between. */
const LONG = { ttl: { default: "60s", max: "10m" } };

const CACHE = "cache { use_auto_auth_token = true }";

async function listening(
  pod: Pod,
  rest: string,
  parts: Parts = {},
): Promise<{ readonly agent: Agent; readonly url: string; readonly path: string }> {
  const port = await freePort("127.0.0.1");
  const listener = `listener "tcp" {
  address = "127.0.0.1:${port}"
  tls_disable = true
  agent_api { enable_quit = true }
}`;
  const agent = await pod.agent(configuration(pod, { ...parts, rest: `${listener}\n${rest}` }));
  // Without templates there is nothing to confirm.
  await agent.event(parts.template === "" ? "login" : "confirmed");
  return { agent, url: `http://127.0.0.1:${port}`, path: `/v1/${pod.seed.credentialPath}` };
}

describe("an agent with a listener and a cache", () => {
  it("gives its clients the user that its templates have", { timeout: 60_000 }, async () => {
    const pod = await world.pod(LONG);
    const app = await pod.application("per-connection");
    const { agent, url, path } = await listening(pod, CACHE);
    const { username } = await pod.credential();
    const answer = await ask(`${url}${path}`);
    expect(answer.headers["x-cache"]).toBe("HIT");
    expect(JSON.parse(answer.text)).toMatchObject({ renewable: false, data: { username } });
    expect(await world.users.left(0)).toEqual([username]);
    expect((await ask(`${url}/v1/auth/token/lookup-self`)).text).not.toContain("accessor");
    expect((await app.stop()).failed).toBe(0);
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
    expect(await pod.left()).toEqual([]);
  });

  it("ends when a client asks for it, with exit code 0 and nothing left behind", { timeout: 60_000 }, async () => {
    const pod = await world.pod(LONG);
    const app = await pod.application("per-connection");
    const { agent, url } = await listening(pod, CACHE);
    expect((await app.stop()).failed).toBe(0);
    const quit = () => ask(`${url}/agent/v1/quit`, { method: "POST" });
    const [first] = await Promise.all([quit(), quit().catch(() => undefined)]);
    expect(first.status).toBe(200);
    expect(await agent.ended).toEqual({ code: 0, signal: null });
    expect((await agent.event("stopping")).reason).toBe("a client asked for it at /agent/v1/quit");
    expect(await pod.left()).toEqual([]);
  });
});

describe("an agent whose clients alone read secrets", () => {
  it("gives all of them one user, and gives it back when it is asked to end", { timeout: 60_000 }, async () => {
    const pod = await world.pod(LONG);
    const { agent, url, path } = await listening(pod, CACHE, { template: "", credential: "", postgres: false });
    const answers = await Promise.all([ask(`${url}${path}`), ask(`${url}${path}`)]);
    expect(answers.map(({ headers }) => headers["x-cache"]).sort()).toEqual(["HIT", "MISS"]);
    expect(answers[0]?.text).toBe(answers[1]?.text);
    const { username } = JSON.parse(answers[0]!.text).data as { username: string };
    expect(await world.users.left(0)).toContain(username);
    await ask(`${url}/agent/v1/quit`, { method: "POST" });
    expect(await agent.ended).toEqual({ code: 0, signal: null });
    expect((await agent.event("stopped")).held).toBe(0);
    expect(await pod.left()).toEqual([]);
  });
});

describe("an agent with a listener alone", () => {
  const alone = (address: string, port: number, health: string) => `vault { address = "${address}" }
listener "tcp" {
  address = "127.0.0.1:${port}"
  tls_disable = true
}
health { address = "${health}" }
`;

  it("lets its clients log in by themselves, is ready, and ends in order", async () => {
    const pod = await world.pod(LONG);
    const port = await freePort("127.0.0.1");
    const agent = await pod.agent(alone(pod.vault.address, port, pod.healthAddress));
    expect((await agent.event("listening")).address).toBe(`http://127.0.0.1:${port}`);
    const url = `http://127.0.0.1:${port}/v1/sys/mounts`;
    expect((await ask(url)).status).toBe(403);
    expect((await ask(url, { headers: { "X-Vault-Token": pod.vault.rootToken } })).status).toBe(200);
    for (;;) if ((await pod.get("/readyz").catch(() => null))?.status === 200) break;
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
  });

  it("does not start where it cannot listen", async () => {
    const pod = await world.pod(LONG);
    const agent = await pod.agent(alone(pod.vault.address, world.postgres.port, pod.healthAddress));
    expect(await agent.ended).toEqual({ code: 1, signal: null });
    expect(agent.output()).toContain("another program has it");
  });

  it("is refused with a template, which nobody could fill", async () => {
    const pod = await world.pod(LONG);
    await writeFile(pod.path("t"), "x");
    const text = `${alone(pod.vault.address, await freePort("127.0.0.1"), pod.healthAddress)}template {
  source = "${pod.path("t")}"
  destination = "${pod.path("out")}"
}
`;
    const agent = await pod.agent(text);
    expect(await agent.ended).toEqual({ code: 1, signal: null });
    expect(agent.output()).toContain("there is no auto_auth block");
  });
});
