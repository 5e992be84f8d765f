/** The contract's first part: how a pod logs in, and how it is refused. */
import { describe, expect, it } from "vitest";
import { createServiceAccountSigner } from "../../dev/kubernetes/service-accounts.ts";
import type { World } from "./world.ts";

export function loginContract(world: () => World): void {
  describe("login", () => {
    const tryLogin = (body: Record<string, unknown>) => {
      const { root, seed } = world();
      return root.as("").send("POST", `auth/${seed.kubernetesMount}/login`, body);
    };
    const jwt = (namespace = "tsb", name = "tsb", lifetimeSeconds = 3600) =>
      world().kubernetes.signToken({ namespace, name, lifetimeSeconds });

    it("gives an orphan service token with the role's policies and the default one", async () => {
      const { login, seed } = world();
      const { status, body } = await login();
      expect(status).toBe(200);
      expect(body).toMatchObject({ lease_id: "", renewable: false, lease_duration: 0, data: null, wrap_info: null });
      expect(body.auth).toMatchObject({
        policies: ["default", seed.policy],
        metadata: { role: "pg", service_account_name: "tsb", service_account_namespace: "tsb" },
        lease_duration: 3600,
        renewable: true,
        token_type: "service",
        orphan: true,
        num_uses: 0,
      });
    });

    it("gives the same entity to the same account, and another to another", async () => {
      const { login, root, seed, kubernetes } = world();
      const other = kubernetes.signToken({ namespace: "tsb", name: "other" });
      const [first, second, third] = await Promise.all([
        login(),
        login(),
        root.as("").send("POST", `auth/${seed.kubernetesMount}/login`, { role: "pg", jwt: other }),
      ]);
      const entity = ({ body }: typeof first) => (body.auth as unknown as { entity_id: string }).entity_id;
      expect(entity(second)).toBe(entity(first));
      expect(entity(third!)).not.toBe(entity(first));
    });

    it.each([
      ["an unknown role", () => ({ role: "nope", jwt: jwt() }), 400, 'invalid role name "nope"'],
      ["no role", () => ({ jwt: jwt() }), 400, "missing role"],
      ["no JWT", () => ({ role: "pg" }), 400, "missing jwt"],
      ["another namespace", () => ({ role: "pg", jwt: jwt("other") }), 403, "namespace not authorized"],
      ["another account", () => ({ role: "spm", jwt: jwt("tcc") }), 403, "service account name not authorized"],
      ["text that is no JWT", () => ({ role: "pg", jwt: "garbage" }), 403, "permission denied"],
      ["a JWT of another cluster", () => ({ role: "pg", jwt: forged() }), 403, "permission denied"],
    ])("refuses %s", async (_, body, status, error) => {
      const answer = await tryLogin(body());
      expect(answer.status).toBe(status);
      expect(answer.body.errors).toEqual([error]);
    });

    it("refuses a JWT that has ended", async () => {
      expect((await tryLogin({ role: "pg", jwt: jwt("tsb", "tsb", -300) })).status).toBe(403);
    });

    it("takes a JWT for any audience when the role names none", async () => {
      const elsewhere = world().kubernetes.signToken({ namespace: "tsb", name: "tsb", audiences: ["elsewhere"] });
      expect((await tryLogin({ role: "pg", jwt: elsewhere })).status).toBe(200);
    });

    it("asks the cluster for the role's audience", async () => {
      const { authRole, kubernetes } = world();
      await authRole("audience", { audience: "vault" });
      const right = kubernetes.signToken({ namespace: "tsb", name: "tsb", audiences: ["vault"] });
      const answers = await Promise.all([
        tryLogin({ role: "audience", jwt: right }),
        tryLogin({ role: "audience", jwt: jwt() }),
      ]);
      expect(answers.map(({ status }) => status)).toEqual([200, 403]);
    });

    it("takes POST and PUT, not GET", async () => {
      const { root, seed } = world();
      const path = `auth/${seed.kubernetesMount}/login`;
      expect((await root.as("").send("PUT", path, { role: "pg", jwt: jwt() })).status).toBe(200);
      const get = await root.as("").send("GET", path);
      expect([get.status, get.body.errors]).toEqual([405, ["unsupported operation"]]);
    });
  });

  function forged(): string {
    return createServiceAccountSigner().sign({ namespace: "tsb", name: "tsb" });
  }
}
