import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { vaultApi } from "../../dev/vault/client.ts";
import { type EmulatedVault, startEmulatedVault } from "../../dev/vault/emulated-vault.ts";
import { runGenerateConfig } from "../../src/cli/generate-config.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { World } from "../../src/ports.ts";
import { createSystemClock } from "../../src/system/clock.ts";

let vault: EmulatedVault;
let home = "";
beforeAll(async () => {
  vault = await startEmulatedVault({ rootToken: "s.root" });
  const api = vaultApi(vault.address, "s.root");
  await api.expect("POST", "sys/mounts/old", { type: "kv" });
  await api.expect("POST", "old/app/db-main", { "user-name": "u", password: "p" });
  await api.expect("POST", "secret/data/app/web", { data: { port: 80 } });
  await api.expect("POST", "secret/data/app/deep/er", { data: { key: "k", cert: "c" } });
});
afterAll(() => vault.stop());
beforeEach(async () => {
  home = await fs.mkdtemp(join(tmpdir(), "generate-"));
  await fs.writeFile(join(home, ".vault-token"), "s.root");
});
afterEach(() => fs.rm(home, { recursive: true }));

async function run(args: readonly string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const world: Partial<World> = {
    clock: createSystemClock(Date.now, () => performance.now()),
    env: { HOME: home, VAULT_ADDR: vault.address },
    files: fs,
    stdout: { write: (text) => out.push(String(text)) },
    stderr: { write: (text) => err.push(text) },
  };
  const code = await runGenerateConfig(args, world as World);
  return { code, out: out.join(""), err: err.join("") };
}

describe("lessee agent generate-config", () => {
  it("writes a configuration that lessee itself can read, with a variable for each field", async () => {
    const file = join(home, "agent.hcl");
    const args = ["-type=env-template", "-path=old/app/db-main", "-path=secret/app/*", "-exec=./app  --flag", file];
    expect(await run(args)).toEqual({
      code: 0,
      out: `Successfully generated "${file}" configuration file!\n`,
      err: "Warning: it logs in with a token file, which is not meant for production.\n",
    });
    const flags = { values: new Map(), positional: [] };
    const { config, warnings } = await loadConfig({ paths: [file], files: fs, env: {}, flags });
    expect(warnings).toEqual([]);
    expect(config).toMatchObject({
      autoAuth: { method: { type: "token_file", config: { token_file_path: join(home, ".vault-token") } } },
      vault: { address: vault.address },
      exec: { command: ["./app", "--flag"] },
      templateConfig: { exitOnRetryFailure: true },
    });
    expect(Object.fromEntries(config.envTemplates.map(({ name, contents }) => [name, contents]))).toEqual({
      DB_MAIN_PASSWORD: '{{ with secret "old/app/db-main" }}{{ .Data.password }}{{ end }}',
      DB_MAIN_USER_NAME: '{{ with secret "old/app/db-main" }}{{ index .Data "user-name" }}{{ end }}',
      ER_CERT: '{{ with secret "secret/data/app/deep/er" }}{{ .Data.data.cert }}{{ end }}',
      ER_KEY: '{{ with secret "secret/data/app/deep/er" }}{{ .Data.data.key }}{{ end }}',
      WEB_PORT: '{{ with secret "secret/data/app/web" }}{{ .Data.data.port }}{{ end }}',
    });
  });

  it.each([
    [[], 1, "Please specify a -type flag"],
    [["-type=x"], 1, '"x" is not a supported configuration type'],
    [["-type=env-template", "a", "b"], 1, "Too many arguments (expected at most 1, got 2)"],
    [["-type=env-template", "-path=old/absent"], 2, "Error: there is no secret at old/absent"],
    [["-type=env-template", "-path=old/*/x"], 2, "only as its last element"],
    [["-type=env-template", "-path=secret/app/web", "-path=secret/data/app/web"], 2, "the variable WEB_PORT"],
    [["-type=env-template", "/nowhere/agent.hcl"], 3, 'Could not create configuration file "/nowhere/agent.hcl"'],
  ])("refuses %j with %i", async (args, code, message) => {
    expect(await run(args)).toMatchObject({ code, out: "", err: expect.stringContaining(message) });
  });
});

const binary = process.env.VAULT_BIN;
describe.skipIf(!binary)("beside the real one (VAULT_BIN)", () => {
  it("writes the same but for empty lines", async () => {
    const args = ["-type=env-template", "-path=secret/app/web", "-path=secret/app/deep/er", "-exec=./app --flag"];
    const [ours, theirs] = [join(home, "ours.hcl"), join(home, "theirs.hcl")];
    expect(await run([...args, ours])).toMatchObject({ code: 0 });
    const env = { HOME: home, VAULT_ADDR: vault.address, VAULT_TOKEN: "s.root" };
    const real = spawn(binary!, ["agent", "generate-config", ...args, theirs], { env, stdio: "ignore" });
    expect(await once(real, "exit")).toEqual([0, null]);
    const lines = async (file: string) => (await fs.readFile(file, "utf8")).split("\n").filter((line) => line !== "");
    expect(await lines(ours)).toEqual(await lines(theirs));
  });
});
