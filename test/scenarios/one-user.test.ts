/** Promise 5, and what the process does at SIGTERM and SIGHUP: who holds which user when containers come and go. */
import { copyFile, readdir, readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configuration, SEED_TEMPLATE, template } from "../support/configuration.ts";
import { type Pod, startWorld, type World } from "../support/world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

/** Long enough that no rotation comes in between. */
const LONG = { ttl: { default: "60s", max: "10m" } };

function reads(pod: Pod): number {
  return pod.requests(({ path, status }) => path === "/v1/database/creds/pg-role" && status === 200);
}

async function stateFiles(pod: Pod): Promise<readonly string[]> {
  return (await readdir(pod.path("state"))).sort();
}

it("One database user per pod", { timeout: 60_000 }, async () => {
  const pod = await world.pod(LONG);
  const init = await pod.agent(configuration(pod), { args: ["-exit-after-auth"] });
  const { user } = await init.event("published");
  expect(await init.ended).toEqual({ code: 0, signal: null });
  const app = await pod.application("per-connection");

  const sidecar = await pod.agent(configuration(pod));
  expect((await sidecar.event("adopted")).user).toBe(user);
  await sidecar.event("confirmed");
  await sidecar.kill();

  const restarted = await pod.agent(configuration(pod));
  expect((await restarted.event("adopted")).user).toBe(user);
  await restarted.event("confirmed");
  expect((await pod.credential()).username).toBe(user);
  expect(reads(pod)).toBe(1);
  expect(await world.users.left(0)).toEqual([user]);

  expect((await app.stop()).failed).toBe(0);
  expect(await restarted.stop()).toEqual({ code: 0, signal: null });
  expect(await world.users.left(3_000)).toEqual([]);
  expect(await stateFiles(pod)).toEqual([]);
});

