import { describe, expect, it } from "vitest";
import { compileTemplate } from "../../src/render/engine.ts";
import { executeWhole } from "../../src/render/offline.ts";
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
  const { output } = await executeWhole(template, known, hostOf({ env: { HOME: "/root" } }));
  return new TextDecoder().decode(output);
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
    "times, durations and versions as what they are": [
      '{{sprig_date "2006" (sprig_dateModify "8784h" (sprig_toDate "2006-01-02" "2024-01-01"))}} {{lookup (sprig_semver "v1.2.3") "Minor"}} {{sprig_semver "1.2"}}',
      "2025 2 1.2.0",
    ],
    "a place for values, by the name of the method": [
      '{{scratch "MapSet" "m" "k" 1}}{{scratch "MapSetX" "m" "k" 2}}{{scratch "Set" "s" "v"}}{{toJSON (scratch "Get" "m")}} {{scratch "Get" "s"}} {{scratch "Key" "x"}}',
      '{"k":1} v false',
    ],
    "blocks, their data variables and parameters": [
      '{{#each (split "," "a,b") as |item i|}}{{@index}}{{i}}{{@first}}{{@last}}{{item}}{{#unless @last}};{{/unless}}{{else}}none{{/each}}|{{#each (sprig_dict "k" 1)}}{{@key}}={{this}}{{/each}}|{{#each (sprig_list)}}{{else}}none{{/each}}',
      "00truefalsea;11falsetrueb|k=1|none",
    ],
    "outer contexts": [
      '{{#with (sprig_dict "a" 1 "in" (sprig_dict "b" 2))}}{{#with (lookup this "in")}}{{b}}{{../a}}{{/with}}{{/with}}',
      "21",
    ],
    "numbers beside each other": ["{{add 1 2}}{{{add 3 4}}}{{#each (loop 2)}}{{@index}}{{this}}{{/each}}", "370011"],
    "zero and empty as false, unless zero is asked for": [
      '{{#if (sprig_int 0)}}y{{else}}n{{/if}}{{#if (sprig_int 0) includeZero=true}}y{{else}}n{{/if}}{{#if ""}}y{{else}}n{{/if}}{{#if (sprig_list)}}y{{else}}n{{/if}}',
      "nynn",
    ],
    "partials with a context and with parameters": [
      '{{#*inline "p"}}<{{this.a}}{{b}}>{{/inline}}{{> p (sprig_dict "a" 1) b=2}}',
      "<12>",
    ],
    "a key with the name of a helper": [
      '{{#with (sprig_dict "env" "prod")}}{{this.env}}{{./env}}{{/with}}',
      "prodprod",
    ],
    "keys that are no names": ['{{#with (sprig_dict "a-b.c" "x")}}{{[a-b.c]}}{{lookup this "a-b.c"}}{{/with}}', "xx"],
    "raw blocks, comments and escapes": ["\\{{a}}{{!-- }} --}}{{! b }}|", "{{a}}|"],
    "a thousand blocks, none inside of another": [
      "{{#if true}}a{{else if 1}}b{{/if}}{{^x}}c{{/x}}{{! {{#if }}{{!-- {{#if --}}".repeat(1000),
      "ac".repeat(1000),
    ],
    "four hundred blocks inside of each other": [
      `${"{{#if true}}".repeat(400)}{{print "((("}}${"{{/if}}".repeat(400)}`,
      "(((",
    ],
    "white space": ["a\n  {{~#if true~}}  b  {{~/if~}}  \nc", "abc"],
    "integers that would lose digits": [
      '{{parseInt "9007199254740993"}} {{add 1 (parseInt "9007199254740993")}}',
      "9007199254740993 9007199254740994",
    ],
    "programs and further files": [
      '{{plugin "/bin/echo" "a" 1}}{{writeToFile "/x" "" "" "0600" "c"}}',
      "/bin/echo a 1",
    ],
    "no prototypes": [
      '{{constructor}}{{toString.name}}[{{lookup this "__proto__"}}{{lookup (lookup this "constructor") "constructor"}}{{#with (secret "kv/app")}}{{constructor}}{{Data.constructor.name}}{{lookup Data "hasOwnProperty"}}{{/with}}{{lookup (split "," "a") "map"}}{{lookup "text" "at"}}]',
      "[]",
    ],
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
    "a block without an end": [
      "a\n{{#if 1}}",
      /^parse: template: :2: parse error at "a\{\{#if 1}}": Expecting .*, got EOF$/,
    ],
    "a helper that fails, with its place": [
      '\n {{parseInt "x"}}',
      /^execute: template: :2:1: error calling parseInt: parseInt: strconv/,
    ],
    "too few arguments": ["{{toUpper}}", /wrong number of args/],
    "ten thousand blocks": [
      `a\n${"{{#if 1}}".repeat(10_000)}`,
      /^parse: template: :2: blocks nested more than 500 deep$/,
    ],
    "ten thousand parentheses": [
      `{{print ${"(print ".repeat(10_000)}1${")".repeat(10_000)}}}`,
      /^parse: template: :1: parentheses nested more than 500 deep$/,
    ],
    "ten thousand else ifs": [`{{#if 0}}${"{{else if 0}}".repeat(10_000)}{{/if}}`, /^parse: .*nested more than/],
    "a hundred thousand open braces": ["{{".repeat(100_000), /^parse: template: :1/],
    "a partial that calls itself": ['{{#*inline "a"}}{{> a}}{{/inline}}{{> a}}', /maximum template depth/],
    "partials that call themselves twice": [
      '{{#*inline "a"}}{{#if this}}{{> a (sprig_rest this)}}{{> a (sprig_rest this)}}{{/if}}{{/inline}}{{> a (sprig_until 100)}}',
      /more than \d+ steps/,
    ],
    "loops inside of loops": [
      `{{#each (sprig_until 1000)}}{{#each (sprig_until 1000)}}{{#each (sprig_until 1000)}}x{{/each}}{{/each}}{{/each}}`,
      /^execute: template: :1:\d+: more than \d+ steps/,
    ],
    "an unknown partial, with its place": ["a\n{{> nope}}", /^execute: template: .*nope/],
    "an unknown helper": ["{{nope 1}}", /^execute: template: .*Missing helper: "nope"/],
    "a method that scratch has not": [
      '{{scratch "Delete" "k"}}',
      /:1:0: error calling scratch: there are Key, Get, Set/,
    ],
    "a value that calls": ["{{call 1}}", /Missing helper: "call"/],
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

