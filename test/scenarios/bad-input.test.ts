/** What cannot be as it was meant: one clear line each, and what works goes on. (bad-start.test.ts has what ends a start.) */
import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configuration } from "../support/configuration.ts";
import { type Pod, startWorld, type World } from "../support/world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

const LONG = { ttl: { default: "60s", max: "10m" } };
const users = (pod: Pod) => pod.requests(({ path, status }) => path === "/v1/database/creds/pg-role" && status === 200);

describe("TTLs that are impossible", () => {
  it("are said with numbers, shown as a metric, and kept up with as far as the budget goes", async () => {
    const pod = await world.pod();
    const app = await pod.application("per-connection");
    const agent = await pod.agent(configuration(pod, { credential: `connection_max_lifetime = "10s"` }));
    const { message } = await agent.event("warning", ({ code }) => code === "lead");
    expect(message).toMatch(/lives 8(\.\d)? s at most, and a rotation needs 12\.5 s \(connections live 10 s\)/);
    expect((await pod.get("/metrics")).text).toMatch(/^lessee_rotation_lead_fits\{[^}]*\} 0$/m);
    expect((await pod.get("/readyz")).status).toBe(200);
    // The application's connections live a second in truth: the best that can be done is enough for them.
    const { user } = await agent.event("published");
    await agent.event("published", (entry) => entry.user !== user);
    expect((await app.stop()).failed).toBe(0);
    expect((await agent.stop()).code).toBe(0);
  });
});

describe("a connection_url that does not work", () => {
  it.each([
    [
      "where nobody listens",
      "127.0.0.1:1/tsb",
      /127\.0\.0\.1:1\/tsb as \S+: .*ECONNREFUSED.*\(nothing listens there: is Postgres running/,
    ],
    [
      "of a host that has no address",
      "nowhere.invalid:5432/tsb",
      /nowhere\.invalid:5432\/tsb as \S+: .*(ENOTFOUND|EAI_AGAIN) .*\(/,
    ],
    [
      "of a database that there is not",
      null,
      /database "no_such_database" does not exist \(3D000\) \(name an existing database in connection_url/,
    ],
  ])("%s is said, and costs one user", async (_what, database, said) => {
    const pod = await world.pod(LONG);
    const target = database ?? pod.database.replace(/[^/]+$/, "no_such_database");
    const agent = await pod.agent(configuration(pod, { database: target }));
    const failures = await agent.events("verification failed", 2);
    for (const { error } of failures) expect(error).toMatch(said);
    const ready = await pod.get("/readyz");
    expect([ready.status, said.test(ready.text)]).toEqual([503, true]);
    expect(users(pod)).toBe(1);
    expect((await agent.stop()).code).toBe(0);
    expect(await pod.left()).toEqual([]);
  });
});

describe("a verify query that fails", () => {
  it("never takes the place of what works: the file and the user in use stay", async () => {
    const pod = await world.pod();
    const agent = await pod.agent(configuration(pod));
    await agent.event("published");
    const before = await pod.credential();
    await writeFile(pod.path("agent.hcl"), configuration(pod, { verify: "SELECT 1 FROM no_such_table" }));
    agent.signal("SIGHUP");
    await agent.event("configuration reloaded");
    const { error } = await agent.event("verification failed");
    expect(error).toMatch(/relation "no_such_table" does not exist/);
    expect(await pod.credential()).toEqual(before);
    expect((await pod.get("/readyz")).status).toBe(200);
    expect((await agent.stop()).code).toBe(0);
    expect(await pod.left()).toEqual([]);
  });
});

it("a process of no such name, or of several, and a hook that hangs are said, and hold up neither renewals nor rotations", {
  timeout: 60_000,
}, async () => {
  const two = [1, 2].map(() => spawn("sleep", ["600"]));
  try {
    const pod = await world.pod();
    const app = await pod.application("per-connection");
    const hooks = `
      notify "signal" { process = "nobody-at-all" }
      notify "signal" { process = "sleep" }
      notify "exec" {
        command = ["tail", "-f", "/dev/null"]
        timeout = "300ms"
      }`;
    const agent = await pod.agent(configuration(pod, { credential: hooks }));
    const said = (await agent.events("notify failed", 3)).map(({ error }) => String(error));
    expect(said[0]).toMatch(/^no process is called nobody-at-all \(the pod needs shareProcessNamespace: true/);
    expect(said[1]).toMatch(/^\d+ processes are called sleep: [\d, ]+ \(name the one by pid_file\)$/);
    expect(said[2]).toMatch(/^tail -f \/dev\/null: no end within 0\.3 s/);
    const since = agent.entries.length;
    await agent.event("renewed", undefined, since);
    await agent.event("published", undefined, since);
    for (const one of two) expect([one.exitCode, one.signalCode]).toEqual([null, null]);
    expect((await app.stop()).failed).toBe(0);
    expect((await agent.stop()).code).toBe(0);
  } finally {
    for (const one of two) one.kill();
  }
});

describe("a state file", () => {
  it("that cannot be used is put aside with the reason, whatever is wrong with it; nothing in it is touched or shown", {
    timeout: 60_000,
  }, async () => {
    const pod = await world.pod(LONG);
    const file = pod.path("state", "lessee-state.json");
    const first = await pod.agent(configuration(pod));
    await first.event("published");
    await first.kill();
    const kept = await readFile(file, "utf8");
    const { token, credentials, binding } = JSON.parse(kept);
    const [{ lease }] = credentials;
    const changed = (changes: object) => JSON.stringify({ ...JSON.parse(kept), ...changes });
    const cases: readonly (readonly [string, string])[] = [
      [kept.slice(0, kept.length / 2), "it is no JSON"],
      [kept.replace(/"token":"/, '"token":'), "it is no JSON"],
      [changed({ version: 99 }), "it is of version 99, and this lessee knows 1"],
      [changed({ binding: { ...binding, pod: "another" } }), "it belongs to another pod"],
      [changed({ binding: { ...binding, address: "https://elsewhere:8200" } }), "it belongs to another address"],
    ];
    for (const [content, why] of cases) {
      await writeFile(file, content);
      pod.vault.requests.clear();
      const agent = await pod.agent(configuration(pod));
      const { message } = await agent.event("warning", ({ code }) => code === "state");
      expect(message).toContain(`is not taken up and was put aside as lessee-state.json.unusable: ${why}`);
      await agent.event("published");
      expect(await readFile(`${file}.unusable`, "utf8")).toBe(content);
      expect(users(pod)).toBe(1);
      expect(pod.requests(({ path }) => path.startsWith("/v1/sys/leases/lookup"))).toBe(0);
      await agent.kill();
      expect(agent.output()).not.toContain(String(token).slice(0, 6));
      expect(agent.output()).not.toContain(lease);
    }
    // The user of the one before is alive still, as long as its lease.
    expect(await world.users.left(0)).toContain(credentials[0].user);
  });
});
