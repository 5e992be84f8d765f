import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { vaultApi } from "../../dev/vault/client.ts";
import { type EmulatedVault, startEmulatedVault } from "../../dev/vault/emulated-vault.ts";
import { sealFor } from "../../src/auth/envelope.ts";
import { createSinkContent } from "../../src/auth/sink-content.ts";
import { probeSinks } from "../../src/auth/sink-probe.ts";
import type { SinkConfig } from "../../src/config/types.ts";
import { Sensitive } from "../../src/sensitive.ts";
import { openVault } from "../../src/vault/connect.ts";
import { useFakeClock } from "../support/fake-clock.ts";
import { createReader } from "./reader.ts";

const clock = useFakeClock();
let folder = "";
let vault: EmulatedVault;
beforeAll(async () => {
  vault = await startEmulatedVault({ rootToken: "s.root" });
});
afterAll(() => vault.stop());
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), "sink-content-"));
});
afterEach(() => fs.rm(folder, { recursive: true }));

const sink = (more: Partial<SinkConfig> = {}): SinkConfig => ({
  type: "file",
  wrapTtl: 0,
  deriveKey: false,
  config: { path: join(folder, "token") },
  ...more,
});

async function contentOf(config: SinkConfig, token = "s.root"): Promise<string> {
  const vaultConfig = { address: vault.address, tlsSkipVerify: false, clientTimeout: 5_000, numRetries: 0 };
  const { client, transport } = await openVault(
    { ...vaultConfig, headers: {}, disableRedirects: false },
    undefined,
    { clock: clock(), env: {}, files: fs, random: Math.random },
    () => {},
  );
  try {
    return await createSinkContent({ files: fs, wrap: client.wrap })(config, new Sensitive(token));
  } finally {
    transport.close();
  }
}

describe("an encrypted sink", () => {
  it("can be opened by its reader, whatever token, AAD and way to the key", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string(), fc.boolean(), (token, aad, derived) => {
        const reader = createReader();
        const key = Buffer.from(JSON.parse(reader.published).curve25519_public_key, "base64");
        const envelope = sealFor(key, token, { aad, deriveKey: derived });
        expect(Object.keys(JSON.parse(envelope))).toEqual(["curve25519_public_key", "nonce", "encrypted_payload"]);
        expect(reader.open(envelope, { derived, aad })).toBe(Buffer.from(token).toString());
        expect(() => reader.open(envelope, { derived: !derived, aad })).toThrow();
        expect(() => reader.open(envelope, { derived, aad: `${aad}x` })).toThrow();
        expect(() => createReader().open(envelope, { derived, aad })).toThrow();
      }),
      { numRuns: 25 },
    );
  });

  it("takes the reader's key from dh_path, and goes on with it when the file has gone", async () => {
    const reader = createReader();
    const dhPath = join(folder, "dh");
    await fs.writeFile(dhPath, reader.published);
    const content = createSinkContent({ files: fs, wrap: () => Promise.reject(new Error("nothing to wrap")) });
    const config = sink({ dhType: "curve25519", dhPath, deriveKey: true, aad: "for the reader" });
    expect(reader.open(await content(config, new Sensitive("s.one")), { derived: true, aad: "for the reader" })).toBe(
      "s.one",
    );
    await fs.rm(dhPath);
    expect(reader.open(await content(config, new Sensitive("s.two")), { derived: true, aad: "for the reader" })).toBe(
      "s.two",
    );
  });

  it.each([
    [null, "cannot read"],
    ["{}", "there is no public key"],
    ["no json", "there is no public key"],
    [JSON.stringify({ curve25519_public_key: Buffer.alloc(31).toString("base64") }), "there is no public key"],
    [JSON.stringify({ curve25519_public_key: Buffer.alloc(32).toString("base64") }), "no secret can be shared"],
  ])("says what is wrong with a dh_path of %j", async (text, message) => {
    const dhPath = join(folder, "dh");
    if (text !== null) await fs.writeFile(dhPath, text);
    await expect(contentOf(sink({ dhType: "curve25519", dhPath }))).rejects.toThrow(`dh_path: ${message}`);
  });
});

describe("a wrapped sink", () => {
  it("gets what the token lies under, which can be unwrapped once", async () => {
    const wrapping = JSON.parse(await contentOf(sink({ wrapTtl: 90_000 })));
    expect(wrapping).toEqual({
      token: expect.stringMatching(/^s\./),
      accessor: expect.any(String),
      ttl: 90,
      creation_time: expect.stringMatching(/^20\d\d-/),
      creation_path: "sys/wrapping/wrap",
      wrapped_accessor: "",
    });
    const api = vaultApi(vault.address, wrapping.token);
    expect((await api.expect("PUT", "sys/wrapping/unwrap")).body.data).toEqual({ token: "s.root" });
    expect((await api.send("PUT", "sys/wrapping/unwrap")).status).toBe(400);
  });

  it("may be encrypted as well", async () => {
    const reader = createReader();
    const dhPath = join(folder, "dh");
    await fs.writeFile(dhPath, reader.published);
    const content = await contentOf(sink({ wrapTtl: 60_000, dhType: "curve25519", dhPath }));
    expect(JSON.parse(reader.open(content, { derived: false }))).toMatchObject({ ttl: 60 });
  });
});

describe("the write check at the start", () => {
  it("leaves nothing behind, and names a sink that cannot be written", async () => {
    await probeSinks([sink()], { files: fs, random: Math.random });
    expect(await fs.readdir(folder)).toEqual([]);
    const path = join(folder, "missing", "token");
    await expect(probeSinks([sink(), sink({ config: { path } })], { files: fs, random: Math.random })).rejects.toThrow(
      `error creating file sink: error during write check: ${path}: ENOENT`,
    );
  });
});

const binary = process.env.VAULT_BIN;
describe.skipIf(!binary)("beside the real agent (VAULT_BIN)", () => {
  it.each([true, false])("opens what the real agent has encrypted, with derive_key = %s", async (derived) => {
    const reader = createReader();
    const [path, dhPath, tokenFile] = ["token", "dh", "login"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    await fs.writeFile(dhPath, reader.published);
    await fs.writeFile(tokenFile, "s.root");
    const file = join(folder, "agent.hcl");
    await fs.writeFile(
      file,
      `exit_after_auth = true
auto_auth {
  method "token_file" { config = { token_file_path = "${tokenFile}" } }
  sink "file" {
    dh_type = "curve25519"
    dh_path = "${dhPath}"
    derive_key = ${derived}
    aad = "aad"
    config = { path = "${path}" }
  }
}
vault { address = "${vault.address}" }
`,
    );
    const agent = spawn(binary!, ["agent", `-config=${file}`], { env: { HOME: folder }, stdio: "ignore" });
    expect(await once(agent, "exit")).toEqual([0, null]);
    expect(reader.open(await fs.readFile(path, "utf8"), { derived, aad: "aad" })).toBe("s.root");
  });
});