describe("what Handlebars would pass by in silence is an error with its place", () => {
  it.each([
    [
      '{{#secret "kv/app"}}x{{/secret}}',
      "t:1:0: error calling secret: it is no block; {{#if (secret …)}}, {{#with (…)}} and {{#each (…)}} are",
    ],
    ['{{toUpper "a" x=1}}', 't:1:0: error calling toUpper: no argument has a name; as a text it is "x=…"'],
    ['{{nope "a"}}', 't:1:0: Missing helper: "nope"'],
    ['{{log "a"}}', 't:1:0: Missing helper: "log"'],
    ['a {{if "a"}}', 't:1:2: "if" is a block: {{#if …}}…{{/if}}'],
    ["{{#with}}x{{/with}}", "t:1:0: wrong number of args for with: want 1 got 0"],
  ])("%s", async (source, message) => {
    await expect(render(source, { name: "t" })).rejects.toThrow(`execute: template: ${message}`);
  });

  it("but a value that is null is passed over as such", async () => {
    expect(await render('{{#each (sprig_dict "a" null "b" 1)}}[{{@key}}={{this}}]{{/each}}')).toBe("[a=][b=1]");
  });

  it("and a number beyond JavaScript's integers keeps its kind", async () => {
    expect(await render('{{printf "%v" (parseFloat "1e21")}}')).toBe("1e+21");
  });
});
