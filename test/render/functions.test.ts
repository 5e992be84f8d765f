/** Functions in places that the golden corpus does not reach; the values were taken from the real tools. */
import { describe, expect, it } from "vitest";
import { functionsExcept } from "../../src/render/functions/catalogue.ts";
import { refusal } from "../../src/render/functions/refusal.ts";
import { BUILTINS } from "../../src/render/go/builtins.ts";
import { compileGoTemplate } from "../../src/render/go/engine.ts";
import { sprintf } from "../../src/render/go/printf.ts";
import { hostOf, NOTHING_KNOWN, optionsOf } from "./fixture.ts";
import { CONSUL_TEMPLATE, GO, SPRIG } from "./known-functions.ts";

const render = (text: string) =>
  new TextDecoder().decode(compileGoTemplate(text, optionsOf()).execute(NOTHING_KNOWN, hostOf()).output);

describe("printf of a float in base two and sixteen", () => {
  it.each([
    ["%x", 0.1, "0x1.999999999999ap-04"],
    ["%X", -1.5, "-0X1.8P+00"],
    ["%.3x", 255.9999, "0x1.000p+08"],
    ["%.0x", 1.5, "0x1p+01"],
    ["%x", 5e-324, "0x1p-1074"],
    ["%x", 0, "0x0p+00"],
    ["%x", 1e300, "0x1.7e43c8800759cp+996"],
    ["%b", 1, "4503599627370496p-52"],
    ["%012x", 1, "000000x1p+00"],
  ])("%s of %d", (format, value, text) => expect(sprintf(format, [value])).toBe(text));
});

describe("merging maps", () => {
  const maps = (a: string, b: string) =>
    `{{ $a := parseJSON ${JSON.stringify(a)} }}{{ $b := parseJSON ${JSON.stringify(b)} }}`;

  it.each([
    ["mergeMap", '{"a":1,"e":""}', '{"a":2,"e":"x","n":null,"z":""}', '{"a":1,"e":"x","z":""}'],
    ["mergeMapWithOverride", '{"a":1,"m":{"x":1}}', '{"a":"","m":{"y":2}}', '{"a":"","m":{"x":1,"y":2}}'],
    ["mergeMapWithOverride", '{"a":1,"l":[1]}', '{"a":null,"l":[2,3]}', '{"a":null,"l":[2,3]}'],
    ["sprig_merge", '{"a":{"x":0}}', '{"a":{"x":1}}', '{"a":{"x":1}}'],
    ["sprig_mergeOverwrite", '{"a":1}', '{"a":{"x":1}}', '{"a":{"x":1}}'],
  ])("%s of %s and %s", (name, a, b, merged) => {
    expect(render(`${maps(a, b)}{{ ${name} $a $b | toJSON }}`)).toBe(merged);
    expect(render(`${maps(a, b)}{{ $_ := ${name} $a $b }}{{ toJSON $a }}`), "in the first map itself").toBe(merged);
  });
});

describe("Sprig as the real one has it", () => {
  it.each([
    ['sprig_wrapWith 1 "abc" "/a/b"', "/abcaabc/abcb"],
    ['sprig_wrapWith 5 "/" "one two sixteen"', "one/two/sixte/en"],
    ['sprig_wrap 3 " "', " "],
    ['sprig_regexFindAll "x" "a" -1 | toJSON', "null"],
    ['sprig_get (sprig_urlParse "Hello World") "path"', "Hello World"],
    ["sprig_duration 90", "0s"],
    ['sprig_duration "90"', "1m30s"],
    ['sprig_b64dec "y"', "illegal base64 data at input byte 0"],
    ["sprig_floor (sprig_biggest 1e21 0)", "0"],
    ["sprig_mul 1 1e21", "-9223372036854775808"],
  ])("%s", (call, text) => expect(render(`{{ ${call} }}`)).toBe(text));

  it.each([
    ["sprig_divf 1 0", "decimal division by 0"],
    ['sprig_substr 7 7 "2h"', "slice bounds out of range \\[7:2\\]"],
  ])("%s fails", (call, message) => expect(() => render(`{{ ${call} }}`)).toThrow(new RegExp(message)));
});

describe("every function of the real tools", () => {
  const ours = new Set([...BUILTINS.keys(), ...functionsExcept([]).keys()]);
  const theirs = [...CONSUL_TEMPLATE, ...GO, ...SPRIG.map((name) => `sprig_${name}`)];

  it("is there, or is refused with its reason", () => {
    expect(theirs.length).toBeGreaterThan(300);
    const unexplained = theirs.filter((name) => !ours.has(name) && !/: .{20}/.test(refusal(name)));
    expect(unexplained).toEqual([]);
  });

  it("is there unless it asks Consul, Nomad or the machine's interfaces", () => {
    const absent = theirs.filter((name) => !ours.has(name) && !/reads from (?:Consul|Nomad)/.test(refusal(name)));
    expect(absent).toEqual(["sockaddr"]);
  });
});

describe("functions that reach out of the template", () => {
  it.each(["sockaddr"])("%s is refused with a reason", (name) => {
    expect(() => render(`{{ ${name} "x" }}`)).toThrow(new RegExp(`function "${name}" not defined: .{20}`));
  });
});
