import { describe, expect, it } from "vitest";
import { compileTemplate } from "../../src/render/engine.ts";
import type { TemplateOptions } from "../../src/render/template.ts";
import { brainOf, hostOf, NOTHING_KNOWN, optionsOf } from "./fixture.ts";

const known = brainOf({
  reads: {
    "database/creds/pg-role":
      '{"lease_id": "l-1", "lease_duration": 60, "data": {"username": "u<1>", "password": "p&w"}}',
    "kv/app": '{"data": {"port": 0.50, "list": ["b", "a"], "on": true, "__proto__": "own"}}',
  },
  lists: { kv: '{"data": {"keys": ["b", "a"]}}' },
  writes: [{ path: "pki/issue/web", data: { common_name: "x" }, response: '{"data": {"certificate": "CERT"}}' }],
});

async function render(source: string, changes: Partial<TemplateOptions> = {}): Promise<string> {
  const template = await compileTemplate("handlebars", source, optionsOf(changes));
  return new TextDecoder().decode(template.execute(known, hostOf({ env: { HOME: "/root" } })).output);
}

describe("Handlebars", () => {
  const cases: Readonly<Record<string, readonly [string, string]>> = {
    "a secret, nothing escaped": [
      '{{#with (secret "database/creds/pg-role")}}username: {{Data.username}}\npassword: {{Data.password}}{{/with}}',
      "username: u<1>\npassword: p&w",
    ],
    "the names of Vault's JSON too": [
      '{{#with (secret "database/creds/pg-role")}}{{lease_id}} {{data.username}} {{lease_duration}}{{/with}}',
      "l-1 u<1> 60",
    ],
    "numbers as the server spelled them": ['{{#with (secret "kv/app")}}{{Data.port}}{{/with}}', "0.50"],
    "the helpers": [
      '{{toUpper "a"}} {{printf "%05d" 42}} {{env "HOME"}} {{base64Encode "x"}} {{add 1 2}} {{sprig_default "d" ""}}',
      "A 00042 /root eA== 3 d",
    ],
    "lists with their type": ['{{join "," (split "-" "a-b")}} {{#each (secrets "kv")}}{{this}};{{/each}}', "a,b a;b;"],
    "JSON of what was read": [
      '{{#with (secret "kv/app")}}{{toJSON Data.list}} {{toJSON Data.port}}{{/with}}',
      '["b","a"] 0.50',
    ],
    writes: ['{{#with (secret "pki/issue/web" "common_name=x")}}{{Data.certificate}}{{/with}}', "CERT"],
    conditions: ['{{#if (eq 1 1)}}y{{else}}n{{/if}}{{#if (and true (not false))}}y{{/if}}{{or "" "z"}}', "yyz"],
    "no prototypes": ['{{constructor}}{{toString.name}}[{{lookup this "__proto__"}}]', "[]"],
  };
  for (const [name, [source, expected]] of Object.entries(cases)) {
    it(name, async () => {
      expect(await render(source)).toBe(expected);
    });
  }

  it("collects what is missing instead of failing", async () => {
    const template = await compileTemplate(
      "handlebars",
      '{{#with (secret "kv/x")}}{{Data.a}}{{else}}waiting{{/with}}{{#each (secrets "y")}}{{/each}}',
      optionsOf(),
    );
    const { output, missing } = template.execute(NOTHING_KNOWN, hostOf());
    expect(new TextDecoder().decode(output)).toBe("waiting");
    expect(missing).toEqual([
      { kind: "read", path: "kv/x" },
      { kind: "list", path: "y" },
    ]);
  });

  const errors: Readonly<Record<string, readonly [string, RegExp, Partial<TemplateOptions>?]>> = {
    "a block without an end": ["{{#if 1}}", /^parse: template: : Parse error on line 1/],
    "a helper that fails, with its place": [
      '\n {{parseInt "x"}}',
      /^execute: template: :2:1: error calling parseInt: parseInt: strconv/,
    ],
    "too few arguments": ["{{toUpper}}", /wrong number of args/],
    "a partial that calls itself": ['{{#*inline "a"}}{{> a}}{{/inline}}{{> a}}', /^execute: /],
    "a helper that is denied": ['{{env "HOME"}}', /function is disabled/, { functionDenylist: ["env"] }],
    "a missing key, if asked": [
      '{{#with (secret "kv/app")}}{{Data.absent}}{{/with}}',
      /absent/,
      { errorOnMissingKey: true },
    ],
    "other delimiters": ["x", /no other delimiters/, { leftDelimiter: "[[", rightDelimiter: "]]" }],
  };
  for (const [name, [source, message, changes]] of Object.entries(errors)) {
    it(`refuses ${name}`, async () => {
      await expect(render(source, changes)).rejects.toThrow(message);
    });
  }
});
