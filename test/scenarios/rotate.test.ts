/** `lessee rotate`, as somebody in the sidecar's container calls it when a password has leaked. */
import { execFile } from "node:child_process";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configuration } from "../support/configuration.ts";
import { type Pod, startWorld, type World } from "../support/world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

const LONG = { ttl: { default: "10m", max: "1h" } };
const LAUNCHER = join(import.meta.dirname, "../../bin/lessee");

function rotate(pod: Pod, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const env = { PATH: process.env.PATH, HOME: pod.folder };
  return new Promise((resolve) => {
    execFile(LAUNCHER, ["rotate", ...args], { env }, (error, out, err) =>
      resolve({ code: typeof error?.code === "number" ? error.code : error === null ? 0 : -1, out, err }),
    );
  });
}

describe("lessee rotate", { timeout: 60_000 }, () => {
  it("R8: keeps a connection of the old user open to end its sessions by, after a reload too", async () => {
    const pod = await world.pod(LONG);
    const agent = await pod.agent(configuration(pod));
    await agent.event("published");
    const { username: user, password } = await pod.credential();
    const session = new pg.Client({ ...world.postgres, user, password });
    await session.connect();
    const rotated = rotate(pod, `-config=${pod.path("agent.hcl")}`);
    const own = async () => {
      const query = "SELECT pid FROM pg_stat_activity WHERE usename = $1 AND application_name = 'lessee'";
      return (await session.query(query, [user])).rows.map(({ pid }) => Number(pid));
    };
    await agent.event("published", (entry) => entry.user !== user);
    await expect.poll(own, { timeout: 15_000 }).toHaveLength(1);
    const [before] = await own();
    agent.signal("SIGHUP");
    await agent.event("configuration reloaded");
    await expect.poll(async () => (await own()).filter((pid) => pid !== before), { timeout: 15_000 }).toHaveLength(1);
    await session.end();
    const { username, password: next } = await pod.credential();
    const successor = new pg.Client({ ...world.postgres, user: username, password: next });
    await successor.connect();
    expect((await rotated).code).toBe(0);
    await successor.end();
    await agent.stop();
  });

  it("replaces the credential while the application works, prints the stages, and ends when the old one is gone", async () => {
    const pod = await world.pod(LONG);
    const app = await pod.application("per-connection");
    const agent = await pod.agent(configuration(pod));
    const { user } = await agent.event("confirmed");
    const { code, err, out } = await rotate(pod, `-config=${pod.path("agent.hcl")}`);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const stages = [
      "rotation due reason=asked for",
      "read",
      "verified",
      "published",
      "confirmed",
      "drained",
      "released",
    ];
    const at = stages.map((stage) =>
      out.search(new RegExp(`: ${stage}\\b|: ${stage.replace(" reason", " user=\\S+ reason")}`)),
    );
    expect(
      at.every((one, i) => one >= 0 && one > (at[i - 1] ?? -1)),
      out,
    ).toBe(true);
    const now = await pod.credential();
    expect(now.username).not.toBe(user);
    expect(out).toContain(`${now.username} has taken the place of ${user}`);
    expect(out).not.toContain(now.password);
    expect((await app.stop()).failed).toBe(0);
    await agent.stop();
    expect(await readdir(pod.path("state"))).toEqual([]);
  });

  it("-revoke does not wait for the sessions of whoever has the password", async () => {
    const pod = await world.pod(LONG);
    const agent = await pod.agent(configuration(pod, { credential: `connection_max_lifetime = "1h"` }));
    await agent.event("published");
    const { username, password } = await pod.credential();
    const thief = new pg.Client(`postgresql://${username}:${encodeURIComponent(password)}@${pod.database}`);
    thief.on("error", () => {});
    await thief.connect();
    const late = await rotate(pod, `-state=${pod.path("state")}`, "-timeout=3s");
    expect(late.code).toBe(2);
    expect(late.err).toMatch(/the application has not taken it yet.*the rotation goes on/);
    const { code, out } = await rotate(pod, `-state=${pod.path("state")}`, "-revoke", "-path=database/creds/pg-role");
    expect(code, out).toBe(0);
    await expect.poll(async () => (await thief.query("SELECT 1").catch(() => null)) === null).toBe(true);
    await thief.end().catch(() => {});
    await agent.stop();
  });

  it("respects the budget, and says when it allows another user", async () => {
    const pod = await world.pod(LONG);
    const agent = await pod.agent(configuration(pod, { credential: "max_new_per_hour = 1" }));
    await agent.event("published");
    const { code, err } = await rotate(pod, `-state=${pod.path("state")}`);
    expect(code).toBe(3);
    expect(err).toMatch(/the budget of new users \(max_new_per_hour\) is used up: the next may be made in (59m|1h)/);
    expect(pod.requests(({ path }) => path === "/v1/database/creds/pg-role")).toBe(1);
    await agent.stop();
  });

  it("says which credentials there are, and where it looked for a sidecar", async () => {
    const pod = await world.pod(LONG);
    expect(await rotate(pod, `-state=${pod.path("nowhere")}`)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/cannot be asked at .*nowhere/),
    });
    const agent = await pod.agent(configuration(pod));
    await agent.event("published");
    const { code, err } = await rotate(pod, `-state=${pod.path("state")}`, "-path=database/creds/other");
    expect({ code, err }).toEqual({
      code: 1,
      err: "no credential database/creds/other: there is database/creds/pg-role\n",
    });
    await agent.stop();
  });

  it("cannot be asked for over the network, nor by another user of the machine", async () => {
    const pod = await world.pod(LONG);
    const agent = await pod.agent(configuration(pod));
    await agent.event("published");
    for (const method of ["POST", "PUT", "GET"]) {
      const answer = await fetch(`http://${pod.healthAddress}/rotate`, { method });
      expect(answer.status).toBe(404);
    }
    const folder = await lstat(pod.path("state", "control"));
    expect(folder.mode & 0o777).toBe(0o700);
    expect(folder.uid).toBe(process.getuid!());
    expect((await lstat(pod.path("state", "control", "lessee.sock"))).isSocket()).toBe(true);
    expect(agent.entries.filter(({ msg }) => msg === "rotation due")).toEqual([]);
    await agent.stop();
  });

  it("works again after a kill -9 that left the socket behind", async () => {
    const pod = await world.pod(LONG);
    const first = await pod.agent(configuration(pod));
    await first.event("published");
    await first.kill();
    const dead = await rotate(pod, `-state=${pod.path("state")}`);
    expect(dead).toMatchObject({ code: 1, err: expect.stringContaining("has been killed") });
    const app = await pod.application("per-connection");
    const second = await pod.agent(configuration(pod));
    await second.event("confirmed");
    expect((await rotate(pod, `-state=${pod.path("state")}`)).code).toBe(0);
    await app.stop();
    await second.stop();
  });
});
