/** The contract's second part: a credential from its read to its end. */
import { describe, expect, it } from "vitest";
import { connection, type World } from "./world.ts";

export function leaseContract(world: () => World): void {
  describe("a credential", () => {
    it("is a user that can log in until a little after the lease", async () => {
      const { session, read, query, validSeconds } = world();
      const credential = await read(await session());
      expect(credential.leaseSeconds).toBe(43_200);
      expect(credential.answer.body).toMatchObject({ renewable: true, warnings: null, auth: null });
      expect(credential.username).toMatch(/^v-[\w-]{8}-pg-role-[A-Za-z0-9]{20}-\d{10}$/);
      expect(credential.password).toMatch(/^[A-Za-z0-9-]{20}$/);
      expect((await query(credential, "SELECT count(*) FROM contract")).rows).toHaveLength(1);
      expect(await validSeconds(credential.username)).toBeCloseTo(43_205, -1);
    });

    it("is not given for an unknown role, without a token, with a bad one, or beyond the policy", async () => {
      const { session, root, seed } = world();
      const api = await session();
      const path = `${seed.databaseMount}/creds/pg-role`;
      const answers = await Promise.all([
        api.send("GET", `${seed.databaseMount}/creds/nope`),
        root.as("").send("GET", path),
        root.as("s.nope").send("GET", path),
        api.send("GET", `${seed.databaseMount}/config/tsb`),
        api.send("POST", path, {}),
      ]);
      expect(answers.map(({ status, body }) => [status, ...body.errors])).toEqual([
        [400, "unknown role: nope"],
        [403, "permission denied"],
        [403, "permission denied"],
        [403, DENIED],
        [403, DENIED],
      ]);
    });

    it("is renewed by an increment, longer or shorter, and VALID UNTIL follows", async () => {
      const { session, read, validSeconds } = world();
      const api = await session();
      const { leaseId, username } = await read(api);
      for (const [increment, granted] of [
        [50_000, 50_000],
        [600, 600],
        [undefined, 43_200],
        ["90s", 90],
      ] as const) {
        const { status, body } = await api.send("PUT", "sys/leases/renew", { lease_id: leaseId, increment });
        expect(status, JSON.stringify(body.errors)).toBe(200);
        expect(body).toMatchObject({ lease_id: leaseId, renewable: true, lease_duration: granted, data: null });
        expect(Math.abs((await validSeconds(username))! - granted - 5)).toBeLessThan(3);
      }
    });

    it("is not renewed by an increment that is no duration", async () => {
      const { session, read } = world();
      const api = await session();
      const { leaseId } = await read(api);
      for (const [increment, words] of [
        ["1e3", 'time: unknown unit "e" in duration "1e3"'],
        [-5, "cannot provide negative value '-5'"],
      ]) {
        const { status, body } = await api.send("PUT", "sys/leases/renew", { lease_id: leaseId, increment });
        expect([status, body.errors]).toEqual([
          400,
          [`Field validation failed: error converting input for field "increment": ${words}`],
        ]);
      }
    });

    it("shows its max TTL to a huge increment", async () => {
      const { session, read } = world();
      const api = await session();
      const { leaseId } = await read(api);
      const { body } = await api.send("PUT", "sys/leases/renew", { lease_id: leaseId, increment: 99_999_999 });
      expect(body.lease_duration).toBeGreaterThanOrEqual(86_399);
      expect(body.lease_duration).toBeLessThanOrEqual(86_400);
      expect(body.warnings).toEqual([
        expect.stringMatching(/^TTL of "27777h46m39s" exceeded the effective max_ttl of "(24h|23h59m59s)"; /),
      ]);
      const { body: again } = await api.send("PUT", "sys/leases/renew", { lease_id: leaseId, increment: 3600 });
      expect([again.lease_duration, again.warnings]).toEqual([3600, null]);
    });

    it("is shortened near its max TTL, and lost after it", async () => {
      const { session, read, databaseRole, server, gone } = world();
      await databaseRole("short", { default_ttl: "4s", max_ttl: "6s" });
      const api = await session();
      const { leaseId, username, leaseSeconds } = await read(api, "short");
      expect(leaseSeconds).toBe(4);
      await server.pass(3000);
      const { body } = await api.send("PUT", "sys/leases/renew", { lease_id: leaseId, increment: 4 });
      expect([2, 3]).toContain(body.lease_duration);
      expect(body.warnings).toEqual([expect.stringMatching(/^TTL of "4s" exceeded the effective max_ttl of "[23]s"/)]);
      await server.pass(4000);
      await gone(username);
      const late = await api.send("PUT", "sys/leases/renew", { lease_id: leaseId, increment: 4 });
      expect([late.status, late.body.errors]).toEqual([400, ["lease not found"]]);
    });

    it("can be looked up by its owner", async () => {
      const { session, read } = world();
      const api = await session();
      const { leaseId } = await read(api);
      const { body } = await api.send("PUT", "sys/leases/lookup", { lease_id: leaseId });
      expect(body.data).toMatchObject({ id: leaseId, last_renewal: null, renewable: true });
      expect(body.data.ttl).toBeGreaterThan(43_190);
      await api.send("PUT", "sys/leases/renew", { lease_id: leaseId, increment: 100 });
      const { body: after } = await api.send("PUT", "sys/leases/lookup", { lease_id: leaseId });
      expect(after.data).toMatchObject({
        last_renewal: expect.any(String),
        ttl: expect.toSatisfy((n: number) => n > 90),
      });
    });

    it("is released by a renewal of one second", async () => {
      const { session, read, server, gone, lookup } = world();
      const api = await session();
      const { leaseId, username } = await read(api);
      const { body } = await api.send("PUT", "sys/leases/renew", { lease_id: leaseId, increment: 1 });
      expect(body.lease_duration).toBe(1);
      await server.pass(1100);
      await gone(username);
      const { status, body: after } = await lookup(leaseId);
      expect([status, after.errors]).toEqual([400, ["invalid lease"]]);
    });

    it("cannot be revoked with the seed's policy, which capabilities-self tells", async () => {
      const { session, read, seed, validSeconds } = world();
      const api = await session();
      const { leaseId, username } = await read(api);
      const refused = await api.send("PUT", "sys/leases/revoke", { lease_id: leaseId });
      expect([refused.status, refused.body.errors]).toEqual([403, [DENIED]]);
      const paths = [
        "sys/leases/revoke",
        "sys/leases/renew",
        "sys/leases/lookup",
        "auth/token/revoke-self",
        seed.credentialPath,
      ];
      const { body } = await api.send("POST", "sys/capabilities-self", { paths });
      expect(body.data).toMatchObject({
        "sys/leases/revoke": ["deny"],
        "sys/leases/renew": ["update"],
        "sys/leases/lookup": ["update"],
        "auth/token/revoke-self": ["update"],
        [seed.credentialPath]: ["read"],
      });
      expect(await validSeconds(username)).toBeGreaterThan(0);
    });

    it("is gone at once when it is revoked synchronously", async () => {
      const { session, read, root, validSeconds } = world();
      const api = await session();
      const { leaseId, username } = await read(api);
      expect((await root.send("PUT", "sys/leases/revoke", { lease_id: leaseId })).status).toBe(204);
      expect(await validSeconds(username)).toBeUndefined();
      const { status, body } = await api.send("PUT", "sys/leases/renew", { lease_id: leaseId });
      expect([status, body.errors]).toEqual([400, ["lease not found"]]);
    });

    it("that owns a table is not dropped: nothing is queued after a synchronous revocation, something after another", async () => {
      const { session, read, root, query, admin, lookup, validSeconds } = world();
      await admin("GRANT CREATE ON SCHEMA public TO public");
      const api = await session();
      const credential = await read(api);
      const { leaseId, username } = credential;
      await query(credential, "CREATE TABLE owned (id int)");
      await admin("CREATE TABLE IF NOT EXISTS contract (id int)");

      const now = await root.send("PUT", "sys/leases/revoke", { lease_id: leaseId });
      expect(now.status).toBe(400);
      expect(now.body.errors[0]).toMatch(/^failed to revoke entry: .*some objects depend on it.*2BP01/s);
      expect((await lookup(leaseId)).body.data).toMatchObject({
        renewable: true,
        ttl: expect.toSatisfy((n) => n > 60),
      });
      // The role stands, and yet its grants are gone: only a query proves a credential.
      await expect(query(credential, "SELECT * FROM contract")).rejects.toMatchObject({ code: "42501" });

      const later = await root.send("PUT", "sys/leases/revoke", { lease_id: leaseId, sync: false });
      expect(later.status).toBe(202);
      await expect.poll(async () => (await lookup(leaseId)).body.data.renewable).toBe(false);
      expect((await lookup(leaseId)).body.data.ttl).toBeLessThanOrEqual(0);
      const { status, body } = await api.send("PUT", "sys/leases/renew", { lease_id: leaseId, increment: 60 });
      expect([status, body.errors]).toEqual([400, ["lease expired"]]);

      await admin("DROP TABLE owned");
      await admin("REVOKE CREATE ON SCHEMA public FROM public");
      expect((await root.send("PUT", "sys/leases/revoke", { lease_id: leaseId })).status).toBe(204);
      expect(await validSeconds(username)).toBeUndefined();
    });

    it("of a deleted role is not renewed, stays as it is, and can still be revoked", async () => {
      const { session, read, root, seed, databaseRole, lookup, validSeconds } = world();
      await databaseRole("deleted", {});
      const api = await session();
      const { leaseId, username } = await read(api, "deleted");
      await root.expect("DELETE", `${seed.databaseMount}/roles/deleted`);
      const { status, body } = await api.send("PUT", "sys/leases/renew", { lease_id: leaseId, increment: 60 });
      expect(status).toBe(400);
      expect(body.errors[0]).toContain('error during renew: could not find role with name "deleted"');
      expect((await lookup(leaseId)).body.data.ttl).toBeGreaterThan(3000);
      expect((await root.send("PUT", "sys/leases/revoke", { lease_id: leaseId })).status).toBe(204);
      expect(await validSeconds(username)).toBeUndefined();
    });

    it("whose role got a shorter max TTL is past it", async () => {
      const { session, read, databaseRole, server, lookup } = world();
      await databaseRole("lowered", { default_ttl: "60s", max_ttl: "120s" });
      const api = await session();
      const { leaseId } = await read(api, "lowered");
      await databaseRole("lowered", { default_ttl: "1s", max_ttl: "1s" });
      await server.pass(2100);
      const { status, body } = await api.send("PUT", "sys/leases/renew", { lease_id: leaseId, increment: 60 });
      expect(status).toBe(400);
      expect(body.errors[0]).toContain("past the max TTL, cannot renew");
      expect((await lookup(leaseId)).body.data.ttl).toBeGreaterThan(50);
    });

    it("is not renewed when its renewal statements fail, nor ended by that", async () => {
      const { session, read, databaseRole, lookup } = world();
      await databaseRole("stuck", { renew_statements: 'SELECT nothing FROM "{{name}}"' });
      const api = await session();
      const { leaseId } = await read(api, "stuck");
      const { status, body } = await api.send("PUT", "sys/leases/renew", { lease_id: leaseId, increment: 5 });
      expect(status).toBe(400);
      expect(body.errors[0]).toMatch(/^failed to renew entry: .*42P01/s);
      expect((await lookup(leaseId)).body.data.ttl).toBeGreaterThan(3000);
    });

    it("cannot be had, renewed or revoked while Postgres is away, and stays", async () => {
      const { session, read, root, seed, postgres, lookup } = world();
      const api = await session();
      const { leaseId } = await read(api);
      const config = `${seed.databaseMount}/config/tsb`;
      const away = { ...connection({ ...postgres, port: 1 }), allowed_roles: "*", verify_connection: false };
      await root.expect("POST", config, away);
      try {
        const refused = `failed to connect to \`user=${postgres.user} database=tsb\`: 127.0.0.1:1 (127.0.0.1): dial error: dial tcp 127.0.0.1:1: connect: connection refused`;
        const issue = await api.send("GET", seed.credentialPath);
        expect([issue.status, issue.body.errors]).toEqual([
          500,
          [`1 error occurred:\n\t* unable to start transaction: ${refused}\n\n`],
        ]);
        const renew = await api.send("PUT", "sys/leases/renew", { lease_id: leaseId, increment: 60 });
        expect([renew.status, renew.body.errors]).toEqual([
          400,
          [`failed to renew entry: resp: (*logical.Response)(nil) err: 1 error occurred:\n\t* ${refused}\n\n`],
        ]);
        const revoke = await root.send("PUT", "sys/leases/revoke", { lease_id: leaseId });
        expect([revoke.status, revoke.body.errors]).toEqual([
          400,
          [`failed to revoke entry: resp: (*logical.Response)(nil) err: ${refused}`],
        ]);
      } finally {
        await root.expect("POST", config, { ...connection(postgres), allowed_roles: "*" });
      }
      expect((await lookup(leaseId)).body.data.ttl).toBeGreaterThan(43_000);
      const { status } = await api.send("PUT", "sys/leases/renew", { lease_id: leaseId, increment: 60 });
      expect(status).toBe(200);
    });

    it("leaves nothing when the client goes away before it is made", async () => {
      const { session, seed, databaseRole, admin } = world();
      const sleeping = `SELECT pg_sleep(1); ${"CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}'"}`;
      await databaseRole("slow", { creation_statements: sleeping });
      const api = await session();
      const { signal, abort } = abortable();
      const request = fetch(`${api.address}/v1/${seed.databaseMount}/creds/slow`, {
        headers: { "x-vault-token": api.token },
        signal,
      });
      const sleepers = async () =>
        (
          await admin(
            "SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep(1)%' AND state = 'active' AND pid <> pg_backend_pid()",
          )
        ).rowCount;
      await expect.poll(sleepers, { interval: 20 }).toBe(1);
      abort();
      await expect(request).rejects.toThrow();
      await expect.poll(sleepers, { interval: 50, timeout: 5000 }).toBe(0);
      expect((await admin("SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%-slow-%'")).rows).toEqual([]);
    });
  });
}

export const DENIED = "1 error occurred:\n\t* permission denied\n\n";

function abortable() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
