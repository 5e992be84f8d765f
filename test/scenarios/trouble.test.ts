/**
 * Trouble while a credential is in use. In each the application queries all the while, and must not notice: the
 * credential that works is kept, lessee recovers by itself, and nobody is flooded.
 */
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configuration, template } from "../support/configuration.ts";
import { startServer } from "../support/http.ts";
import { type Pod, startWorld, type World } from "../support/world.ts";

let world: World;
let admin: pg.Client;

beforeAll(async () => {
  world = await startWorld();
  admin = new pg.Client({ connectionString: world.postgres.url });
  await admin.connect();
});

afterAll(async () => {
  await admin.end();
  await world.stop();
});

/** Rotated after 8 s or a little later, with the 4 s that the lead has in reserve for a rotation that needs tries. */
const ROOM = { ttl: { default: "8s", max: "16s" } };
const PATIENT = `preparation = "4s"`;

/** Promise 6, for the few seconds that a trouble of these tests lasts. */
function expectNoFlood(pod: Pod, from: number): void {
  const asked = pod.vault.requests.entries.slice(from).map(({ method, path, status }) => `${method} ${path} ${status}`);
  expect(asked.length, asked.join("\n")).toBeLessThan(60);
}

describe.concurrent("while a credential is in use, the application does not notice when", { timeout: 60_000 }, () => {
  it("Vault is sealed for a while", async (test) => {
    const pod = await world.pod(ROOM, test);
    const app = await pod.application("per-connection");
    const agent = await pod.agent(configuration(pod, { credential: PATIENT }));
    const { user } = await agent.event("confirmed");
    await pod.seed.api.expect("POST", "sys/seal");
    const { error } = await agent.event("renewal failed");
    expect(error).toMatch(/sealed/i);
    await pod.seed.api.expect("POST", "sys/unseal", { key: pod.vault.unsealKey });
    await agent.event("released", (entry) => entry.user === user);
    expect((await app.stop()).failed).toBe(0);
    expectNoFlood(pod, 0);
    await agent.stop();
    expect(await pod.left()).toEqual([]);
  });

  it("nobody listens at Vault's address for a while, in the middle of a rotation", async (test) => {
    const pod = await world.pod(ROOM, test);
    const app = await pod.application("per-connection");
    const agent = await pod.agent(configuration(pod, { credential: PATIENT }));
    const { user } = await agent.event("confirmed");
    const cut = pod.vault.requests.next(({ path }) => path === "/v1/database/creds/pg-role");
    pod.vault.faults.inject(({ path }) => path === "/v1/database/creds/pg-role", { kind: "reset" }, 1);
    await cut;
    await pod.vault.refuseConnections();
    await agent.event("read failed", ({ error }) => /ECONNREFUSED|refused/.test(String(error)));
    await pod.vault.acceptConnections();
    await agent.event("released", (entry) => entry.user === user);
    expect((await app.stop()).failed).toBe(0);
    expectNoFlood(pod, 0);
    await agent.stop();
    expect(await pod.left()).toEqual([]);
  });

  it("something else answers at Vault's address, whatever it says", async (test) => {
    // Renewals are tried again after 3 s and reads after 1 s and 2 s: these all fit into the time for a rotation.
    const pod = await world.pod({ ttl: { default: "20s", max: "40s" } }, test);
    const app = await pod.application("per-connection");
    const agent = await pod.agent(configuration(pod, { credential: `preparation = "10s"` }));
    const { user } = await agent.event("confirmed");
    await agent.event("renewed");
    for (const text of ["<html>Welcome</html>", "{", "[]", "null", `{"data":7,"lease_id":[],"lease_duration":"x"}`]) {
      pod.vault.faults.inject(({ path }) => path !== "/v1/database/creds/pg-role", { kind: "garbage", text }, 1);
    }
    pod.vault.faults.inject(
      ({ path }) => path === "/v1/database/creds/pg-role",
      { kind: "garbage", text: "<html>" },
      1,
    );
    pod.vault.faults.inject(
      ({ path }) => path === "/v1/database/creds/pg-role",
      { kind: "garbage", text: `{"data":{"a":{}}}` },
      1,
    );
    await agent.event("renewal failed");
    await agent.event("released", (entry) => entry.user === user);
    expect((await app.stop()).failed).toBe(0);
    await agent.stop();
    expect(await pod.left()).toEqual([]);
  });

  it("renewals keep failing: the next credential is there before the one in use ends", async (test) => {
    const pod = await world.pod({ ttl: { default: "18s", max: "10m" } }, test);
    const app = await pod.application("per-connection");
    const agent = await pod.agent(configuration(pod));
    const { user } = await agent.event("confirmed");
    // The question for the max TTL has made it long, and the renewal after it short again.
    await agent.event("renewed");
    pod.vault.faults.inject(({ path }) => path.endsWith("/leases/renew"), {
      kind: "answer",
      status: 400,
      body: { errors: ["failed to renew entry: renewal statements do not work"] },
    });
    const due = await agent.event("rotation due");
    expect(due).toMatchObject({ user, reason: "renewals ended" });
    const next = (await agent.events("published", 2))[1]!;
    const report = await app.until(({ connections }) => Object.keys(connections).join() === next.user);
    expect(report.failed).toBe(0);
    await app.stop();
    pod.vault.faults.clear();
    await agent.stop();
    expect(await pod.left(20_000)).toEqual([]);
  });

  it("Postgres refuses the next one for a while", async (test) => {
    const pod = await world.pod(ROOM, test);
    const app = await pod.application("per-connection");
    const agent = await pod.agent(configuration(pod, { credential: PATIENT }));
    const { user } = await agent.event("confirmed");
    await pod.seed.api.expect("POST", "database/roles/pg-role", {
      db_name: "tsb",
      default_ttl: ROOM.ttl.default,
      max_ttl: ROOM.ttl.max,
      creation_statements: NOBODY_MAY_CONNECT,
    });
    const refused = await agent.event("verification failed");
    expect(refused.error).toMatch(/too many connections for role/);
    expect((await pod.credential()).username).toBe(user);
    await admin.query(`ALTER ROLE "${refused.user}" CONNECTION LIMIT -1`);
    // The same candidate, for a new one would not have cured it.
    expect((await agent.events("published", 2))[1]?.user).toBe(refused.user);
    await agent.event("released", (entry) => entry.user === user);
    expect((await app.stop()).failed).toBe(0);
    await agent.stop();
    expect(await pod.left()).toEqual([]);
  });

  it("the destination cannot be written for a while", async (test) => {
    const pod = await world.pod(ROOM, test);
    const inner = pod.path("secrets", "inner");
    const other = pod.path("secrets", "inner", "other.conf");
    await mkdir(inner);
    const app = await pod.application("per-connection");
    const agent = await pod.agent(
      configuration(pod, {
        credential: PATIENT,
        template: template(pod.destination) + template(other),
      }),
    );
    const { user } = await agent.event("confirmed");
    await rename(inner, `${inner}.away`);
    await writeFile(inner, "a file where the folder was");
    const { error } = await agent.event("publish failed");
    expect(error).toContain("other.conf");
    // Neither file has changed: all of a rotation, or nothing.
    expect((await pod.credential()).username).toBe(user);
    await rm(inner);
    await rename(`${inner}.away`, inner);
    await agent.event("released", (entry) => entry.user === user);
    expect((await app.stop()).failed).toBe(0);
    expect(pod.requests(({ path }) => path === "/v1/database/creds/pg-role")).toBe(2);
    await agent.stop();
    expect(await pod.left()).toEqual([]);
  });

  it("its reload endpoint hangs, and then fails, and then works", async (test) => {
    const pod = await world.pod(ROOM, test);
    const endpoint = await startServer(({ count }) => (count === 1 ? "hang" : count === 2 ? 503 : 200), test);
    const app = await pod.application("per-connection");
    const agent = await pod.agent(
      configuration(pod, {
        credential: `${PATIENT}\nnotify "http" {\n url = "${endpoint.url}"\n timeout = "500ms"\n}`,
      }),
    );
    const { user } = await agent.event("confirmed");
    const [hung, failed] = await agent.events("notify failed", 2);
    expect(hung?.error).toMatch(/no answer within 0\.5 s/);
    expect(failed?.error).toMatch(/answered 503/);
    await agent.event("released", (entry) => entry.user === user);
    expect(endpoint.requests.length).toBeGreaterThanOrEqual(3);
    expect((await app.stop()).failed).toBe(0);
    await agent.stop();
    expect(await pod.left()).toEqual([]);
  });

  it("the service account token cannot be read when a new login is due", async (test) => {
    const pod = await world.pod({ ttl: { default: "6s", max: "10m", token: "16s", tokenMax: "16s" } }, test);
    const jwt = pod.path("jwt");
    await writeFile(jwt, world.kubernetes.signToken({ namespace: "tsb", name: "tsb" }));
    const app = await pod.application("per-connection");
    const agent = await pod.agent(
      configuration(pod, { credential: PATIENT, method: `role = "pg"\n token_path = "${jwt}"` }),
    );
    const { user } = await agent.event("confirmed");
    await rename(jwt, `${jwt}.away`);
    const { error } = await agent.event("login failed");
    expect(error).toMatch(/cannot read the service account token/);
    expect((await pod.get("/readyz")).status).toBe(200);
    await rename(`${jwt}.away`, jwt);
    await agent.event("released", (entry) => entry.user === user);
    expect((await app.stop()).failed).toBe(0);
    expectNoFlood(pod, 0);
    await agent.stop();
    expect(await pod.left()).toEqual([]);
  });
});

const NOBODY_MAY_CONNECT =
  `CREATE ROLE "{{name}}" WITH LOGIN CONNECTION LIMIT 0 PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'; ` +
  `GRANT ALL ON ALL TABLES IN SCHEMA public TO "{{name}}";`;
