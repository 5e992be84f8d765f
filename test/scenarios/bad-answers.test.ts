/** What may come in place of an answer: said in words, in bounded time and memory, and nobody else is held up by it. */
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, BAD, MIB, text } from "../support/bad-answers.ts";
import { configuration, template } from "../support/configuration.ts";
import { startFront } from "../support/front.ts";
import { startServer } from "../support/http.ts";
import { type Pod, startWorld, type World } from "../support/world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

/** What a container of the injector's may have. */
const MOST_MEMORY = 128 * MIB;

/** In front of the pod's Vault: answers these paths itself, and by `answers` may be told otherwise later. */
function answering(pod: Pod, answers: Map<string, Answer>): Promise<string> {
  return startFront(pod.vault.address, (incoming, outgoing) => {
    const answer = answers.get((incoming.url ?? "").split("?")[0]!);
    if (answer === undefined) return incoming.headers;
    answer(outgoing);
    return true;
  });
}

/** Linux's own measure of the most that the process ever had. */
async function mostMemory(pid: number): Promise<number> {
  return Number(/VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

async function allowKv(pod: Pod, names: readonly string[]): Promise<void> {
  const { api, policy, databaseMount } = pod.seed;
  for (const name of names) await api.expect("POST", `secret/data/${name}`, { data: { a: kept(name) } });
  await api.expect("PUT", `sys/policies/acl/${policy}`, {
    policy: `path "${databaseMount}/creds/*" { capabilities = ["read"] }\npath "secret/data/*" { capabilities = ["read"] }\n`,
  });
}

/** Not the name itself, which would be redacted in paths. */
const kept = (name: string) => `the value at ${name}`;

const kvTemplate = (pod: Pod, name: string) =>
  template(pod.path("secrets", name), `{{ with secret "secret/data/${name}" }}{{ .Data.data.a }}{{ end }}\n`);

it.skipIf(process.platform !== "linux")(
  "whatever comes in place of an answer is said, costs neither memory nor time, and is forgotten",
  { timeout: 40_000 },
  async () => {
    const pod = await world.pod({ ttl: { default: "60s", max: "10m" } });
    const names = Object.keys(BAD);
    await allowKv(pod, names);
    const answers = new Map(names.map((name) => [`/v1/secret/data/${name}`, BAD[name]!.answer]));
    const address = await answering(pod, answers);
    const templates = [pod.destination, ...names].map((name) =>
      name === pod.destination ? template(name) : kvTemplate(pod, name),
    );
    const agent = await pod.agent(configuration(pod, { address, template: templates.join("\n") }), {
      env: { VAULT_CLIENT_TIMEOUT: "2s" },
    });
    // The credential is none of theirs, and is looked after meanwhile.
    await agent.event("published", ({ path }) => path === pod.seed.credentialPath);
    for (const name of names) {
      const { error } = await agent.event("read failed", ({ path }) => path === `secret/data/${name}`);
      expect(error, name).toMatch(BAD[name]!.said);
    }
    const asked = performance.now();
    expect((await pod.get("/livez")).status).toBe(200);
    expect(performance.now() - asked).toBeLessThan(2_000);
    expect(await mostMemory(agent.pid)).toBeLessThan(MOST_MEMORY);
    expect(agent.output()).not.toContain("s.a-token-in-a-page");
    expect(
      agent
        .output()
        .split("\n")
        .every((line) => line.length < 10_000),
    ).toBe(true);
    answers.clear();
    for (const name of names) {
      await agent.event("rendered", ({ destination }) => destination === pod.path("secrets", name));
      expect(await readFile(pod.path("secrets", name), "utf8")).toBe(`${kept(name)}\n`);
    }
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
    expect(await pod.left()).toEqual([]);
  },
);

describe("a redirect", () => {
  it("to another origin is never followed, whatever is asked for: login, read and renewal", {
    timeout: 60_000,
  }, async () => {
    const thief = await startServer(() => 200);
    const to = text("", 307, { location: `${thief.url}v1/gotcha` });
    for (const path of ["/v1/auth/kubernetes/login", "/v1/database/creds/pg-role"]) {
      const pod = await world.pod({ ttl: { default: "60s", max: "10m" } });
      const address = await answering(pod, new Map([[path, to]]));
      const agent = await pod.agent(configuration(pod, { address }));
      const { error } = await agent.event(path.endsWith("login") ? "login failed" : "read failed");
      expect(error).toMatch(/307 .*none to another one, because the token would go with it/);
      await agent.stop();
    }
    expect(thief.requests).toEqual([]);
  });
});

describe("an answer that is large and good", () => {
  it("is written as it is: a value of 2 MB, and 20,000 of them", { timeout: 60_000 }, async () => {
    const pod = await world.pod({ ttl: { default: "60s", max: "10m" } });
    await allowKv(pod, []);
    const long = "0123456789abcdef".repeat(128 * 1024);
    const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`key-${n}`, `value-${n}-of-many`]));
    await pod.seed.api.expect("POST", "secret/data/long", { data: { a: long } });
    await pod.seed.api.expect("POST", "secret/data/many", { data: many });
    const [one, all] = [pod.path("secrets", "long"), pod.path("secrets", "many")];
    const agent = await pod.agent(
      configuration(pod, {
        template: [
          template(pod.destination),
          kvTemplate(pod, "long"),
          template(
            all,
            `{{ with secret "secret/data/many" }}{{ range $k, $v := .Data.data }}{{ $k }}={{ $v }}\n{{ end }}{{ end }}\n`,
          ),
        ].join("\n"),
      }),
    );
    await agent.event("rendered", ({ destination }) => destination === all);
    await agent.event("rendered", ({ destination }) => destination === one);
    expect(await readFile(one, "utf8")).toBe(`${long}\n`);
    expect((await readFile(all, "utf8")).split("\n").length).toBeGreaterThan(20_000);
    await agent.event("published", ({ path }) => path === pod.seed.credentialPath);
    if (process.platform === "linux") expect(await mostMemory(agent.pid)).toBeLessThan(MOST_MEMORY);
    expect((await pod.get("/livez")).status).toBe(200);
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
  });
});

