/** What the emulated Vault is beyond a server: faults on request, a log, a clock, a process. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { selfSignedCertificate } from "../../dev/kubernetes/certificate.ts";
import { type Kubernetes, startKubernetes } from "../../dev/kubernetes/token-review.ts";
import { type RunningPostgres, startPostgres } from "../../dev/postgres.ts";
import { type VaultApi, vaultApi } from "../../dev/vault/client.ts";
import { type EmulatedVault, startEmulatedVault } from "../../dev/vault/emulated-vault.ts";
import { setUpSeed } from "../../dev/vault/setup.ts";

describe("the emulated Vault", () => {
  let vault: EmulatedVault;
  let api: VaultApi;
  beforeAll(async () => {
    vault = await startEmulatedVault({ rootToken: "root-token" });
    api = vaultApi(vault.address, "root-token");
    await api.expect("POST", "secret/data/app", { data: { password: "not in the log" } });
  });
  afterAll(() => vault?.stop());

  const read = () => api.send("GET", "secret/data/app");
  const isRead = ({ path }: { path: string }) => path === "/v1/secret/data/app";

  describe("commits a fault", () => {
    it("that resets the connection, so often as it was asked", async () => {
      const fault = vault.faults.inject(isRead, { kind: "reset" }, 2);
      await expect(read()).rejects.toThrow();
      await expect(read()).rejects.toThrow();
      expect((await read()).status).toBe(200);
      expect(fault.hits).toBe(2);
    });

    it("that answers in the server's place", async () => {
      const body = { errors: ["upstream"] };
      vault.faults.inject(isRead, { kind: "answer", status: 502, body, headers: { "retry-after": "7" } }, 1);
      const answer = await read();
      expect([answer.status, answer.body, answer.headers.get("retry-after")]).toEqual([502, body, "7"]);
    });

    it("that answers with garbage", async () => {
      vault.faults.inject(isRead, { kind: "garbage", text: "<html>" }, 1);
      await expect(read()).rejects.toThrow(SyntaxError);
    });

    it("that does what was asked and breaks off the answer", async () => {
      vault.faults.inject(({ method }) => method === "DELETE", { kind: "cut" }, 1);
      const before = await api.expect("POST", "secret/data/cut", { data: { a: 1 } });
      expect(before.status).toBe(200);
      await expect(api.send("DELETE", "secret/data/cut")).rejects.toThrow();
      expect((await api.send("GET", "secret/data/cut")).status).toBe(404);
    });

    it("that never answers", async () => {
      const fault = vault.faults.inject(isRead, { kind: "hang" }, 1);
      const logged = vault.requests.next(isRead);
      const given = new AbortController();
      const request = fetch(`${vault.address}/v1/secret/data/app`, { signal: given.signal });
      await expect.poll(() => fault.hits).toBe(1);
      given.abort();
      await expect(request).rejects.toThrow();
      expect((await logged).status).toBe(0);
    });

    it("that answers late, by the server's clock", async () => {
      vault.faults.inject(isRead, { kind: "delay", milliseconds: 3_600_000 }, 1);
      let answered = false;
      const request = read().finally(() => {
        answered = true;
      });
      while (!answered) {
        vault.advance(3_600_000);
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect((await request).status).toBe(200);
    });

    it("until it is taken back", async () => {
      const fault = vault.faults.inject(isRead, { kind: "answer", status: 500, body: {} });
      expect((await read()).status).toBe(500);
      fault.remove();
      expect((await read()).status).toBe(200);
    });
  });

  it("refuses connections, and accepts them again on the same port", async () => {
    await vault.refuseConnections();
    const { hostname, port } = new URL(vault.address);
    const knock = () => once(connect(Number(port), hostname), "connect");
    await expect(knock()).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await vault.acceptConnections();
    expect((await read()).status).toBe(200);
  });

  it("knows no other namespace", async () => {
    const { status, body } = await api.send("GET", "secret/data/app", undefined, { "x-vault-namespace": "team" });
    expect([status, body.errors]).toEqual([404, ["namespace not found"]]);
  });

  it("keeps a log without a secret", async () => {
    vault.requests.clear();
    const next = vault.requests.next(isRead);
    await read();
    expect(await next).toEqual({
      method: "GET",
      path: "/v1/secret/data/app",
      status: 200,
      at: expect.any(Number),
      duration: expect.any(Number),
    });
    expect(vault.requests.count(isRead)).toBe(1);
    expect(JSON.stringify(vault.requests.entries)).not.toMatch(/root-token|not in the log/);
  });

  it("speaks TLS with a certificate", async () => {
    const tls = selfSignedCertificate(["127.0.0.1"]);
    const secure = await startEmulatedVault({ rootToken: "root", tls });
    try {
      const request = httpsRequest(`${secure.address}/v1/sys/health`, { ca: tls.certificate, agent: false }).end();
      const [answer] = (await once(request, "response")) as [{ statusCode: number; resume(): void }];
      answer.resume();
      expect(answer.statusCode).toBe(200);
    } finally {
      await secure.stop();
    }
  });

  it("runs as a process of its own, until SIGTERM", async () => {
    const main = new URL("../../dev/vault/main.ts", import.meta.url).pathname;
    const child = spawn(process.execPath, [main, "--root-token", "root"], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    const { address } = JSON.parse(line.toString()) as { address: string };
    expect((await vaultApi(address, "root").send("GET", "auth/token/lookup-self")).body.data.policies).toEqual([
      "root",
    ]);
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([0, null]);
  });
});

describe("the emulated Vault with Postgres", () => {
  let vault: EmulatedVault;
  let postgres: RunningPostgres;
  let kubernetes: Kubernetes;
  let api: VaultApi;
  let admin: pg.Client;
  beforeAll(async () => {
    [postgres, kubernetes, vault] = await Promise.all([
      startPostgres(),
      startKubernetes(),
      startEmulatedVault({ rootToken: "root", retries: { base: 1000, attempts: 3 } }),
    ]);
    ({ api } = await setUpSeed({ address: vault.address, token: "root", postgres, kubernetes }));
    admin = new pg.Client(postgres.url);
    await admin.connect();
  });
  afterAll(async () => {
    await admin?.end();
    await vault?.stop();
    await Promise.all([postgres?.stop(), kubernetes?.stop()]);
  });

  const lookup = async (lease_id: string) => (await api.send("PUT", "sys/leases/lookup", { lease_id })).body;

  it("gives a revocation up after so many attempts, and takes it up a day later", async () => {
    const { body } = await api.expect("GET", "database/creds/pg-role");
    const { lease_id, data } = body;
    const role = pg.escapeIdentifier(String(data.username));
    await admin.query(`CREATE TABLE owned (id int); ALTER TABLE owned OWNER TO ${role}`);
    await api.expect("PUT", "sys/leases/revoke", { lease_id, sync: false });
    for (let attempt = 1; attempt < 3; attempt++) {
      await vault.idle();
      expect((await lookup(lease_id)).data).not.toHaveProperty("revoke_error");
      vault.advance(2 ** attempt * 1500);
    }
    await vault.idle();
    expect((await lookup(lease_id)).data.revoke_error).toMatch(/out of retries.*2BP01/);
    const renewal = await api.send("PUT", "sys/leases/renew", { lease_id, increment: 60 });
    expect(renewal.body.errors).toEqual(["lease is expired and has failed previous revocation attempts"]);

    await admin.query("DROP TABLE owned");
    vault.advance(86_400_000);
    await vault.idle();
    expect((await lookup(lease_id)).errors).toEqual(["invalid lease"]);
  });

  it("ends a lease with its token even while the lease is being renewed", async () => {
    const renew_statements = `SELECT pg_sleep(0.2); ALTER ROLE "{{name}}" VALID UNTIL '{{expiration}}'`;
    const { body: role } = await api.expect("GET", "database/roles/pg-role");
    await api.expect("POST", "database/roles/pg-role", { ...role.data, renew_statements });
    const { body: made } = await api.expect("POST", "auth/token/create", { policies: ["pg-auth"] });
    const owner = api.as(made.auth.client_token);
    const { body } = await owner.expect("GET", "database/creds/pg-role");
    const sleeping = async () =>
      (await admin.query("SELECT FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'"))
        .rowCount;

    const renewal = owner.send("PUT", "sys/leases/renew", { lease_id: body.lease_id, increment: 600 });
    await expect.poll(sleeping, { interval: 10 }).toBe(1);
    await owner.expect("PUT", "auth/token/revoke-self");
    expect((await renewal).body.lease_duration).toBe(600);
    await vault.idle();
    expect((await lookup(body.lease_id)).errors).toEqual(["invalid lease"]);
    await api.expect("POST", "database/roles/pg-role", role.data);
  });

  it("leaves a user without a lease when the client goes away while it is committed", async () => {
    // A deferred trigger runs inside COMMIT: that is where the time is spent here.
    await admin.query(`
      CREATE TABLE slow (id int);
      CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END';
      CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION slowly()`);
    const { body } = await api.expect("GET", "database/roles/pg-role");
    const creation_statements = `CREATE ROLE "{{name}}"; INSERT INTO slow VALUES (1)`;
    await api.expect("POST", "database/roles/pg-role", { ...body.data, creation_statements });

    const given = new AbortController();
    const headers = { "x-vault-token": "root" };
    const url = `${vault.address}/v1/database/creds/pg-role`;
    const request = fetch(url, { headers, signal: given.signal });
    const committing = async () =>
      (await admin.query("SELECT FROM pg_stat_activity WHERE query = 'COMMIT' AND state = 'active'")).rowCount;
    await expect.poll(committing, { interval: 10 }).toBe(1);
    given.abort();
    await expect(request).rejects.toThrow();
    await expect.poll(committing, { interval: 10 }).toBe(0);
    const { rowCount } = await admin.query("SELECT FROM pg_roles WHERE rolname LIKE 'v-token-pg-role-%'");
    expect(rowCount).toBe(1);
    expect((await api.send("GET", "sys/leases/lookup/database/creds/pg-role?list=true")).status).toBe(404);
  });
});
