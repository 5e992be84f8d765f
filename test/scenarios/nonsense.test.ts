/**
 * Promise 6 beside a server, or a proxy before it, that says yes to everything and no length of time for anything: nobody
 * asks it again and again, and the application keeps the credential that works.
 */
import { afterAll, beforeAll, describe, it } from "vitest";
import { configuration } from "../support/configuration.ts";
import { startFront } from "../support/front.ts";
import { type Pod, startWorld, type TestHooks, type World } from "../support/world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

interface Case {
  /** The end of the path whose answers are without a length of time. */
  readonly path: string;
  readonly time: string;
  /** What the log says of it. */
  readonly event: string;
  readonly says: RegExp;
}

const CASES: readonly Case[] = [
  { path: "/renew-self", time: "0", event: "token renewal failed", says: /the token was granted no more time/ },
  { path: "/lookup-self", time: "-5", event: "token renewal failed", says: /it is broken/ },
  {
    path: "/leases/renew",
    time: '"x"',
    event: "renewal failed",
    says: /leases\/renew: the answer is without a duration/,
  },
  {
    path: "/creds/pg-role",
    time: "-1",
    event: "warning",
    says: /says no length of time for database\/creds\/pg-role\//,
  },
];

/** Before the pod's Vault: the answers of this path have that time for a length of time, or null their own. */
function frontOf(pod: Pod, test: TestHooks, path: string, time: () => string | null): Promise<string> {
  const edit = (url: string, text: string) =>
    url.endsWith(path) && time() !== null ? text.replace(/"(lease_duration|ttl)":\d+/g, `"$1":${time()}`) : text;
  return startFront(pod.vault.address, ({ headers }) => headers, { edit, test });
}

describe.concurrent("answered for ever without a length of time", { timeout: 60_000 }, () => {
  it.for(CASES)("$path, with $time: the application goes on", async (one, test) => {
    const { expect } = test;
    const pod = await world.pod({ ttl: { default: "12s", max: "1h", token: "12s" } }, test);
    const address = await frontOf(pod, test, one.path, () => one.time);
    // A lookup is asked for after a failure only.
    if (one.path === "/lookup-self")
      pod.vault.faults.inject(({ path }) => path.endsWith("/renew-self"), {
        kind: "answer",
        status: 400,
        body: { errors: ["it is broken"] },
      });
    const app = await pod.application("per-connection", 1);
    // A long life of connections: a renewal is due when a third of the time is over.
    const agent = await pod.agent(configuration(pod, { address, credential: `connection_max_lifetime = "30s"` }));
    await agent.event("published");
    const said = await agent.event(one.event, ({ error, message }) => one.says.test(String(error ?? message)));
    expect(said).toBeDefined();
    await app.until(({ ok }) => ok > 30);
    expect(await app.stop()).toMatchObject({ failed: 0, lastFailure: null });
    expect(pod.requests(({ path }) => path.endsWith("/login"))).toBeLessThanOrEqual(2);
    expect(pod.requests(({ path }) => path === "/v1/database/creds/pg-role")).toBeLessThanOrEqual(2);
    expect(pod.requests(({ path }) => path.endsWith(one.path))).toBeLessThanOrEqual(10);
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
  });

  it("a login fails, is tried again more and more seldom, and gives a token once it says how long that lives", async (test) => {
    const { expect } = test;
    const pod = await world.pod({ ttl: { default: "60s", max: "1h" } }, test);
    let time: string | null = "-5";
    const address = await frontOf(pod, test, "/login", () => time);
    const agent = await pod.agent(configuration(pod, { address }));
    const failures = await agent.events("login failed", 3);
    for (const { error } of failures)
      expect(error).toMatch(/auth\/kubernetes\/login: the answer is without a duration \(is there a proxy/);
    expect(pod.requests(({ path }) => path.endsWith("/login"))).toBe(3);
    time = null;
    await agent.event("published");
    expect(pod.requests(({ path }) => path.endsWith("/login"))).toBeLessThanOrEqual(5);
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
    expect(await pod.left()).toEqual([]);
  });
});
