import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import type { VaultConfig } from "../../src/config/types.ts";
import { connectVault, type RenewableTransport } from "../../src/vault/connect.ts";
import { createAuthority, useServers } from "./servers.ts";

const { serve } = useServers();

const AGENT = `
vault { address = "ADDRESS" }
auto_auth {
  method "kubernetes" { config = { role = "pg" } }
}
template {
  contents = "x"
  destination = "/tmp/x"
}
`;
const authority = createAuthority();
const { ca } = authority;

let folder = "";
const opened: RenewableTransport[] = [];
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), "connect-"));
});
afterEach(async () => {
  for (const transport of opened.splice(0)) transport.close();
  await fs.rm(folder, { recursive: true });
});

async function file(name: string, content: string): Promise<string> {
  await fs.writeFile(join(folder, name), content);
  return join(folder, name);
}

const BASE: VaultConfig = {
  address: "https://127.0.0.1",
  tlsSkipVerify: false,
  clientTimeout: 60_000,
  numRetries: 12,
  headers: {},
  disableRedirects: false,
};

async function connect(config: Partial<VaultConfig>, env: Record<string, string> = {}): Promise<RenewableTransport> {
  const transport = await connectVault({ ...BASE, ...config }, fs, env);
  opened.push(transport);
  return transport;
}

async function status(address: string, transport: RenewableTransport): Promise<number> {
  return (await transport.send({ method: "GET", url: `${address}/`, headers: {}, timeout: 20_000 })).status;
}

describe("the CA", () => {
  it("comes from a file, from text of the environment, or from a folder as a projected volume is one", async () => {
    const server = await serve((response) => void response.end(), { tls: authority.issue(["127.0.0.1"], "server") });
    await fs.mkdir(join(folder, "..2026"));
    await fs.symlink("..2026", join(folder, "..data"));
    const caCert = await file("ca.crt", `a comment\n${createAuthority().ca}${ca}`);
    for (const config of [{ caCert }, { caCertBytes: ca }, { caPath: folder }])
      expect(await status(server.address, await connect(config))).toBe(200);
  });

  it.each([
    [
      "a file that is not there",
      { caCert: "/nowhere/ca.crt" },
      /vault\.ca_cert: cannot read \/nowhere\/ca\.crt: ENOENT/,
    ],
    ["a folder that is not there", { caPath: "/nowhere" }, /vault\.ca_path: cannot read the folder \/nowhere: ENOENT/],
    ["text that is no PEM", { caCertBytes: "none" }, /VAULT_CACERT_BYTES: there is no PEM certificate in it/],
    [
      "a damaged one behind a good one",
      { caCertBytes: `${ca}-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n` },
      /VAULT_CACERT_BYTES: certificate 2 in it is damaged/,
    ],
    ["a client key that is not there", { clientCert: "/dev/null", clientKey: "/nowhere/key" }, /vault\.client_key/],
  ])("that is %s is said at once", async (_what, config, message) => {
    await expect(connect(config)).rejects.toMatchObject({ code: "ca", message: expect.stringMatching(message) });
  });

  it("that is an empty folder does not mean the authorities of the system", async () => {
    await expect(connect({ caPath: folder })).rejects.toMatchObject({ message: expect.stringContaining("is empty") });
  });
});

it.each([
  ["false", 0],
  ["0", 0],
  ["", 0],
  ["true", 1],
  ["1", 1],
])("VAULT_SKIP_VERIFY=%j turns the check of certificates off only where it is true", async (value, reached) => {
  const server = await serve((response) => void response.end(), { tls: authority.issue(["127.0.0.1"], "server") });
  const config = await file("agent.hcl", AGENT.replace("ADDRESS", server.address));
  const flags = { values: new Map(), positional: [] };
  const { vault } = (await loadConfig({ paths: [config], files: fs, env: { VAULT_SKIP_VERIFY: value }, flags })).config;
  await status(server.address, await connect(vault)).catch(() => {});
  expect(server.heard).toHaveLength(reached);
});

it.each(["VAULT_PROXY_ADDR", "VAULT_HTTP_PROXY", "HTTP_PROXY", "http_proxy"])("%s names a proxy", async (name) => {
  const proxy = await serve((response) => void response.end());
  expect(await status("http://vault.invalid", await connect({}, { [name]: proxy.address }))).toBe(200);
});

const reload = async (transport: RenewableTransport) => (await transport.prepare())();

describe("certificates that are read again", () => {
  it("are used from the next connection on; what is the same or broken changes nothing", async () => {
    const [old, next] = [createAuthority(), createAuthority()];
    const [first, second] = [
      await serve((response) => void response.end(), { tls: old.issue(["127.0.0.1"], "server") }),
      await serve((response) => void response.end(), { tls: next.issue(["127.0.0.1"], "server") }),
    ];
    const caPath = join(folder, "authorities");
    await fs.mkdir(caPath);
    await fs.writeFile(join(caPath, "old.pem"), old.ca);
    const transport = await connect({ caPath });
    const trusted = async () =>
      Promise.all([first, second].map(({ address }) => status(address, transport).catch(() => 0)));
    expect(await trusted()).toEqual([200, 0]);
    expect(await reload(transport)).toBe(false);
    await fs.writeFile(join(caPath, "new.pem"), next.ca);
    expect(await reload(transport)).toBe(true);
    expect(await trusted()).toEqual([200, 200]);
    await fs.writeFile(join(caPath, "broken.pem"), "none");
    await expect(reload(transport)).rejects.toThrow("there is no PEM certificate in it");
    expect(await trusted()).toEqual([200, 200]);
    await fs.rm(join(caPath, "broken.pem"));
    await fs.rm(join(caPath, "old.pem"));
    expect(await reload(transport)).toBe(true);
    // Not over the connection that stood.
    expect(await trusted()).toEqual([0, 200]);
  });

  it("of a configuration that is not taken in the end leave the old ones where they are", async () => {
    const [own, other] = [createAuthority(), createAuthority()];
    const server = await serve((response) => void response.end(), { tls: own.issue(["127.0.0.1"], "server") });
    const transport = await connect({ caCert: await file("own.pem", own.ca) });
    const { cert } = own.issue(["lessee"], "client");
    const { key } = other.issue(["lessee"], "client");
    const [clientCert, clientKey] = [await file("cert.pem", cert), await file("key.pem", key)];
    const next = { ...BASE, caCert: await file("other.pem", other.ca) };
    const take = await transport.prepare(next);
    await expect(transport.prepare({ ...next, clientCert, clientKey })).rejects.toThrow("cannot be used");
    expect(await reload(transport)).toBe(false);
    expect(await status(server.address, transport)).toBe(200);
    expect(take()).toBe(true);
    await expect(status(server.address, transport)).rejects.toThrow();
  });

  it("leave an answer that is under way alone", async () => {
    const { ca, issue } = createAuthority();
    const asked = Promise.withResolvers<() => void>();
    const server = await serve((response) => asked.resolve(() => void response.end()), {
      tls: issue(["127.0.0.1"], "server"),
    });
    const transport = await connect({ caCert: await file("ca.pem", ca) });
    const answer = status(server.address, transport);
    const finish = await asked.promise;
    await fs.writeFile(join(folder, "ca.pem"), `${ca}${createAuthority().ca}`);
    expect(await reload(transport)).toBe(true);
    finish();
    expect(await answer).toBe(200);
  });
});
