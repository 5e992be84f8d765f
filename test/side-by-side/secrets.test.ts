/** Secrets of every kind, as templates ask for them: what both agents write of the same server. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { onBothSides, type Running, type Side, startWorld, type World } from "./world.ts";

/** The emulated server has neither custom metadata nor static roles. */
const IS_REAL = process.env.VAULT_BIN !== undefined;

let world: World;

beforeAll(async () => {
  world = await startWorld();
  const { expect: ask } = world.root;
  await ask("PUT", "sys/policies/acl/app", {
    policy: ["database/*", "secret/*", "deep/*", "flat/*", "pki/*"]
      .map((path) => `path "${path}" { capabilities = ["create", "read", "update", "list"] }\n`)
      .join(""),
  });
  await ask("POST", "sys/mounts/deep/er/kv", { type: "kv", options: { version: "2" } });
  await ask("POST", "sys/mounts/flat/kv", { type: "kv", options: { version: "1" } });
  for (const value of ["one", "two"]) await ask("POST", "deep/er/kv/data/app", { data: { value } });
  if (IS_REAL) await ask("POST", "deep/er/kv/metadata/app", { custom_metadata: { owner: "team" } });
  await ask("POST", "deep/er/kv/data/gone", { data: { value: "gone" } });
  await ask("DELETE", "deep/er/kv/data/gone");
  await ask("POST", "flat/kv/app", { value: "flat", number: 12.5 });
  await ask("POST", "flat/kv/folder/one", { value: "1" });
  if (IS_REAL) {
    // A dynamic role's statements make the user that the static one is for.
    const creation_statements = `CREATE ROLE "fixed" WITH LOGIN PASSWORD '{{password}}'; CREATE ROLE "{{name}}";`;
    await ask("POST", "database/roles/maker", { db_name: "app", creation_statements });
    await ask("GET", "database/creds/maker");
    await ask("POST", "database/static-roles/fixed", { db_name: "app", username: "fixed", rotation_period: "1h" });
  }
  await ask("POST", "sys/mounts/pki", { type: "pki" });
  await ask("POST", "pki/root/generate/internal", { common_name: "root" });
  await ask("POST", "pki/roles/app", { allow_any_name: true, ttl: "1h", max_ttl: "2h" });
}, 120_000);

afterAll(() => world.stop());

/** What an init container writes of these templates, by their names. */
async function written(side: Side, templates: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const agent = await world.start(
    side,
    ({ folder, login }) =>
      login() +
      Object.entries(templates)
        .map(([name, text]) => `template {\n destination = "${folder}/${name}"\n contents = <<EOT\n${text}\nEOT\n}\n`)
        .join(""),
    ["-exit-after-auth"],
  );
  expect(await agent.ended).toEqual({ code: 0, signal: null });
  return files(agent, Object.keys(templates));
}

async function files({ folder }: Running, names: readonly string[]): Promise<Record<string, string>> {
  const texts = names.map(async (name) => [name, (await readFile(join(folder, name), "utf8")).trim()] as const);
  return Object.fromEntries(await Promise.all(texts));
}

onBothSides("a secret", (side) => {
  it("of KV, whichever version its mount has and wherever that is", async () => {
    const found = await written(side, {
      short: '{{ with secret "deep/er/kv/app" }}{{ .Data.data.value }} {{ .Data.metadata.version }}{{ end }}',
      long: '{{ with secret "deep/er/kv/data/app" }}{{ .Data.data.value }} {{ .Data.metadata.custom_metadata }}{{ end }}',
      version: '{{ with secret "deep/er/kv/app?version=1" }}{{ .Data.data.value }}{{ end }}',
      one: '{{ with secret "flat/kv/app" }}{{ .Data.value }} {{ .Data.number }}{{ end }}',
    });
    expect(found).toEqual({
      short: "two 2",
      long: `two ${IS_REAL ? "map[owner:team]" : "<no value>"}`,
      version: "one",
      one: "flat 12.5",
    });
  });

  it("that is a list", async () => {
    const found = await written(side, {
      two: '{{ range secrets "deep/er/kv/" }}{{ . }} {{ end }}',
      one: '{{ range secrets "flat/kv" }}{{ . }} {{ end }}',
    });
    expect(found).toEqual({ two: "app gone", one: "app folder/" });
  });

  it("that is written, with arguments", async () => {
    const found = await written(side, {
      issued:
        '{{ with secret "pki/issue/app" "common_name=one.test" "ttl=30m" }}{{ .Data.certificate }}{{ .Data.private_key }}{{ end }}',
    });
    expect(found.issued).toMatch(/^-----BEGIN CERTIFICATE-----.*-----BEGIN (RSA |EC )?PRIVATE KEY-----/s);
  });

  it("that is a certificate", async () => {
    const found = await written(side, {
      pem: '{{ with pkiCert "pki/issue/app" "common_name=two.test" "ttl=30m" }}{{ .Cert }}{{ .Key }}{{ .CA }}{{ end }}',
    });
    expect(found.pem?.match(/-----BEGIN [A-Z ]+-----/g)?.length).toBe(3);
  });

  it.runIf(IS_REAL)("of a static role", async () => {
    const found = await written(side, {
      fixed:
        '{{ with secret "database/static-creds/fixed" }}{{ .Data.username }} {{ .Data.rotation_period }} {{ len .Data.password }}{{ end }}',
    });
    expect(found.fixed).toBe("fixed 3600 20");
  });

  it("of a database, one for all templates that ask for it", async () => {
    const user = '{{ with secret "database/creds/app" }}{{ .Data.username }}{{ end }}';
    const found = await written(side, { one: user, two: user });
    expect(found.one).toMatch(/^v-/);
    expect(found.two).toBe(found.one);
  });
});
