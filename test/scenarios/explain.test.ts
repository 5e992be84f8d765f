/** `lessee explain`: what it says of a configuration, without a server, with one, and of a sidecar that runs. */
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
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

const LAUNCHER = join(import.meta.dirname, "../../bin/lessee");
/** The times that the configuration of the scenarios shortens. */
const SEED = `connection_max_lifetime = "1h"
  reader_grace = "30s"
  longest_use = "6m"
  preparation = "10s"
  hearing = "30s"
  margin = "6s"
  max_new_per_hour = 6`;
const LIFE = { ttl: { default: "12h", max: "24h", token: "1h" } };

async function explain(pod: Pod, credential: string, ...args: string[]) {
  const file = pod.path("agent.hcl");
  await writeFile(file, configuration(pod, { credential }));
  const env = { PATH: process.env.PATH, HOME: pod.folder };
  return new Promise<{ code: number; out: string; err: string }>((resolve) => {
    execFile(LAUNCHER, ["explain", `-config=${file}`, ...args], { env }, (error, out, err) =>
      resolve({ code: typeof error?.code === "number" ? error.code : error === null ? 0 : -1, out, err }),
    );
  });
}

const CREATION =
  `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'; ` +
  `GRANT SELECT ON ALL TABLES IN SCHEMA public TO "{{name}}";`;

const traps = (out: string) => [...out.matchAll(/TRAP ([a-z-]+)/g)].map(([, code]) => code);
const reads = (pod: Pod) => pod.requests(({ path }) => path === "/v1/database/creds/pg-role");

