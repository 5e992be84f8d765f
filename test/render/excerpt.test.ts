/** Where in a template an error lies. */
import { describe, expect, it } from "vitest";
import { describeAtLength } from "../../src/errors.ts";
import { compileTemplate } from "../../src/render/engine.ts";
import { drawing, excerptOf, placeInWords } from "../../src/render/excerpt.ts";
import { redacting } from "../../src/render/redact.ts";
import { brainOf, hostOf, NOTHING_KNOWN, optionsOf } from "./fixture.ts";

async function failure(engine: "go" | "handlebars", text: string): Promise<string> {
  try {
    const template = await compileTemplate(engine, text, optionsOf({ name: "t" }));
    template.execute(NOTHING_KNOWN, hostOf());
    return "none";
  } catch (error) {
    return describeAtLength(error);
  }
}

describe("an error shows its line and an arrow to the place", () => {
  const cases: Readonly<Record<string, readonly ["go" | "handlebars", string, readonly string[]]>> = {
    "a character that does not belong": [
      "go",
      "a\nuser: {{ .Data.user } }}\nb",
      [
        'parse: template: t:2: unexpected "}" in operand',
        "  2 | user: {{ .Data.user } }}",
        "    |                     ^",
      ],
    ],
    "an end that is missing": [
      "go",
      "{{ if true }}\nx",
      ["parse: template: t:2: unexpected EOF", "  2 | x", "    |  ^"],
    ],
    "a text that is not closed": [
      "go",
      '{{ printf "abc }}',
      ["parse: template: t:1: unterminated quoted string", '  1 | {{ printf "abc }}', "    |           ^"],
    ],
    "a function that fails, behind a tab and an umlaut": [
      "go",
      '\tü {{ parseInt "z" }}',
      [
        'execute: template: t:1:7: executing "t" at <parseInt "z">: error calling parseInt: parseInt: strconv.ParseInt: parsing "z": invalid syntax',
        '  1 |  ü {{ parseInt "z" }}',
        "    |       ^",
      ],
    ],
    "Handlebars' own, which joins lines": [
      "handlebars",
      "{{#if 1}}\n{{a",
      [
        'parse: template: t:2: parse error at "{{#if 1}}{{a": Expecting ID, STRING, NUMBER, BOOLEAN, UNDEFINED, NULL, DATA, got INVALID',
        "  2 | {{#if 1}}{{a",
        "    |            ^",
      ],
    ],
  };
  for (const [name, [engine, text, lines]] of Object.entries(cases)) {
    it(name, async () => {
      expect(await failure(engine, text)).toBe(lines.join("\n"));
    });
  }

  it("cuts a long line on both sides", () => {
    const [line = "", arrow = ""] = drawing(excerptOf(`${"x".repeat(200)}{{ }}${"y".repeat(100)}`, 200)).split("\n");
    expect(line).toMatch(/^ {2}1 \| …x{50}\{\{ \}\}y{25}…$/);
    expect(line.slice(arrow.indexOf("^"))).toMatch(/^\{\{/);
  });

  it.each([
    ["{{ .a }", 7, 'line 1, behind "{{ .a }"'],
    ["x\n{{ .a } }}", 8, 'line 2, behind "{{ .a"'],
    ["{{", 0, 'line 1, before "{{"'],
    [`{{ "ü" }}${"x".repeat(100)}`, 6, 'line 1, behind "{{ \\"ü\\""'],
  ])("is said in one line where there is but one: %j at %i", (text, at, words) => {
    expect(placeInWords(excerptOf(text, at))).toBe(words);
  });

  it("shows no secret that the template was given", async () => {
    const brain = brainOf({ reads: { "kv/a": '{"data": {"p": "hunter22"}}' }, lists: {}, writes: [] });
    const source = '{{ with secret "kv/a" }}{{ .Data.p }}{{ parseInt "hunter22" }}{{ end }}';
    const template = redacting(await compileTemplate("go", source, optionsOf()));
    let shown = "";
    try {
      template.execute(brain, hostOf());
    } catch (error) {
      shown = describeAtLength(error);
    }
    expect(shown).toContain("[redacted]");
    expect(shown).not.toContain("hunter22");
  });

  it("nor a part of one that the cut of a long line goes through, and points to the place behind it", async () => {
    const brain = brainOf({ reads: { "kv/a": '{"data": {"p": "hunter22"}}' }, lists: {}, writes: [] });
    const source = `{{ with secret "kv/a" }}{{ end }}hunter22${" ".repeat(46)}{{ parseInt "x" }}`;
    const template = redacting(await compileTemplate("go", source, optionsOf()));
    let error: unknown;
    try {
      template.execute(brain, hostOf());
    } catch (caught) {
      error = caught;
    }
    const [line = "", arrow = ""] = describeAtLength(error).split("\n").slice(1);
    expect(line).not.toContain("er22");
    expect(line.slice(arrow.indexOf("^"))).toBe('parseInt "x" }}');
  });
});

describe("a partial of Handlebars says where it is asked for", () => {
  it("when it is unknown", async () => {
    expect(await failure("handlebars", "a\n {{> nope}}")).toBe(
      "execute: template: t:2:1: The partial nope could not be found",
    );
  });

  it("when it calls itself", async () => {
    expect(await failure("handlebars", '{{#*inline "a"}}\n  {{> a}}{{/inline}}{{> a}}')).toBe(
      "execute: template: t:2:2: exceeded maximum template depth (250)",
    );
  });

  it("and takes the block instead where there is one", async () => {
    expect(await failure("handlebars", "{{#> nope}}b{{/nope}}")).toBe("none");
  });
});
