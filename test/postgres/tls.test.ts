import { execFileSync } from "node:child_process";
import * as fs from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type RunningPostgres, startPostgres } from "../../dev/postgres.ts";
import type { Databases, Verification } from "../../src/ports.ts";
import { openDatabases } from "../../src/postgres/databases.ts";
import { Sensitive } from "../../src/sensitive.ts";
import { failure, never, testClock } from "./fixture.ts";

const opensslAvailable = (() => {
  try {
    return execFileSync("openssl", ["version"]).length > 0;
  } catch {
    return false;
  }
})();

/** Fails where the session is not encrypted. */
const ENCRYPTED = "SELECT 1 / ssl::int FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

describe.skipIf(!opensslAvailable)("sslmode means what it means to libpq (openssl makes the certificates)", () => {
  let server: RunningPostgres;
  let opened: Databases | undefined;
  let ca = "";
  let otherCa = "";

  beforeAll(async () => {
    server = await startPostgres();
    const data = join(server.folder, "data");
    const { uid, gid } = await fs.stat(data);
    for (const name of ["server", "other"]) makeCertificate(join(data, name));
    for (const name of ["server.key", "server.crt"]) await fs.chown(join(data, name), uid, gid);
    [ca, otherCa] = [join(data, "server.crt"), join(data, "other.crt")];
    const admin = new pg.Client(server.url);
    await admin.connect();
    await admin.query("ALTER SYSTEM SET ssl = on");
    await admin.query("SELECT pg_reload_conf()");
    for (;;) {
      const { rows } = await admin.query("SELECT setting FROM pg_settings WHERE name = 'ssl'");
      if (rows[0].setting === "on") break;
    }
    await admin.end();
  });
  afterEach(async () => {
    await opened?.close();
  });
  afterAll(async () => {
    await server?.stop();
  });

  it.each(["prefer", "allow", "require"])("%s encrypts and does not ask who it is", async (mode) => {
    await verify("127.0.0.1", `sslmode=${mode}`);
  });

  it("nothing at all is prefer", async () => {
    await verify("127.0.0.1", "");
  });

  it("disable does not encrypt", async () => {
    const error = await failure(verify("127.0.0.1", "sslmode=disable"));
    expect(error.sqlstate).toBe("22012");
  });

  it("verify-ca checks the issuer and not the name", async () => {
    await verify("127.0.0.1", `sslmode=verify-ca&sslrootcert=${ca}`);
    const error = await failure(verify("127.0.0.1", `sslmode=verify-ca&sslrootcert=${otherCa}`));
    expect(error).toMatchObject({ blames: "server", hint: expect.stringMatching(/sslrootcert/) });
  });

  it("require with an sslrootcert is verify-ca", async () => {
    await verify("127.0.0.1", `sslmode=require&sslrootcert=${ca}`);
    expect((await failure(verify("127.0.0.1", `sslmode=require&sslrootcert=${otherCa}`))).blames).toBe("server");
  });

  it("verify-full checks both", async () => {
    await verify("localhost", `sslmode=verify-full&sslrootcert=${ca}`);
    const name = await failure(verify("127.0.0.1", `sslmode=verify-full&sslrootcert=${ca}`));
    expect(name).toMatchObject({ blames: "server", hint: expect.stringMatching(/a name of the certificate/) });
    const issuer = await failure(verify("localhost", "sslmode=verify-full"));
    expect(issuer).toMatchObject({ blames: "server", hint: expect.stringMatching(/sslrootcert/) });
    expect((await failure(verify("localhost", "sslmode=verify-full&sslrootcert=system"))).blames).toBe("server");
  });

  async function verify(host: string, query: string): Promise<Verification> {
    await opened?.close();
    const connectionUrl = `postgresql://{{username}}:{{password}}@${host}:${server.port}/tsb?${query}`;
    opened = openDatabases([{ connectionUrl, verifyQuery: ENCRYPTED, drain: "watch", connectTimeout: 5_000 }], {
      clock: testClock(),
      files: fs,
    });
    return await opened.verify({ username: server.user, password: new Sensitive(server.password) }, never);
  }
});

function makeCertificate(base: string): void {
  const files = ["-keyout", `${base}.key`, "-out", `${base}.crt`];
  const name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", ...files, ...name], {
    stdio: "pipe",
  });
}