describe("a configuration", () => {
  it.each([
    ["blocks", "a {\n".repeat(100_000), /agent\.hcl:\d+: nested too deeply/],
    ["lists", `x = ${"[".repeat(100_000)}`, /agent\.hcl:\d+: nested too deeply/],
    ["JSON", `{"a":`.repeat(100_000), /agent\.hcl:\d+: nested too deeply/],
    ["interpolations", `x = "${"${".repeat(100_000)}`, /agent\.hcl:\d+: /],
    ["size", `# ${"x".repeat(100 * MIB)}`, /agent\.hcl: 104857602 bytes are no configuration/],
    ["a comment without an end", `/*${"*".repeat(1_000_000)}`, /agent\.hcl:\d+: /],
    ["a text without an end", `x = <<EOT\n${"y\n".repeat(300_000)}`, /agent\.hcl:\d+: /],
  ])("of endless %s is refused, soon", async (_what, hcl, said) => {
    const pod = await world.pod({ ttl: { default: "60s", max: "10m" } });
    await mkdir(pod.path("conf"));
    await writeFile(pod.path("conf", "agent.hcl"), hcl);
    const begun = performance.now();
    const agent = await pod.agent("", { args: [`-config=${pod.path("conf", "agent.hcl")}`] });
    expect(await agent.ended).toEqual({ code: 1, signal: null });
    expect(agent.lines.join("\n")).toMatch(said);
    expect(agent.output().length).toBeLessThan(5_000);
    expect(performance.now() - begun).toBeLessThan(10_000);
    await expect(stat(pod.destination)).rejects.toThrow("ENOENT");
  });
});
