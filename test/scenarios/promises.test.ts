/** The first four of the README's promises, each a test of the same name, with the program as it runs in a pod. */
import { afterAll, beforeAll, expect, it } from "vitest";
import type { LogEntry } from "../../dev/demo/timeline.ts";
import { configuration } from "../support/configuration.ts";
import { startServer } from "../support/http.ts";
import { startWorld, type World } from "../support/world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

it("The application never uses a dead password", { timeout: 60_000 }, async () => {
  const pod = await world.pod();
  const [reader, reloader] = await Promise.all([pod.application("per-connection", 8), pod.application("sighup", 8)]);
  const agent = await pod.agent(
    configuration(pod, {
      credential: `notify "signal" {
        pid_file = "${reloader.pidFile}"
        signal   = "SIGHUP"
      }`,
    }),
  );
  await agent.events("rotated", 3);
  const gone = agent.entries.filter(({ msg }) => msg === "drained" || msg === "released");
  for (const { user } of gone) expect(gone.filter((one) => one.user === user).map(({ msg }) => msg)[0]).toBe("drained");
  for (const report of await Promise.all([reader.stop(), reloader.stop()])) {
    expect(report).toMatchObject({ failed: 0, lastFailure: null });
    expect(report.ok).toBeGreaterThan(1_000);
  }
  expect(await agent.stop()).toEqual({ code: 0, signal: null });
  expect(await world.users.left(3_000)).toEqual([]);
});

it("Make before break", { timeout: 60_000 }, async () => {
  const pod = await world.pod({ ttl: { default: "8s", max: "14s" } });
  const hook = await startServer(({ count }) => (count === 1 ? 500 : 200));
  const app = await pod.application("per-connection");
  const agent = await pod.agent(
    configuration(pod, {
      credential: `preparation = "4s"
        notify "http" { url = "${hook.url}" }`,
    }),
  );
  const first = await agent.event("published");

  const reads = pod.vault.faults.inject(({ path }) => path === "/v1/database/creds/pg-role", unavailable("reads"), 2);
  const renewals = pod.vault.faults.inject(({ path }) => path.endsWith("/leases/renew"), unavailable("renewals"), 1);
  const released = await agent.event("released");
  expect(reads.hits).toBe(2);
  expect(renewals.hits).toBe(1);
  expect(agent.entries.filter(({ msg, verdict }) => msg === "lost" || verdict === "lost")).toEqual([]);
  expect(hook.requests.length).toBeGreaterThanOrEqual(2);
  expect(released.user).toBe(first.user);

  const next = (await agent.events("published", 2))[1]!;
  const of = (user: unknown) => agent.entries.filter((entry) => entry.user === user).map(({ msg }) => msg);
  expect(inOrder(of(next.user), ["read", "verified", "published", "confirmed"])).toBe(true);
  const story = agent.entries.filter(
    ({ msg, user }) =>
      (msg === "published" && user === next.user) || msg === "notified" || (user === first.user && ENDS.has(msg)),
  );
  expect(story.map(({ msg }) => msg)).toEqual(["published", "notified", "drained", "released"]);
  expect((await app.stop()).failed).toBe(0);
  await agent.stop();
  expect(await world.users.left(3_000)).toEqual([]);
});

it("The real deadline", { timeout: 60_000 }, async () => {
  const pod = await world.pod({ ttl: { default: "4s", max: "10m", token: "12s", tokenMax: "12s" } });
  const app = await pod.application("per-connection");
  const agent = await pod.agent(configuration(pod, { credential: `preparation = "2s"` }));
  await agent.event("published");
  // The horizons are asked for right after the first publish; all is read off one status, whichever token is in use then.
  const { token, credentials } = await pod.statusWhere(
    ({ token, credentials: [one] }) =>
      token?.horizon != null && one?.rotationDue != null && one.current?.horizon === token.horizon,
  );
  const [{ current, lead, rotationDue } = expect.fail()] = credentials;
  // The server has counted from some moment of the login, in whole seconds.
  const { time } = await agent.event("login", (entry) => Date.parse(entry.time) >= token!.loggedInAt);
  expect(token?.horizon).toBeLessThanOrEqual(Date.parse(time) + 13_000);
  expect(rotationDue).toBeLessThanOrEqual(current!.horizon! - lead);
  const due = await agent.event("rotation due");
  expect(due.reason).toBe("token");
  await agent.events("rotated", 2);
  expect((await app.stop()).failed).toBe(0);
  await agent.stop();
  expect(await world.users.left(3_000)).toEqual([]);
});

it("The seed's rule is kept by the program, not by the reader", { timeout: 60_000 }, async () => {
  const pod = await world.pod();
  const app = await pod.application("per-connection");
  const agent = await pod.agent(configuration(pod));
  await agent.event("published");
  const { credentials } = await pod.statusWhere((status) => status.credentials[0]?.rotationDue != null);
  const [{ current, lead, rotationDue, leadFits } = expect.fail()] = credentials;
  expect(leadFits).toBe(true);
  // A second of it is the life of connections.
  expect(lead).toBe(3_500);
  expect(rotationDue).toBeLessThanOrEqual(current!.horizon! - lead);
  const drained = await agent.event("drained", ({ user }) => user === current?.user);
  expect(Date.parse(drained.time)).toBeLessThan(current!.horizon!);
  expect(agent.entries.filter(({ msg }) => msg === "terminated" || msg === "lost")).toEqual([]);
  expect(agent.entries.filter(({ code }) => code === "lead")).toEqual([]);
  expect((await app.stop()).failed).toBe(0);
  await agent.stop();
});

it("The seed's rule: where the TTLs cannot allow it, this is said at the start, with the numbers", async () => {
  const pod = await world.pod();
  const agent = await pod.agent(configuration(pod, { credential: `connection_max_lifetime = "10s"` }));
  const { message } = await agent.event("warning", ({ code }) => code === "lead");
  expect(message).toMatch(/database\/creds\/pg-role lives 8(\.\d)? s at most.* needs 12\.5 s.*connections live 10 s/);
  expect(message).toMatch(/Raise max_ttl/);
  await agent.event("published");
  expect((await pod.status()).credentials[0]?.leadFits).toBe(false);
  expect((await pod.get("/status")).text).toContain("12.5 s");
  expect((await agent.stop()).code).toBe(0);
});

const ENDS = new Set<LogEntry["msg"]>(["drained", "released"]);

function inOrder(all: readonly string[], wanted: readonly string[]): boolean {
  let from = 0;
  return wanted.every((one) => {
    from = all.indexOf(one, from) + 1;
    return from > 0;
  });
}

function unavailable(what: string) {
  return { kind: "answer", status: 500, body: { errors: [`internal error: ${what} do not work`] } } as const;
}
