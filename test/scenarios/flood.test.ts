/** Promise 6: what a server sees of a sidecar for which nothing works any more. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LogEntry } from "../../dev/demo/timeline.ts";
import type { LoggedRequest } from "../../dev/vault/request-log.ts";
import { configuration } from "../support/configuration.ts";
import { startWorld, type World } from "../support/world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

/** DESIGN §8.9: 10 requests in the first minute of a lasting failure, 2 a minute after it, 6 new users an hour. */
const FIRST_MINUTE = 10;
/** A wait so long is followed by one twice as long, which ends after the first minute. */
const RARE = 20_000;

const REFUSED = { kind: "answer", status: 400, body: { errors: ["it is broken and stays so"] } } as const;

/** As `1m2.5s` or `870ms`. */
function milliseconds(duration: unknown): number {
  const [, minutes = "0", seconds = "0", thousandths = "0"] =
    /^(?:(\d+)m(?!s))?(?:([\d.]+)s)?(?:([\d.]+)ms)?$/.exec(String(duration)) ?? [];
  return Number(minutes) * 60_000 + Number(seconds) * 1_000 + Number(thousandths);
}

/** In the first minute: what was asked until tries became rare, and the one that may follow in the rest of it. */
function expectFewRequests(failures: readonly LogEntry[], requests: readonly LoggedRequest[], perTry: number): void {
  const last = failures.at(-1)!;
  const elapsed = Date.parse(last.time) - Date.parse(failures[0]!.time);
  const next = milliseconds(last.retry_in);
  const more = elapsed + next < 60_000 ? perTry : 0;
  expect(requests.length + more, JSON.stringify(requests.map(({ path }) => path))).toBeLessThanOrEqual(FIRST_MINUTE);
}

async function untilRare(failures: (count: number) => Promise<readonly LogEntry[]>): Promise<readonly LogEntry[]> {
  for (let count = 1; ; count++) {
    const entries = await failures(count);
    if (milliseconds(entries.at(-1)!.retry_in) >= RARE) return entries;
  }
}

describe.concurrent("Never a flood", { timeout: 120_000 }, () => {
  it("of logins that are refused", async (test) => {
    const pod = await world.pod({}, test);
    pod.vault.faults.inject(({ path }) => path.endsWith("/login"), REFUSED);
    const agent = await pod.agent(configuration(pod, { autoAuth: "" }));
    const failures = await untilRare((count) => agent.events("login failed", count));
    expectFewRequests(failures, pod.vault.requests.entries, 1);
    await agent.stop();
  });

  it("of reads that are refused", async (test) => {
    const pod = await world.pod({}, test);
    pod.vault.faults.inject(({ path }) => path === "/v1/database/creds/pg-role", REFUSED);
    const agent = await pod.agent(configuration(pod));
    const failures = await untilRare((count) => agent.events("read failed", count));
    expectFewRequests(failures, pod.vault.requests.entries.filter(isNotOfTheToken), 1);
    await agent.stop();
  });

  it("of reads that are forbidden, each of which might be cured by a login", async (test) => {
    const pod = await world.pod({}, test);
    pod.vault.faults.inject(({ path }) => path === "/v1/database/creds/pg-role", {
      kind: "answer",
      status: 403,
      body: { errors: ["1 error occurred:\n\t* permission denied\n\n"] },
    });
    const agent = await pod.agent(configuration(pod));
    const failures = await untilRare((count) => agent.events("read failed", count));
    expectFewRequests(failures, pod.vault.requests.entries.filter(isNotOfTheToken), 1);
    expect(pod.requests(({ path }) => path.endsWith("/login"))).toBe(2);
    await agent.stop();
  });

  it("of renewals that are refused", async (test) => {
    const pod = await world.pod({ ttl: { default: "10s", max: "1h" } }, test);
    // A long life of connections: a renewal is due when a third of the lease is over, and the rest is left for trying.
    const agent = await pod.agent(
      configuration(pod, { credential: `connection_max_lifetime = "40s"\n max_new_per_hour = 1` }),
    );
    await agent.event("renewed");
    // Asked once, a second after the read, as the first renewal is: it belongs to no failure.
    await expect
      .poll(() => pod.requests(({ path }) => path.endsWith("/capabilities-self")), { timeout: 10_000 })
      .toBe(1);
    pod.vault.faults.inject(({ path }) => path.endsWith("/leases/renew"), REFUSED);
    const before = pod.vault.requests.entries.length;
    const failures = await untilRare((count) => agent.events("renewal failed", count));
    expectFewRequests(failures, pod.vault.requests.entries.slice(before), 2);
    await agent.stop();
  });

  it("of database users that Postgres refuses", async (test) => {
    const pod = await world.pod({ ttl: { default: "10m", max: "1h" } }, test);
    const agent = await pod.agent(
      configuration(pod, { verify: "SELECT pg_read_file('/etc/passwd')", credential: "max_new_per_hour = 6" }),
    );
    const { error } = await agent.event("verification failed");
    expect(error).toMatch(/permission denied for function pg_read_file/);
    const { user } = await agent.event("released");
    await agent.event("verification failed", (entry) => entry.user !== user);
    expect(pod.requests(({ path }) => path === "/v1/database/creds/pg-role")).toBe(2);
    await agent.stop();
  });
});

function isNotOfTheToken({ path }: LoggedRequest): boolean {
  return !path.includes("/auth/");
}
