/** The contract's third part: the token, which is the parent of the leases. */
import { describe, expect, it } from "vitest";
import { DENIED } from "./leases.ts";
import type { World } from "./world.ts";

export function tokenContract(world: () => World): void {
  describe("a token", () => {
    it("looks itself up", async () => {
      const { session, seed } = world();
      const api = await session();
      const { body } = await api.send("GET", "auth/token/lookup-self");
      expect(body.data).toMatchObject({
        id: api.token,
        creation_ttl: 3600,
        display_name: `${seed.kubernetesMount}-tsb-tsb`,
        explicit_max_ttl: 0,
        num_uses: 0,
        orphan: true,
        path: `auth/${seed.kubernetesMount}/login`,
        policies: ["default", seed.policy],
        renewable: true,
        type: "service",
      });
      expect(body.data.ttl).toBeGreaterThan(3590);
    });

    it("is renewed by an increment, and shortened by a plain renewal", async () => {
      const { session } = world();
      const api = await session();
      for (const [increment, granted] of [
        [86_400, 86_400],
        [undefined, 3600],
        [1800, 1800],
      ] as const) {
        const { body } = await api.send("PUT", "auth/token/renew-self", { increment });
        expect(body.auth.client_token).toBe(api.token);
        expect([body.auth.lease_duration, body.warnings]).toEqual([granted, null]);
      }
      const { body } = await api.send("PUT", "auth/token/renew-self", { increment: 99_999_999 });
      expect(Math.abs(body.auth.lease_duration - 2_764_800)).toBeLessThanOrEqual(1);
      expect(body.warnings![0]).toMatch(/exceeded the effective max_ttl of/);
    });

    it("is not renewed past its role's max TTL, and its leases die with it", async () => {
      const { session, read, authRole, server, gone, lookup } = world();
      await authRole("short", { token_ttl: "3s", token_max_ttl: "5s" });
      const api = await session("short");
      const { leaseId, username } = await read(api);
      await server.pass(2200);
      const { body } = await api.send("PUT", "auth/token/renew-self", { increment: 3 });
      expect([2, 3]).toContain(body.auth.lease_duration);
      await server.pass(3500);
      await gone(username);
      expect((await lookup(leaseId)).body.errors).toEqual(["invalid lease"]);
      const { status, body: after } = await api.send("PUT", "auth/token/renew-self", {});
      expect([status, after.errors]).toEqual([403, ["permission denied"]]);
    });

    it("takes its leases with it when it revokes itself", async () => {
      const { session, read, gone, lookup } = world();
      const api = await session();
      const credentials = [await read(api), await read(api)];
      expect((await api.send("PUT", "auth/token/revoke-self")).status).toBe(204);
      for (const { username, leaseId } of credentials) {
        await gone(username);
        await expect.poll(async () => (await lookup(leaseId)).body.errors).toEqual(["invalid lease"]);
      }
      const lookupSelf = await api.send("GET", "auth/token/lookup-self");
      expect([lookupSelf.status, lookupSelf.body.errors]).toEqual([403, ["permission denied"]]);
    });

    it("may renew another token's lease, which still dies with its own", async () => {
      const { session, read, gone } = world();
      const [owner, other] = [await session(), await session()];
      const { leaseId, username } = await read(owner);
      const { body } = await other.send("PUT", "sys/leases/renew", { lease_id: leaseId, increment: 50_000 });
      expect(body.lease_duration).toBe(50_000);
      await owner.send("PUT", "auth/token/revoke-self");
      await gone(username);
    });

    it("of a deleted role cannot be renewed, and lives on", async () => {
      const { session, authRole, root, seed } = world();
      await authRole("deleted", { token_ttl: "1h" });
      const api = await session("deleted");
      await root.expect("DELETE", `auth/${seed.kubernetesMount}/role/deleted`);
      const { status, body } = await api.send("PUT", "auth/token/renew-self", { increment: 60 });
      expect(status).toBe(500);
      expect(body.errors[0]).toContain("role deleted does not exist during renewal");
      expect((await api.send("GET", "auth/token/lookup-self")).body.data.ttl).toBeGreaterThan(3500);
    });

    it("with a period takes no increment and has no end", async () => {
      const { session, authRole } = world();
      await authRole("periodic", { token_period: "60s" });
      const api = await session("periodic");
      for (const increment of [5, 3600]) {
        const { body } = await api.send("PUT", "auth/token/renew-self", { increment });
        expect([body.auth.lease_duration, body.warnings]).toEqual([60, null]);
      }
      expect((await api.send("GET", "auth/token/lookup-self")).body.data.period).toBe(60);
    });

    it("with an explicit max TTL shows it", async () => {
      const { session, authRole } = world();
      await authRole("explicit", { token_ttl: "60s", token_explicit_max_ttl: "120s" });
      const api = await session("explicit");
      expect((await api.send("GET", "auth/token/lookup-self")).body.data.explicit_max_ttl).toBe(120);
      const { body } = await api.send("PUT", "auth/token/renew-self", { increment: 3600 });
      expect([119, 120]).toContain(body.auth.lease_duration);
    });

    it("of the kind batch caps its leases without a word, is neither renewed nor revoked", async () => {
      const { session, read, authRole, validSeconds } = world();
      await authRole("batch", { token_ttl: "40s", token_type: "batch" });
      const api = await session("batch");
      const { leaseId, leaseSeconds, username, answer } = await read(api);
      expect([39, 40]).toContain(leaseSeconds);
      expect(answer.body.warnings).toBeNull();
      expect(await validSeconds(username)).toBeGreaterThan(43_000);
      const { body } = await api.send("PUT", "sys/leases/renew", { lease_id: leaseId, increment: 43_200 });
      expect([38, 39, 40]).toContain(body.lease_duration);
      expect(body.warnings).toBeNull();
      const renew = await api.send("PUT", "auth/token/renew-self", {});
      const revoke = await api.send("PUT", "auth/token/revoke-self");
      expect([renew.status, renew.body.errors]).toEqual([400, ["batch tokens cannot be renewed"]]);
      expect([revoke.status, revoke.body.errors]).toEqual([400, ["batch tokens cannot be revoked"]]);
      const release = await api.send("PUT", "sys/leases/renew", { lease_id: leaseId, increment: 1 });
      expect(release.body.lease_duration).toBe(1);
    });

    it("with a number of uses ends with the last one, and takes its leases with it", async () => {
      const { login, root, read, authRole, gone } = world();
      await authRole("counted", { token_num_uses: 3 });
      const answer = await login("counted");
      expect(answer.body.auth.num_uses).toBe(3);
      const api = root.as(answer.body.auth.client_token);
      const { username } = await read(api);
      await api.send("GET", "auth/token/lookup-self");
      expect((await api.send("GET", "auth/token/lookup-self")).status).toBe(200);
      expect((await api.send("GET", "auth/token/lookup-self")).status).toBe(403);
      await gone(username);
    });

    it("cannot spend its last use on a credential", async () => {
      const { session, authRole, seed } = world();
      await authRole("once", { token_num_uses: 1 });
      const { status, body } = await (await session("once")).send("GET", seed.credentialPath);
      expect(status).toBe(400);
      expect(body.errors[0]).toMatch(/^Secret cannot be returned; token had one use left/);
    });

    it("without the default policy may do nothing about itself", async () => {
      const { session, read, authRole, seed } = world();
      await authRole("bare", { token_no_default_policy: true });
      const api = await session("bare");
      const { leaseId } = await read(api);
      const answers = await Promise.all([
        api.send("PUT", "sys/leases/renew", { lease_id: leaseId }),
        api.send("PUT", "sys/leases/lookup", { lease_id: leaseId }),
        api.send("PUT", "auth/token/renew-self", {}),
        api.send("GET", "auth/token/lookup-self"),
        api.send("POST", "sys/capabilities-self", { paths: [seed.credentialPath] }),
        api.send("PUT", "auth/token/revoke-self"),
      ]);
      for (const { status, body } of answers) expect([status, body.errors]).toEqual([403, [DENIED]]);
    });

    it("takes its children and their leases with it", async () => {
      const { root, read, seed, gone } = world();
      const parent = (await root.send("POST", "auth/token/create", { ttl: "1h" })).body.auth.client_token;
      const made = await root.as(parent).send("POST", "auth/token/create", { policies: [seed.policy], ttl: "1h" });
      expect(made.body.auth).toMatchObject({ orphan: false, policies: ["default", seed.policy], lease_duration: 3600 });
      const child = root.as(made.body.auth.client_token);
      const { username } = await read(child);
      await root.as(parent).send("PUT", "auth/token/revoke-self");
      await gone(username);
      expect((await child.send("GET", "auth/token/lookup-self")).status).toBe(403);
    });
  });
}
