/** The contract's last part: a server that cannot or will not, and what stands beside the credentials. */
import { describe, expect, it } from "vitest";
import type { World } from "./world.ts";

export function serverContract(world: () => World, maySeal: boolean): void {
  describe("the server", () => {
    it.skipIf(!maySeal)("refuses everything while it is sealed, and goes on after", async (context) => {
      const { session, read, root, server } = world();
      context.skip(server.unsealKey === undefined, "the server does not tell its unseal key");
      const api = await session();
      const { leaseId } = await read(api);
      expect((await root.send("PUT", "sys/seal")).status).toBe(204);
      const sealed = await Promise.all([
        api.send("PUT", "sys/leases/renew", { lease_id: leaseId, increment: 60 }),
        api.send("GET", "auth/token/lookup-self"),
      ]);
      for (const { status, body } of sealed) expect([status, body.errors]).toEqual([503, ["Vault is sealed"]]);
      const health = await root.send("GET", "sys/health");
      expect([health.status, health.body]).toMatchObject([503, { sealed: true, initialized: true }]);
      const unsealed = await root.send("PUT", "sys/unseal", { key: server.unsealKey });
      expect(unsealed.body).toMatchObject({ sealed: false });
      await expect.poll(async () => (await root.send("GET", "sys/health")).status).toBe(200);
      const { body } = await api.send("PUT", "sys/leases/renew", { lease_id: leaseId, increment: 60 });
      expect(body.lease_duration).toBe(60);
    });

    it("limits the rate of a path", async () => {
      const { session, root, seed } = world();
      const api = await session();
      const quota = "sys/quotas/rate-limit/lessee-contract";
      await root.expect("POST", quota, { rate: 1, interval: "5s", path: `${seed.databaseMount}/` });
      try {
        const first = await api.send("GET", seed.credentialPath);
        const second = await api.send("GET", seed.credentialPath);
        expect([first.status, second.status]).toEqual([200, 429]);
        expect(second.body.errors).toEqual([`request path "${seed.credentialPath}": rate limit quota exceeded`]);
      } finally {
        await root.expect("DELETE", quota);
      }
    });

    it("wraps an answer for one who may unwrap it once", async () => {
      const { session, root, seed, gone } = world();
      const api = await session();
      const wrapped = await api.send("GET", seed.credentialPath, undefined, { "x-vault-wrap-ttl": "60s" });
      expect(wrapped.body).toMatchObject({
        lease_id: "",
        data: null,
        wrap_info: { ttl: 60, creation_path: seed.credentialPath },
      });
      const unwrap = () => root.as(wrapped.body.wrap_info.token).send("PUT", "sys/wrapping/unwrap");
      const { status, body } = await unwrap();
      expect([status, body.lease_duration]).toEqual([200, 43_200]);
      const again = await unwrap();
      expect([again.status, again.body.errors]).toEqual([400, ["wrapping token is not valid or does not exist"]]);
      await root.expect("PUT", "sys/leases/revoke", { lease_id: body.lease_id });
      await gone(String(body.data.username));
    });

    it("does not know what is not mounted", async () => {
      const { root } = world();
      const { status, body } = await root.send("GET", "lessee-nowhere/creds/x");
      expect([status, body.errors]).toEqual([
        404,
        ['no handler for route "lessee-nowhere/creds/x". route entry not found.'],
      ]);
    });

    it("keeps values with and without versions, and tells which", async () => {
      const { root } = world();
      for (const version of ["1", "2"]) {
        const mount = `lessee-kv${version}`;
        await root.expect("POST", `sys/mounts/${mount}`, { type: "kv", options: { version } });
        try {
          const path = version === "2" ? `${mount}/data/app` : `${mount}/app`;
          const upgraded = async () =>
            (await root.send("POST", path, version === "2" ? { data: { a: 1 } } : { a: 1 })).status;
          await expect.poll(upgraded).toBeLessThan(300);
          const { body } = await root.send("GET", path);
          expect(version === "2" ? body.data.data : body.data).toEqual({ a: 1 });
          const preflight = await root.send("GET", `sys/internal/ui/mounts/${mount}/app`);
          expect(preflight.body.data).toMatchObject({ path: `${mount}/`, type: "kv", options: { version } });
          const missing = await root.send("GET", `${path}-missing`);
          expect([missing.status, missing.body.errors]).toEqual([404, []]);
        } finally {
          await root.expect("DELETE", `sys/mounts/${mount}`);
        }
      }
    });

    it("logs in by AppRole", async () => {
      const { root, seed } = world();
      const mount = "auth/lessee-approle";
      await root.expect("POST", `sys/${mount}`, { type: "approle" });
      try {
        await root.expect("POST", `${mount}/role/r`, { token_policies: [seed.policy], token_ttl: "20m" });
        const { body: role } = await root.expect("GET", `${mount}/role/r/role-id`);
        const { body: secret } = await root.expect("POST", `${mount}/role/r/secret-id`, {});
        const login = { role_id: role.data.role_id, secret_id: secret.data.secret_id };
        const { body } = await root.as("").send("POST", `${mount}/login`, login);
        expect(body.auth).toMatchObject({ policies: ["default", seed.policy], lease_duration: 1200, orphan: true });
        const bad = await root.as("").send("POST", `${mount}/login`, { ...login, secret_id: "x" });
        expect([bad.status, bad.body.errors]).toEqual([400, ["invalid role or secret ID"]]);
      } finally {
        await root.expect("DELETE", `sys/${mount}`);
      }
    });
  });
}
