/** docs/webhook.md says what an injection takes: every annotation of lessee's and every setting, and no other. */
import files from "node:fs/promises";
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { runInject } from "../../src/cli/inject.ts";
import { WEBHOOK_FLAGS } from "../../src/cli/webhook.ts";
import { OWN_KEYS } from "../../src/inject/own-annotations.ts";
import { SETTINGS } from "../../src/inject/settings.ts";
import type { World } from "../../src/ports.ts";
import { codes, examples, page, rows } from "./markdown.ts";

const reference = page("docs/webhook.md");

it("the annotations in docs/webhook.md are those that the code knows", () => {
  const documented = rows(reference, /^## Annotations of lessee$/).flatMap(([names]) => codes(names));
  expect(documented.filter((name) => name.startsWith("lessee/")).sort()).toEqual(
    OWN_KEYS.map((key) => `lessee/${key}`).sort(),
  );
});

it("the settings in docs/webhook.md are those that the code knows, with their variables and defaults", () => {
  const table = rows(reference, /^## Settings$/).slice(1);
  expect(table.map(([flag, variable]) => [codes(flag)[0], codes(variable)[0]])).toEqual(
    SETTINGS.map(({ flag, env }) => [`-${flag}`, env]),
  );
  for (const { flag, default: value } of SETTINGS) {
    const said = table.find(([name]) => name === `\`-${flag}\``)?.[2] ?? "";
    if (value !== "") expect(codes(said)[0], flag).toBe(value);
  }
});

it("the flags in docs/webhook.md are those of lessee webhook, with their variables and defaults", () => {
  const table = rows(reference, /^## The webhook$/).slice(1);
  const own = WEBHOOK_FLAGS.filter(({ group }) => group === "Webhook");
  expect(table.map(([flag, variable]) => [codes(flag)[0], codes(variable)[0]])).toEqual(
    own.map(({ name, env }) => [`-${name}`, env]),
  );
  for (const { name, default: value } of own) {
    const said = table.find(([flag]) => flag === `\`-${name}\``)?.[2] ?? "";
    if (value !== undefined) expect(codes(said)[0], name).toBe(value);
  }
});

it("every key of a credential and of its databases has an annotation", () => {
  const configuration = page("docs/configuration.md");
  const keys = ["credential", "credential.postgres"].flatMap((block) =>
    rows(configuration, new RegExp(`^### Block: \`${block.replace(".", "\\.")}\`$`)).flatMap(([names]) => codes(names)),
  );
  const kebab = keys.map((key) => key.replaceAll("_", "-")).filter((key) => !["postgres", "notify"].includes(key));
  const known = [...OWN_KEYS, ...OWN_KEYS.map((key) => key.replace("postgres-", ""))];
  expect(kebab.length).toBeGreaterThan(12);
  expect(kebab.filter((key) => !known.includes(key))).toEqual([]);
});

describe("what README says of a cluster works as it stands there:", () => {
  const readme = page("README.md");

  it("the image that is built is the one that the chart asks for", () => {
    const { version } = JSON.parse(page("package.json").text) as { readonly version: string };
    expect(readme.text).toContain(`docker build -t registry.example/lessee:${version} .`);
    expect(readme.text).toContain("--set image.repository=registry.example/lessee ");
  });

  it("the annotations make a pod with lessee, which knows the connections' lifetime and asks Postgres", async () => {
    const [metadata = ""] = examples(readme, "yaml").map(({ code }) => code);
    const pod = `apiVersion: v1\nkind: Pod\n${metadata}spec:\n  containers: [{ name: tsb, image: tsb }]\n`;
    const said: string[] = [];
    const output = { write: (text: string) => said.push(text) > 0 };
    const world = { files, env: {}, stdin: Readable.from([Buffer.from(pod)]), stdout: output, stderr: output };
    const flags = [
      "-f",
      "-",
      "-vault-image=registry.example/lessee:0.1.0",
      "-vault-address=https://vault.tcc.svc:8200",
    ];
    expect(await runInject(flags, world as unknown as World)).toBe(0);
    const { spec } = parse(said.join("")) as { spec: { initContainers: object[]; containers: Container[] } };
    const { env, image } = spec.containers.find(({ name }) => name === "vault-agent")!;
    expect([spec.initContainers.length, image]).toEqual([1, "registry.example/lessee:0.1.0"]);
    const configuration = env.find(({ name }) => name === "VAULT_CONFIG")?.value ?? "";
    expect(Buffer.from(configuration, "base64").toString()).toMatch(/connection_max_lifetime[\s\S]*connection_url/);
  });
});

interface Container {
  readonly name: string;
  readonly image: string;
  readonly env: readonly { readonly name: string; readonly value?: string }[];
}
