/** Paths of templates against the emulated Vault, which answers as the recordings do. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type VaultApi, vaultApi } from "../../dev/vault/client.ts";
import { type EmulatedVault, startEmulatedVault } from "../../dev/vault/emulated-vault.ts";
import { TransportError } from "../../src/errors.ts";
import { Sensitive } from "../../src/sensitive.ts";
import { createVaultClient, type VaultClient } from "../../src/vault/client.ts";
import { withMounts } from "../../src/vault/mounts.ts";
import type { VaultSecret } from "../../src/vault/secret.ts";
import { useServers } from "./servers.ts";

const { transport } = useServers();
const root = new Sensitive("root-of-the-mounts");
let server: EmulatedVault;
let api: VaultApi;
let client: VaultClient;

beforeAll(async () => {
  server = await startEmulatedVault({ rootToken: root.reveal() });
  api = vaultApi(server.address, server.rootToken);
  await api.expect("POST", "sys/mounts/team/plain", { type: "kv", options: { version: "1" } });
  await api.expect("POST", "secret/data/app", { data: { color: "red" } });
  await api.expect("POST", "secret/data/app", { data: { color: "blue" } });
  await api.expect("POST", "secret/data/deep/app", { data: { color: "green" } });
  await api.expect("POST", "team/plain/app", { color: "grey", ttl: "90s" });
});
afterAll(() => server.stop());
beforeEach(() => {
  server.requests.clear();
  const options = { address: server.address, namespace: "", headers: {}, timeout: 5_000 };
  const clock = { now: () => 0, sleep: async () => {} };
  client = withMounts(createVaultClient(options, transport().send, clock, () => {}));
});

const asked = () => server.requests.entries.map(({ method, path }) => `${method} ${path.replace("/v1/", "")}`);
const data = (secret: VaultSecret | null) => JSON.parse(JSON.stringify(secret?.data.reveal() ?? null));

describe("KV v2", () => {
  it("is read below data/, by version too, and the mount is asked for once", async () => {
    expect(data(await client.read(root, "secret/app"))).toMatchObject({ data: { color: "blue" } });
    expect(data(await client.read(root, "secret/app", "1"))).toMatchObject({ data: { color: "red" } });
    expect(data(await client.read(root, "secret/deep/app"))).toMatchObject({ data: { color: "green" } });
    expect(asked()).toEqual([
      "GET sys/internal/ui/mounts/secret/app",
      "GET secret/data/app",
      "GET secret/data/app",
      "GET secret/data/deep/app",
    ]);
  });

  it("takes paths that have data/ or metadata/ already as they are", async () => {
    expect(data(await client.read(root, "secret/data/app"))).toMatchObject({ data: { color: "blue" } });
    expect(data(await client.read(root, "secret/metadata/app"))).toMatchObject({ current_version: expect.anything() });
    expect(data(await client.list(root, "secret/metadata/deep"))).toEqual({ keys: ["app"] });
  });

  it("is listed below metadata/, and an empty list is known", async () => {
    expect(data(await client.list(root, "secret"))).toEqual({ keys: ["app", "deep/"] });
    expect(data(await client.list(root, "secret/deep"))).toEqual({ keys: ["app"] });
    expect(data(await client.list(root, "secret/none"))).toEqual({ keys: [] });
  });

  it("is written below data/, with what is written under data", async () => {
    expect(data(await client.write(root, "secret/new", { color: "white" }))).toMatchObject({ destroyed: false });
    expect(data(await client.read(root, "secret/new"))).toMatchObject({ data: { color: "white" } });
  });

  it("has nothing where the version was deleted, whatever the answer says of it", async () => {
    await api.expect("POST", "secret/data/gone", { data: { color: "black" } });
    await api.expect("DELETE", "secret/data/gone");
    expect(await client.read(root, "secret/gone")).toBeNull();
  });
});

describe("other mounts", () => {
  it("of several segments and KV v1 keep their paths; a write there answers nothing", async () => {
    expect(data(await client.read(root, "team/plain/app"))).toMatchObject({ color: "grey" });
    expect((await client.read(root, "team/plain/app"))?.lease.durationSeconds).toBe(90);
    expect(data(await client.list(root, "team/plain"))).toEqual({ keys: ["app"] });
    expect(data(await client.write(root, "team/plain/other", { color: "pink" }))).toBeNull();
    expect(data(await client.read(root, "team/plain/other"))).toEqual({ color: "pink" });
    expect(asked().filter((one) => one.includes("ui/mounts"))).toHaveLength(1);
  });

  it("that may not be asked for are taken as they are, and asked for again with the next token", async () => {
    const forbidden = server.faults.inject(({ path }) => path.includes("/ui/mounts/"), {
      kind: "answer",
      status: 403,
      body: { errors: ["preflight capability check returned 403"] },
    });
    expect(data(await client.read(root, "secret/data/app"))).toMatchObject({ data: { color: "blue" } });
    expect(await client.read(root, "secret/app").catch(() => null)).toBeNull();
    expect(forbidden.hits).toBe(2);
    expect(await client.read(root, "secret/app").catch(() => null)).toBeNull();
    expect(forbidden.hits).toBe(2);
    forbidden.remove();
    expect(data(await client.read(new Sensitive(root.reveal()), "secret/app"))).toMatchObject({
      data: { color: "blue" },
    });
  });
});

describe("the question for the mount", () => {
  it("is asked once for a hundred reads at once", async () => {
    await Promise.all(Array.from({ length: 100 }, () => client.read(root, "secret/app")));
    expect(asked().filter((one) => one.includes("ui/mounts"))).toHaveLength(1);
  });

  it("fails the read while the server is sealed, and nothing more is asked", async () => {
    const fault = server.faults.inject(({ path }) => path.includes("/ui/mounts/"), {
      kind: "answer",
      status: 503,
      body: { errors: ["Vault is sealed"] },
    });
    await expect(client.read(root, "secret/app")).rejects.toThrow("Vault is sealed");
    expect(asked()).toEqual(["GET sys/internal/ui/mounts/secret/app"]);
    fault.remove();
  });

  it.for(["/v1/sys/internal/ui/mounts/secret/app", "/v1/secret/data/app"])(
    "or a read of KV without an answer has made no user (M2): %s",
    async (path) => {
      const fault = server.faults.inject((request) => request.path === path, { kind: "cut" });
      const error = await client.read(root, "secret/app").catch((error: unknown) => error);
      expect(error).toBeInstanceOf(TransportError);
      expect((error as TransportError).effect).toBe("never sent");
      fault.remove();
    },
  );

  it.for(["database", "nobody-knows"])("and one of another engine may have (M2): %s", async (mount) => {
    const fault = server.faults.inject(({ path }) => path === `/v1/${mount}/creds/app`, { kind: "cut" });
    const error = await client.read(root, `${mount}/creds/app`).catch((error: unknown) => error);
    expect((error as TransportError).effect).toBe("unknown");
    fault.remove();
  });
});
