/** `log_file`, as a whole: flags and keys, and that the file has what standard error has. */
import { mkdir, readdir, readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { configuration } from "../support/configuration.ts";
import { startWorld, type World } from "../support/world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

it("The log is in its file and on standard error, and is put aside", async () => {
  const pod = await world.pod();
  await mkdir(pod.path("logs"));
  const agent = await pod.agent(configuration(pod, { rest: `log_file = "${pod.path("logs")}/"` }), {
    args: ["-log-rotate-bytes=300", "-log-rotate-max-files=100"],
  });
  await agent.event("published");
  expect(await agent.stop()).toEqual({ code: 0, signal: null });
  const names = (await readdir(pod.path("logs"))).sort();
  expect(names.at(-1)).toBe("agent.log");
  expect(names.length).toBeGreaterThan(2);
  const texts = await Promise.all(names.map((name) => readFile(pod.path("logs", name), "utf8")));
  expect(texts.join("")).toBe(`${agent.output()}\n`);
});

it("A log file that cannot be written stops nothing", async () => {
  const pod = await world.pod();
  const agent = await pod.agent(configuration(pod, { rest: `log_file = "${pod.path("nowhere", "agent.log")}"` }));
  await agent.event("published");
  expect(agent.lines).toEqual([expect.stringMatching(/^log_file: cannot open .*nowhere\/agent\.log: ENOENT/)]);
  expect(await agent.stop()).toEqual({ code: 0, signal: null });
});
