/**
 * SIGKILL at random moments, with real processes, a real Postgres and the state file: at any time at most one user more
 * than is needed, given back at the next start. LESSEE_KILLS=200 kills so often; the usual run has to fit into CI.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configuration } from "../support/configuration.ts";
import { type Pod, startWorld, type World } from "../support/world.ts";

/** For a rotation, a kill and a start; milliseconds. */
const ENOUGH = 5_000;
const KILLS = Number(process.env.LESSEE_KILLS ?? 12);

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

/** The leases that Vault holds for the pod, each of which is a user. */
async function usersOf(pod: Pod): Promise<readonly string[]> {
  const { body } = await pod.seed.api.send("GET", `sys/leases/lookup/${pod.seed.credentialPath}?list=true`);
  return (body.data?.keys ?? []) as string[];
}

describe.concurrent("One user per pod, whenever it is killed", () => {
  it("while nothing is due: one user, the same through all of them", {
    timeout: 60_000 + KILLS * 5_000,
  }, async (test) => {
    const pod = await world.pod({ ttl: { default: "10m", max: "1h" } }, test);
    const init = await pod.agent(configuration(pod), { args: ["-exit-after-auth"] });
    const { user } = await init.event("published");
    expect((await init.ended).code).toBe(0);
    for (let kills = 0; kills < KILLS; kills++) {
      const agent = await pod.agent(configuration(pod));
      await sleep(Math.random() * 1_500);
      await agent.kill();
      expect(await usersOf(pod)).toHaveLength(1);
      expect((await pod.credential()).username).toBe(user);
    }
    const last = await pod.agent(configuration(pod));
    expect((await last.event("adopted")).user).toBe(user);
    await last.stop();
    expect(await pod.left()).toEqual([]);
  });

  it("in the first start: the next one has what the killed one left, or one more that is given back", {
    timeout: 60_000 + KILLS * 8_000,
  }, async (test) => {
    for (let kills = 0; kills < KILLS / 3; kills++) {
      const pod = await world.pod({ ttl: { default: "10m", max: "1h" } }, test);
      const first = await pod.agent(configuration(pod));
      // In the middle of its first requests: it needs some 400 ms until then.
      await sleep(100 + Math.random() * 700);
      await first.kill();
      expect((await usersOf(pod)).length).toBeLessThanOrEqual(1);
      const next = await pod.agent(configuration(pod));
      await next.event("published").catch(() => next.event("adopted"));
      expect((await usersOf(pod)).length).toBeLessThanOrEqual(2);
      await next.stop();
    }
  });

  it("in the middle of rotations: never more than one too many, and no query fails", {
    timeout: 60_000 + KILLS * 15_000,
  }, async (test) => {
    // The time for a rotation has to hold a restart too, on a machine that is busy.
    const pod = await world.pod({ ttl: { default: "10s", max: "15s" } }, test);
    const patient = configuration(pod, { credential: `margin = "3s"` });
    const app = await pod.application("per-connection");
    let most = 0;
    let agent = await pod.agent(patient);
    await agent.event("confirmed");
    for (let kills = 0; kills < KILLS / 3; kills++) {
      const due = await agent.event("rotation due");
      // One that a kill has put off comes to its end first: nobody rotates who is killed faster than he starts.
      if (Date.parse(String(due.horizon)) - Date.now() < ENOUGH) {
        await agent.event("rotated");
        await agent.event("rotation due", () => true, agent.entries.length);
      }
      // From the read to the release it takes some two seconds.
      await sleep(Math.random() * 2_500);
      await agent.kill();
      // The one in use, its successor, and one too many.
      most = Math.max(most, (await usersOf(pod)).length);
      agent = await pod.agent(patient);
    }
    await agent.event("confirmed");
    expect(most).toBeLessThanOrEqual(3);
    const { failed, lastFailure } = await app.stop();
    expect(lastFailure).toBeNull();
    expect(failed).toBe(0);
    await agent.stop();
    expect(await pod.left(20_000)).toEqual([]);
  });
});
