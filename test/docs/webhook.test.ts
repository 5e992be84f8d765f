/** docs/webhook.md says what an injection takes: every annotation of lessee's and every setting, and no other. */
import { expect, it } from "vitest";
import { WEBHOOK_FLAGS } from "../../src/cli/webhook.ts";
import { OWN_KEYS } from "../../src/inject/own-annotations.ts";
import { SETTINGS } from "../../src/inject/settings.ts";
import { codes, page, rows } from "./markdown.ts";

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