describe("SIGTERM", () => {
  it("releases the user and deletes the state when the application is gone", async () => {
    const pod = await world.pod(LONG);
    const app = await pod.application("per-connection");
    const agent = await pod.agent(configuration(pod));
    const { user } = await agent.event("confirmed");
    expect(await stateFiles(pod)).not.toEqual([]);
    const stopping = agent.stop();
    await agent.event("stopping");
    // The application ends a little later, as it does when all containers of a pod are told at once.
    await agent.event("sessions", ({ old_sessions: sessions }) => Number(sessions) > 0);
    expect((await app.stop()).failed).toBe(0);
    expect(await stopping).toEqual({ code: 0, signal: null });
    expect((await agent.event("released")).user).toBe(user);
    expect((await agent.event("stopped")).held).toBe(0);
    expect(await world.users.left(3_000)).toEqual([]);
    expect(await stateFiles(pod)).toEqual([]);
  });

  it("releases nothing while sessions remain, and the restarted sidecar goes on with the same user", async () => {
    const pod = await world.pod(LONG);
    const app = await pod.application("per-connection");
    const rest = `shutdown_timeout = "1s"`;
    const agent = await pod.agent(configuration(pod, { rest }));
    const { user } = await agent.event("confirmed");
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
    expect((await agent.event("stopped")).held).toBe(1);
    expect(agent.entries.filter(({ msg }) => msg === "released" || msg === "token revoked")).toEqual([]);
    expect(await stateFiles(pod)).not.toEqual([]);

    const restarted = await pod.agent(configuration(pod, { rest }));
    expect((await restarted.event("adopted")).user).toBe(user);
    await restarted.event("confirmed");
    expect(reads(pod)).toBe(1);
    expect((await app.stop()).failed).toBe(0);
    await restarted.stop();
    expect(await world.users.left(3_000)).toEqual([]);
  });

  it("W11: keeps the user of an earlier sidecar while it cannot be told whose it is, and whenever it is told to stop meanwhile", async () => {
    const pod = await world.pod(LONG);
    const agent = await pod.agent(configuration(pod));
    const { user } = await agent.event("published");
    await agent.kill();
    const away = `role = "pg"\n      token_path = "${pod.path("later")}"`;

    for (const isToStop of [true, false]) {
      const waiting = await pod.agent(configuration(pod, { method: away }));
      const { message } = await waiting.event("warning", ({ code }) => code === "state");
      expect(message).toMatch(
        /cannot be told whose the state is: cannot read the service account token .*later: ENOENT/,
      );
      if (isToStop) {
        expect(await waiting.stop()).toEqual({ code: 0, signal: null });
        continue;
      }
      await copyFile(pod.tokenFile, pod.path("later"));
      expect((await waiting.event("adopted")).user).toBe(user);
      expect(reads(pod)).toBe(1);
      await waiting.stop();
    }
    expect(await world.users.left(3_000)).toEqual([]);
  });

  it("keeps the user of an earlier sidecar while the server is sealed or silent, and whenever it is told to stop meanwhile", async () => {
    const pod = await world.pod(LONG);
    const agent = await pod.agent(configuration(pod));
    const { user } = await agent.event("published");
    await agent.kill();
    const answer = { kind: "answer", status: 503, body: { errors: ["Vault is sealed"] } } as const;
    const seal = () => pod.vault.faults.inject(() => true, answer);
    let sealed = seal();

    const waiting = await pod.agent(configuration(pod));
    expect((await waiting.event("warning", ({ code }) => code === "adoption")).message).toContain("Vault is sealed");
    expect(await waiting.stop()).toEqual({ code: 0, signal: null });
    expect((await waiting.event("stopped")).held).toBe(1);

    sealed.remove();
    const silent = pod.vault.faults.inject(() => true, { kind: "hang" });
    const asking = await pod.agent(configuration(pod));
    await expect.poll(() => silent.hits, { timeout: 10_000 }).toBe(1);
    expect(await asking.stop()).toEqual({ code: 0, signal: null });
    expect((await asking.event("stopped")).held).toBe(1);
    silent.remove();

    sealed = seal();
    const patient = await pod.agent(configuration(pod));
    await patient.event("warning", ({ code }) => code === "adoption");
    sealed.remove();
    expect((await patient.event("adopted")).user).toBe(user);
    await patient.stop();
    expect(reads(pod)).toBe(1);
    expect(await world.users.left(3_000)).toEqual([]);
  });

  it("keeps all users of an earlier sidecar while the server answers for some only, whether it is told to stop or killed", async () => {
    const pod = await world.pod({ ...LONG, roles: { other: { default: "60s", max: "10m" } } });
    const both = template(pod.destination, SEED_TEMPLATE + SEED_TEMPLATE.replace("pg-role", "other"));
    const parts = { template: both };
    const agent = await pod.agent(configuration(pod, parts));
    await agent.events("published", 2);
    await agent.kill();
    const hold = () => {
      let lookups = 0;
      const isSecond = ({ path }: { path: string }) => path === "/v1/sys/leases/lookup" && ++lookups > 1;
      return pod.vault.faults.inject(isSecond, { kind: "answer", status: 503, body: { errors: ["Vault is sealed"] } });
    };

    for (const end of ["stop", "kill"] as const) {
      const held = hold();
      const waiting = await pod.agent(configuration(pod, parts));
      await waiting.event("warning", ({ code }) => code === "adoption");
      await waiting[end]();
      if (end === "stop") expect((await waiting.event("stopped")).held).toBe(2);
      held.remove();
    }
    const patient = await pod.agent(configuration(pod, parts));
    await patient.events("adopted", 2);
    await patient.stop();
    expect(pod.requests(({ path, status }) => /^\/v1\/database\/creds\//.test(path) && status === 200)).toBe(2);
  });

  it("ends at once when it comes a second time", async () => {
    const pod = await world.pod(LONG);
    const app = await pod.application("per-connection");
    const agent = await pod.agent(configuration(pod));
    await agent.event("confirmed");
    const asked = performance.now();
    agent.signal("SIGTERM");
    await agent.event("stopping");
    // Together they are one request, as of a group of processes of which one passes it on.
    agent.signal("SIGTERM");
    agent.signal("SIGINT");
    const again = setInterval(() => agent.signal("SIGTERM"), 50);
    expect(await agent.ended.finally(() => clearInterval(again))).toEqual({ code: 143, signal: null });
    expect(performance.now() - asked).toBeGreaterThan(990);
    expect((await app.stop()).failed).toBe(0);
  });

  it.each([
    ["slow", { kind: "delay", milliseconds: 300 } as const, 6],
    ["refusing at first", { kind: "answer", status: 500, body: { errors: ["internal error"] } } as const, 2],
  ])(
    "W8: gives the user back before the token, at a server that is %s",
    { timeout: 60_000 },
    async (_how, fault, times) => {
      const pod = await world.pod(LONG);
      const agent = await pod.agent(configuration(pod, { rest: `shutdown_timeout = "50s"` }));
      await agent.event("token renewed");
      const isRelease = (path: string) => /sys\/leases\/(revoke|renew)$/.test(path);
      pod.vault.faults.inject(({ path }) => isRelease(path), fault, times);
      const before = pod.vault.requests.entries.length;
      expect(await agent.stop()).toEqual({ code: 0, signal: null });
      await agent.event("released");
      await agent.event("token revoked");
      const asked = pod.vault.requests.entries
        .slice(before)
        .filter(({ path }) => isRelease(path) || path.endsWith("revoke-self"));
      expect(asked.map(({ path }) => path).indexOf("/v1/auth/token/revoke-self")).toBe(asked.length - 1);
      const last = asked.at(-1)!;
      for (const { at, duration } of asked.slice(0, -1)) expect(at + duration).toBeLessThanOrEqual(last.at);
      expect(await world.users.left(3_000)).toEqual([]);
    },
  );

  it("ends in order while Vault does not answer", async () => {
    const pod = await world.pod(LONG);
    const agent = await pod.agent(configuration(pod, { rest: `shutdown_timeout = "2s"` }));
    await agent.event("published");
    pod.vault.faults.inject(() => true, { kind: "hang" });
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
  });

  it("does not wait for what it cannot see: without a postgres block it leaves the user to the next sidecar", async () => {
    const pod = await world.pod(LONG);
    const agent = await pod.agent(
      configuration(pod, { postgres: false, credential: `connection_max_lifetime = "1h"` }),
    );
    const { user } = await agent.event("published");
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
    const { time: asked } = await agent.event("stopping");
    const stopped = await agent.event("stopped");
    expect(stopped.held).toBe(1);
    expect(Date.parse(stopped.time) - Date.parse(asked)).toBeLessThan(5_000);
    const next = await pod.agent(configuration(pod, { postgres: false }));
    expect((await next.event("adopted")).user).toBe(user);
    await next.stop();
  });

  it("ends before the first login has succeeded", async () => {
    const pod = await world.pod(LONG);
    await pod.vault.refuseConnections();
    const agent = await pod.agent(configuration(pod));
    await agent.event("login failed");
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
  });
});

describe("SIGHUP", () => {
  it("reads the configuration anew: a changed template is rendered, with the same user", async () => {
    const pod = await world.pod(LONG);
    const agent = await pod.agent(configuration(pod));
    const { user } = await agent.event("published");
    const changed = SEED_TEMPLATE.replace("username:", "# changed\nusername:");
    await writeFile(pod.path("agent.hcl"), configuration(pod, { template: template(pod.destination, changed) }));
    agent.signal("SIGHUP");
    await agent.event("configuration reloaded");
    expect(await readFile(pod.destination, "utf8")).toMatch(new RegExp(`^# changed\\nusername: ${user}\\npassword: `));
    expect(reads(pod)).toBe(1);
    expect((await agent.stop()).code).toBe(0);
  });

  it("reports a bad configuration with file and line, and keeps the old one", async () => {
    const pod = await world.pod();
    const agent = await pod.agent(configuration(pod));
    await agent.event("published");
    await writeFile(pod.path("agent.hcl"), `${configuration(pod)}\ncredential "x" { conection_max_lifetime = "1h" }\n`);
    agent.signal("SIGHUP");
    const { error } = await agent.event("configuration refused");
    expect(error).toMatch(/agent\.hcl:\d+: .*conection_max_lifetime.*connection_max_lifetime/);
    await agent.events("published", 2);
    expect((await pod.get("/readyz")).status).toBe(200);
    expect((await agent.stop()).code).toBe(0);
  });

  it("reports a template that does not parse, and keeps the old one", async () => {
    const pod = await world.pod(LONG);
    const agent = await pod.agent(configuration(pod));
    await agent.event("published");
    const before = await readFile(pod.destination, "utf8");
    await writeFile(pod.path("agent.hcl"), configuration(pod, { template: template(pod.destination, "{{ if }}\n") }));
    agent.signal("SIGHUP");
    expect((await agent.event("configuration refused")).error).toMatch(/agent\.hcl:\d+: template .*config\.yaml.*:1:/);
    expect(await readFile(pod.destination, "utf8")).toBe(before);
    expect((await agent.stop()).code).toBe(0);
  });
});