describe("lessee explain", { timeout: 60_000 }, () => {
  it("-offline prints the timetable of TTLs that are given, and finds no trap in the seed's", async () => {
    const pod = await world.pod(LIFE);
    const { code, out } = await explain(
      pod,
      SEED,
      "-offline",
      "-ttl=12h",
      "-max-ttl=24h",
      "-token-ttl=1h",
      "-token-max-ttl=768h",
    );
    expect({ code, traps: traps(out) }).toEqual({ code: 0, traps: [] });
    expect(out).toContain("lead: 1h7m16s");
    expect(out).toMatch(/\+0s +\+2\dh\d+m\d+s .*ends with its lease/);
    expect(pod.vault.requests.entries).toEqual([]);
  });

  it("-offline names the traps of TTLs that are too short, with the numbers and the cure", async () => {
    const pod = await world.pod(LIFE);
    const { code, out } = await explain(
      pod,
      SEED,
      "-offline",
      "-ttl=10m",
      "-max-ttl=2h",
      "-token-ttl=30m",
      "-token-max-ttl=40m",
    );
    expect(code).toBe(2);
    expect(traps(out)).toEqual(["max-ttl-below-lifetime", "token-below-lease"]);
    expect(out).toContain("the token lives 40m at most, and connections 1h");
    expect(out).toContain("raise token_max_ttl on the auth role to 2h14m32s or more");
    expect(out).toContain("ends with its token");
  });

  it("asks the server by a login that leaves nothing behind, makes no user, and says what it cannot know", async () => {
    const pod = await world.pod(LIFE);
    const { code, out } = await explain(pod, SEED);
    expect(code, out).toBe(0);
    expect(out).toContain("token: 1h, at most 768h");
    expect(out).toContain("the lease's TTLs: the token may not read the role; give -ttl and -max-ttl, or -make-user");
    expect(reads(pod)).toBe(0);
    expect(pod.requests(({ path }) => path.endsWith("/revoke-self"))).toBe(1);
  });

  it("knows the role where the policy lets it be read", async () => {
    const pod = await world.pod(LIFE);
    await pod.seed.api.expect("PUT", "sys/policies/acl/pg-auth", {
      policy: `path "database/creds/*" { capabilities = ["read"] }\npath "database/roles/*" { capabilities = ["read"] }`,
    });
    const { code, out } = await explain(pod, SEED, "-rotations=3");
    expect(code, out).toBe(0);
    expect(out).toContain("lease: 12h, at most 24h");
    expect(out.match(/ends with its lease/g)).toHaveLength(3);
    expect(reads(pod)).toBe(0);
  });

  it("-make-user asks Vault and Postgres about a user, and gives it back", async () => {
    const pod = await world.pod(LIFE);
    const { out } = await explain(pod, SEED, "-make-user", "-json");
    const [explained] = JSON.parse(out);
    expect(explained.facts.lease).toMatchObject({ renewable: true, ttl: 43_200_000 });
    expect(Math.abs(explained.facts.lease.maxTtl - 86_400_000)).toBeLessThan(3_000);
    expect(explained.facts.user.validFor).toBeGreaterThan(43_000_000);
    expect(explained.unknown).toEqual([]);
    expect(reads(pod)).toBe(1);
    await expect.poll(() => world.users.left(0), { timeout: 5_000 }).toEqual([]);
    expect(out).not.toContain("password");
  });

  const READS_ROLES = `path "database/creds/*" { capabilities = ["read"] }
path "database/roles/*" { capabilities = ["read"] }`;
  /** The seed's, but for these. */
  const role = (pod: Pod, changes: object) =>
    pod.seed.api.expect("POST", "database/roles/pg-role", {
      db_name: "tsb",
      creation_statements: CREATION,
      default_ttl: "12h",
      max_ttl: "24h",
      ...changes,
    });

  it("goes by the mount where the role says no TTL, and by Vault's own where that does not either, and says so", async () => {
    const pod = await world.pod(LIFE);
    await pod.seed.api.expect("PUT", "sys/policies/acl/pg-auth", { policy: READS_ROLES });
    await role(pod, { default_ttl: 0, max_ttl: 0 });
    const own = await explain(pod, SEED);
    expect(own.err).toContain("those of the server are taken to be Vault's own, 768h");
    expect(own.out).toContain("lease: 768h");
    const config = { default_lease_ttl: 3_600, max_lease_ttl: 7_200 };
    pod.vault.faults.inject(({ path }) => path.startsWith("/v1/sys/internal/ui/mounts/"), {
      kind: "answer",
      status: 200,
      body: { data: { path: "database/", type: "database", options: null, config } },
    });
    const { code, err, out } = await explain(pod, SEED);
    expect([code, err, traps(out)]).toEqual([2, "", ["lead"]]);
    expect(out).toContain("lease: 1h, at most 2h");
    await role(pod, { default_ttl: "30m", max_ttl: "90m" });
    expect((await explain(pod, SEED)).out).toContain("lease: 30m, at most 1h30m");
    expect(reads(pod)).toBe(0);
  });

  it("M5: -make-user finds renewals that do not move VALID UNTIL", async () => {
    const pod = await world.pod(LIFE);
    await role(pod, { default_ttl: "5m", renew_statements: "SELECT 1" });
    const { code, out } = await explain(pod, SEED, "-make-user");
    expect([code, traps(out)]).toEqual([2, ["valid-until"]]);
    expect(out).toMatch(/after a renewal to 1h40m5\ds Postgres lets the user log in for 5m\ds only/);
  });

  it("M6: -make-user names what earlier users own, and cannot be dropped for", async () => {
    const pod = await world.pod(LIFE);
    const admin = new pg.Client(world.postgres.url);
    await admin.connect();
    await admin.query(`CREATE ROLE "v-earlier" LOGIN VALID UNTIL '2030-01-01'; CREATE TABLE left_behind (id int);
      ALTER TABLE left_behind OWNER TO "v-earlier"`);
    const { code, out } = await explain(pod, SEED, "-make-user");
    await admin.query('DROP TABLE left_behind; DROP ROLE "v-earlier"');
    await admin.end();
    expect([code, traps(out)]).toEqual([2, ["owned-objects"]]);
    expect(out).toContain("of an earlier user: the role v-earlier owns 1 object (public.left_behind)");
    expect(out).toContain('REASSIGN OWNED BY "v-earlier"');
  });

  it("M7: -make-user finds too little room for a second generation of the sessions that there are", async () => {
    const pod = await world.pod(LIFE);
    await role(pod, { creation_statements: CREATION.replace("WITH LOGIN", "WITH LOGIN CONNECTION LIMIT 3") });
    expect(traps((await explain(pod, SEED, "-make-user")).out)).toEqual([]);
    const { body } = await pod.seed.api.expect("GET", "database/creds/pg-role");
    const { username, password } = body.data as { username: string; password: string };
    const sessions = Array.from({ length: 3 }, () => new pg.Client({ ...world.postgres, user: username, password }));
    for (const one of sessions) await one.connect();
    const { code, out } = await explain(pod, SEED, "-make-user");
    for (const one of sessions) await one.end();
    expect([code, traps(out)]).toEqual([2, ["postgres"]]);
    expect(out).toMatch(/little room .*the role's CONNECTION LIMIT is 3, 1 in use, 4 more may be needed/);
  });

  it("says which rights are missing", async () => {
    const pod = await world.pod(LIFE);
    await pod.seed.api.expect("POST", "auth/kubernetes/role/pg", {
      bound_service_account_names: "*",
      bound_service_account_namespaces: "*",
      token_policies: "pg-auth",
      token_ttl: "1h",
      token_no_default_policy: true,
    });
    await pod.seed.api.expect("PUT", "sys/policies/acl/pg-auth", {
      policy: `path "database/creds/*" { capabilities = ["read"] }\npath "sys/capabilities-self" { capabilities = ["update"] }`,
    });
    const { code, out } = await explain(pod, SEED, "-ttl=12h", "-max-ttl=24h");
    expect(code).toBe(2);
    expect(traps(out)).toEqual(expect.arrayContaining(["renew-forbidden", "lookup-forbidden", "renew-self-forbidden"]));
    expect(out).toContain("not renewed");
  });

  it("without a server that can be reached goes by what is given, and says so", async () => {
    const pod = await world.pod(LIFE);
    await pod.vault.refuseConnections();
    const { code, err, out } = await explain(pod, SEED, "-ttl=12h", "-max-ttl=24h");
    expect(code).toBe(0);
    expect(err).toMatch(/note: the server could not be asked.*ECONNREFUSED/s);
    expect(out).toContain("lead: 1h7m16s");
  });

  it("-running goes by what the sidecar knows", async () => {
    const pod = await world.pod({ ttl: { default: "10m", max: "1h" } });
    const agent = await pod.agent(configuration(pod));
    await agent.event("published");
    await expect
      .poll(async () => (await pod.status()).credentials[0]?.rotationDue, { timeout: 10_000 })
      .toBeTypeOf("number");
    const { code, out } = await explain(pod, "", "-running", `-health=${pod.healthAddress}`);
    expect(code, out).toBe(0);
    expect(out).toMatch(/as the running sidecar knows it/);
    expect(out).toMatch(/ends with its lease/);
    expect((await explain(pod, "", "-running", "-health=127.0.0.1:1")).code).toBe(1);
    await agent.stop();
  });

  it.each([
    [["-ttl=soon"], /-ttl: time: invalid duration "soon"/],
    [["-offlien"], /did you mean -offline/],
  ])("refuses %s in words", async (args, words) => {
    const pod = await world.pod(LIFE);
    const { code, err } = await explain(pod, SEED, ...args);
    expect([code, words.test(err)]).toEqual([1, true]);
  });
});
