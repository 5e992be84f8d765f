/** When a credential ends, printed into its file: known before the first publish, and the same for whoever takes it up. */
import { readFile, stat, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { configuration, template } from "../support/configuration.ts";
import { type Pod, startWorld, type World } from "../support/world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

const GO = `{{ with secret "database/creds/pg-role" }}{{ .Data.username }} {{ lesseeExpiryUnix "database/creds/pg-role" }} {{ lesseeHorizonUnix "database/creds/pg-role" }}{{ end }}
`;
const HANDLEBARS = `{{#with (secret "database/creds/pg-role")}}{{Data.username}} {{lesseeExpiry "database/creds/pg-role"}} {{lesseeHorizon "database/creds/pg-role"}}{{/with}}
`;

function printing(pod: Pod, contents = GO): string {
  return configuration(pod, {
    template: template(pod.destination, contents) + template(pod.path("ends"), HANDLEBARS, `engine = "handlebars"`),
  });
}

it("is the same from the init container to the restarted sidecar, whatever was renewed", {
  timeout: 60_000,
}, async () => {
  const pod = await world.pod({ ttl: { default: "3s", max: "10m", token: "2m", tokenMax: "5m" } });
  const begun = Date.now();
  const init = await pod.agent(printing(pod), { args: ["-exit-after-auth"] });
  const { user } = await init.event("published");
  const first = await readFile(pod.destination, "utf8");
  const [, printedUser, expiry, horizon] = /^(\S+) (\d+) (\d+)\n$/.exec(first) ?? [];
  expect(printedUser).toBe(user);
  expect(Math.abs(Number(expiry) - (begun / 1_000 + 3))).toBeLessThan(5);
  // The token's max TTL, which is sooner than the lease's.
  expect(Math.abs(Number(horizon) - (begun / 1_000 + 300))).toBeLessThan(5);
  const dates = await readFile(pod.path("ends"), "utf8");
  const iso = (seconds: string | undefined) => new Date(Number(seconds) * 1_000).toISOString().replace(".000", "");
  expect(dates).toBe(`${user} ${iso(expiry)} ${iso(horizon)}\n`);
  expect((await init.ended).code).toBe(0);

  const { ino } = await stat(pod.destination);
  for (const renewals of [2, 1]) {
    const sidecar = await pod.agent(printing(pod));
    await sidecar.event("adopted");
    await sidecar.events("renewed", renewals);
    expect(sidecar.entries.filter(({ msg, changed }) => msg === "rendered" && changed === true)).toEqual([]);
    await sidecar.kill();
  }
  expect(await readFile(pod.destination, "utf8")).toBe(first);
  expect((await stat(pod.destination)).ino).toBe(ino);
  expect(pod.requests(({ path }) => path === "/v1/database/creds/pg-role")).toBe(1);
});

it("is told to a template that prints it from a reload on", async () => {
  const pod = await world.pod({ ttl: { default: "60s", max: "10m" } });
  const agent = await pod.agent(configuration(pod));
  const { user, time } = await agent.event("published");
  await agent.event("renewed");
  await writeFile(pod.path("agent.hcl"), printing(pod));
  agent.signal("SIGHUP");
  await agent.event("configuration reloaded");
  const [, printedUser, horizon] = /^(\S+) \d+ (\d+)\n$/.exec(await readFile(pod.destination, "utf8")) ?? [];
  expect(printedUser).toBe(user);
  expect(Math.abs(Number(horizon) - (Date.parse(time) / 1_000 + 600))).toBeLessThan(5);
  expect((await agent.stop()).code).toBe(0);
});
