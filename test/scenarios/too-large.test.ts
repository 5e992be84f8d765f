/** What has no end, or is far too large, in a running sidecar: said in words, in bounded memory, and nobody else waits. */
import { mkdir, readFile, truncate, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Agent } from "../support/agent.ts";
import { configuration, template } from "../support/configuration.ts";
import { startWorld, type World } from "../support/world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

const MIB = 1024 * 1024;
const LONG = { ttl: { default: "60s", max: "10m" } };

/** 100 MiB that take no room on the disk. */
async function huge(path: string): Promise<string> {
  await writeFile(path, "");
  await truncate(path, 100 * MIB);
  return path;
}

/** Linux's own measure of the most that the process ever had; a container of the injector's may have 128 MiB. */
async function expectSmall({ pid }: Agent): Promise<void> {
  if (process.platform !== "linux") return;
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  expect(Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024).toBeLessThan(100);
}

it("Templates that call themselves, or read 100 MB, fail alone", { timeout: 30_000 }, async () => {
  const pod = await world.pod(LONG);
  const big = await huge(pod.path("big"));
  const depth = /exceeded maximum template depth \(250\)/;
  const bad: Readonly<Record<string, readonly [contents: string, said: RegExp, more?: string]>> = {
    itself: ['{{ define "a" }}x{{ template "a" . }}{{ end }}{{ template "a" 1 }}', depth],
    twice: ['{{ define "a" }}{{ template "a" }}{{ template "a" }}{{ end }}{{ template "a" }}', depth],
    "each other": [
      '{{ define "a" }}{{ template "b" }}{{ end }}{{ define "b" }}{{ template "a" }}{{ end }}{{ template "a" }}',
      depth,
    ],
    function: ['{{ define "a" }}{{ executeTemplate "a" . }}{{ end }}{{ executeTemplate "a" 1 }}', depth],
    partial: ['{{#*inline "a"}}{{> a}}{{/inline}}{{> a}}', depth, 'engine = "handlebars"'],
    partials: [
      '{{#*inline "a"}}{{> b}}{{> b}}{{/inline}}{{#*inline "b"}}{{> a}}{{/inline}}{{> a}}',
      depth,
      'engine = "handlebars"',
    ],
    file: [`{{ file "${big}" }}`, /big has 104857600 bytes, more than 16 Mi/],
  };
  const templates = Object.entries(bad).map(([name, [contents, , more]]) =>
    template(pod.path("secrets", name), `${contents}\n`, more),
  );
  const agent = await pod.agent(configuration(pod, { template: [...templates, template(pod.destination)].join("\n") }));
  await agent.event("published");
  for (const [name, [, said]] of Object.entries(bad)) {
    const { error } = await agent.event(
      "render failed",
      ({ destination }) => destination === pod.path("secrets", name),
    );
    expect(error, name).toMatch(said);
  }
  const asked = performance.now();
  expect((await pod.get("/livez")).status).toBe(200);
  expect(performance.now() - asked).toBeLessThan(2_000);
  expect(agent.entries.filter(({ msg }) => msg === "read")).toHaveLength(1);
  await expectSmall(agent);
  expect(await agent.stop()).toEqual({ code: 0, signal: null });
});

it("A JWT, a state and a file to be replaced of 100 MB are refused, put aside and replaced", {
  timeout: 30_000,
}, async () => {
  const pod = await world.pod(LONG);
  const jwt = await huge(pod.path("jwt"));
  await huge(pod.destination);
  await mkdir(pod.path("state"), { mode: 0o700 });
  await huge(pod.path("state", "lessee-state.json"));
  const agent = await pod.agent(configuration(pod, { method: `role = "pg"\n token_path = "${jwt}"` }));
  expect((await agent.event("login failed")).error).toMatch(
    /service account token \S*jwt: EFBIG \(it is too large for a token/,
  );
  expect((await agent.event("warning", ({ code }) => code === "state")).message).toMatch(
    /lessee-state\.json\.unusable: EFBIG: .* has 104857600 bytes, and no more than 16 MiB are read/,
  );
  await writeFile(jwt, world.kubernetes.signToken({ namespace: "tsb", name: "tsb" }));
  const { user } = await agent.event("published");
  expect((await pod.credential()).username).toBe(user);
  await expectSmall(agent);
  expect(await agent.stop()).toEqual({ code: 0, signal: null });
});

it.each(["ca_cert", "source"])("At the start, a %s of 100 MB is refused", async (what) => {
  const pod = await world.pod(LONG);
  const big = await huge(pod.path("big"));
  const agent = await pod.agent(
    what === "source"
      ? configuration(pod, { template: `template {\n source = "${big}"\n destination = "${pod.destination}"\n}` })
      : configuration(pod, { vault: `ca_cert = "${big}"` }),
  );
  expect(await agent.ended).toEqual({ code: 1, signal: null });
  expect(agent.lines.join("\n")).toMatch(/cannot read .*: EFBIG/);
});
