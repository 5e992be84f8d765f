/** How the application hears of a new credential, end to end: each kind of `notify`, and a template's command. */
import { chmod, readFile, stat, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { configuration, template } from "../support/configuration.ts";
import { startServer } from "../support/http.ts";
import { startWorld, type World } from "../support/world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

it("by a signal: an application that reads its file once takes the new user, and only then", {
  timeout: 60_000,
}, async () => {
  const pod = await world.pod();
  const app = await pod.application("sighup");
  const agent = await pod.agent(
    configuration(pod, { credential: `notify "signal" {\n pid_file = "${app.pidFile}"\n signal = "SIGHUP"\n}` }),
  );
  const [, second] = await agent.events("published", 2);
  await agent.event("notified");
  const report = await app.until(({ user }) => user === second?.user);
  expect(report.failed).toBe(0);
  await agent.event("released");
  expect((await app.stop()).failed).toBe(0);
  await agent.stop();
});

it("by HTTP, by a command and by a file, all of them, once a rotation", { timeout: 60_000 }, async () => {
  const pod = await world.pod();
  const endpoint = await startServer(() => 204);
  const script = pod.path("reload.sh");
  await writeFile(script, `#!/bin/sh\necho "$LESSEE_PATH $LESSEE_USERNAME" >> ${pod.path("reloads")}\n`);
  await chmod(script, 0o755);
  const agent = await pod.agent(
    configuration(pod, {
      credential: `
        notify "http" {
          url    = "${endpoint.url}-/reload"
          method = "PUT"
          body   = "now"
        }
        notify "exec" { command = ["${script}"] }
        notify "file" { path = "${pod.path("reload-me")}" }`,
    }),
  );
  await agent.event("published");
  // Nobody has read the first file yet: there is nothing to tell.
  expect(agent.entries.filter(({ msg }) => msg === "notified")).toEqual([]);
  const { user } = (await agent.events("confirmed", 1))[0]!;
  expect((await agent.events("notified", 3)).map(({ kind }) => kind).sort()).toEqual(["exec", "file", "http"]);
  expect(endpoint.requests).toMatchObject([{ method: "PUT", path: "/-/reload", body: "now" }]);
  expect(await readFile(pod.path("reloads"), "utf8")).toBe(`database/creds/pg-role ${user}\n`);
  expect(await readFile(pod.path("reload-me"), "utf8")).toMatch(/^\d{4}-\d\d-\d\dT/);
  await agent.stop();
});

it("by a template's command, which runs once, after all files are written", { timeout: 60_000 }, async () => {
  const pod = await world.pod();
  const second = pod.path("secrets", "second.conf");
  const command = `command = "cat ${pod.destination} ${second} >> ${pod.path("seen")}"`;
  const agent = await pod.agent(
    configuration(pod, {
      template:
        template(pod.destination, undefined, command) +
        template(second, `{{ with secret "database/creds/pg-role" }}second={{ .Data.username }}{{ end }}\n`),
    }),
  );
  const first = await agent.event("published");
  await agent.event("notified");
  const lines = (await readFile(pod.path("seen"), "utf8")).split("\n");
  expect(lines.filter((line) => line.startsWith("username:"))).toEqual([`username: ${first.user}`]);
  expect(lines.filter((line) => line.includes("second="))).toHaveLength(1);
  expect(lines.join("\n")).toContain(`second=${first.user}`);
  const next = (await agent.events("published", 2))[1]!;
  await agent.events("notified", 2);
  const after = await readFile(pod.path("seen"), "utf8");
  expect(after.match(/second=\S+/g)).toEqual([`second=${first.user}`, `second=${next.user}`]);
  expect((await stat(second)).mode & 0o777).toBe(0o644);
  await agent.stop();
});
