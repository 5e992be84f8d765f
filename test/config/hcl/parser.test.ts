import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Item, MAX_DEPTH, type ObjectValue, SyntaxFault, type Value } from "../../../src/config/hcl/ast.ts";
import { parseDocument } from "../../../src/config/hcl/document.ts";

describe("HCL", () => {
  it.each([
    ["comments of every kind", '# a\n// b { \n/* c \n " */ x = 1 # d', { x: "1" }],
    ["labels, quoted or not", 'a "b" c { d = 1 }', { "a b c": { d: "1" } }],
    ["an object with an equals sign", "a = { b = { c = 1, d = 2 } }", { a: { b: { c: "1", d: "2" } } }],
    ["lists, with a comma at the end or not", 'a = [1, "b", true,]\nb = []', { a: ["1", "b", true], b: [] }],
    ["lists of lists and objects", "a = [[1], { b = 2 }]", { a: [["1"], { b: "2" }] }],
    ["numbers of every kind", "a = -5\nb = 0x1F\nc = 0640\nd = 1.5e-3\ne = .5", numbers()],
    ["commas between items", 'a = "x",\nb = 1, c = 2', { a: "x", b: "1", c: "2" }],
    ["keys with dots, dashes and other alphabets", "a.b-c_d = 1\nétat = 2", { "a.b-c_d": "1", état: "2" }],
    ["a key in quotes", '"a b" = 1', { "a b": "1" }],
    ["nothing", " \n\t", {}],
  ])("reads %s", (_, text, expected) => {
    expect(hcl(text)).toEqual(expected);
  });

  it.each([
    ["escapes", String.raw`"a\tb\n\"c\" \\ \u00e9\x41\101\U0001F680"`, 'a\tb\n"c" \\ éAA🚀'],
    ["a surrogate pair", String.raw`"\ud83d\ude80"`, "🚀"],
    ["an interpolation, as it is", '"a \x24{ f("x", { y }) } \\n"', 'a \x24{ f("x", { y }) } \n'],
    ["an interpolation of several lines", '"\x24{\n a\n}"', "\x24{\n a\n}"],
    ["template braces", '"{{ with secret \\"x\\" }}"', '{{ with secret "x" }}'],
    ["a heredoc", "<<EOT\na\n  b\nEOT\n", "a\n  b\n"],
    ["a heredoc whose word stands in its text", "<<EOT\nEOT2\n EOT x\nEOT\n", "EOT2\n EOT x\n"],
    ["an indented heredoc", "<<-EOT\n    a\n      b\n    EOT\n", "a\n  b\n"],
    ["an indented heredoc with a line further left, which keeps all", "<<-EOT\n    a\n  b\n    EOT\n", "    a\n  b\n"],
    ["an empty heredoc", "<<EOT\nEOT\n", ""],
    ["CRLF as a newline", "<<EOT\r\na\r\nEOT\r\n", "a\n"],
  ])("understands %s in a string", (_, literal, expected) => {
    expect(hcl(`x = ${literal}`)).toEqual({ x: expected });
  });

  it.each([
    ["x = ", 1, "Unknown token: 1:5 EOF"],
    ["x", 1, "key 'x' expected start of object ('{') or assignment ('=')"],
    ['x {\n y "z"\n}', 2, `key 'y "z"' expected start of object ('{') or assignment ('=')`],
    ["= 1", 1, "no object keys found!"],
    ["a {\n b {\n }\n", 4, "object expected closing RBRACE got: EOF"],
    ["a { } }", 1, "expected: IDENT | STRING | ASSIGN | LBRACE got: RBRACE"],
    ["\n\na b = 1", 3, "nested object expected: LBRACE got: ASSIGN"],
    ["a = [1 2]", 1, "error parsing list, expected comma or list end, got: INTEGER"],
    ["a = [1", 1, "error parsing list, expected comma or list end, got: EOF"],
    ["a = 089", 1, "illegal octal number"],
    ["\na = 'b'", 2, "illegal char"],
    ['a = "b', 1, "literal not terminated"],
    ['a = "b\n"', 1, "literal not terminated"],
    ['a = "\x24{ b"', 1, "literal not terminated"],
    [String.raw`a = "\q"`, 1, "illegal char escape"],
    [String.raw`a = "\ud83d"`, 1, "illegal char escape"],
    ["a = <<EOT\nb", 1, "heredoc not terminated"],
    ["a = <<EOT\nb\nEOT", 1, "heredoc not terminated"],
    ["a = <<EOT b\nEOT\n", 1, "invalid characters in heredoc anchor"],
    ["a = <<\nb\n\n", 1, "zero-length heredoc anchor"],
    ["a = 1\n/* b", 2, "comment not terminated"],
    ["\n# \0", 2, "unexpected null character (0x00)"],
    ['{"a": "\0"}', 1, "unexpected null character (0x00)"],
    ["\ufeffa = 1", 1, "illegal char"],
    ['\ufeff{"a": 1}', 1, "illegal char"],
  ])("refuses %j at line %i", (text, line, message) => {
    const fault = faultOf(text);
    expect(fault.message).toContain(message);
    expect(fault.position.line).toBe(line);
  });

  it("tells where the block that is not closed was opened", () => {
    expect(faultOf("a {\n b {\n c = 1\n").hint).toBe("the block was opened in line 2");
  });

  it("gives every node its place", () => {
    const root = parseDocument(bytes('\n  a "b" {\n    c = [1,\n      2]\n  }\n')).root;
    const block = root.items[0] as Item;
    expect(block.keys.map((key) => key.position)).toEqual([
      { line: 2, column: 3 },
      { line: 2, column: 5 },
    ]);
    const inner = (block.value as ObjectValue).items[0] as Item;
    expect(inner.value.position).toEqual({ line: 3, column: 9 });
    expect(inner.value.kind === "list" && inner.value.elements[1]?.position).toEqual({ line: 4, column: 7 });
  });

  it("names the line of bytes that are not UTF-8", () => {
    expect(fault(Uint8Array.from([35, 10, 35, 32, 0xff, 10]))).toMatchObject({
      message: "illegal UTF-8 encoding",
      position: { line: 2 },
    });
  });
});

describe("JSON", () => {
  it.each([
    [
      "as any other",
      '{"a": {"b": [1, -2.5e3, "c", true, false], "d": null}}',
      { a: { b: ["1", "-2.5e3", "c", true, false], d: null } },
    ],
    ["after white space", ' \n{"a":1}', { a: "1" }],
    ["with commas at the end", '{"a":[1,],}', { a: ["1"] }],
    ["with text after the brace, which nobody looks at", '{"a":1} and so on', { a: "1" }],
    ["with escapes", String.raw`{"a":"\u003c\"\\\n\ud83d\ude80🚀"}`, { a: '<"\\\n🚀🚀' }],
    ["with an interpolation that is escaped", '{"a":"\x24{\\"x\\"}"}', { a: '\x24{"x"}' }],
    ["empty", "{}", {}],
  ])("reads JSON %s", (_, text, expected) => {
    expect(hcl(text)).toEqual(expected);
  });

  it.each([
    ['{"a":1', "object expected closing RBRACE got: EOF"],
    ['{"a" 1}', "key 'a' expected a colon got: 1"],
    ['{"a":}', "expected a value got: }"],
    ["{a:1}", "illegal char"],
    ['{"a":b}', "illegal char"],
    ['{"a":true b}', "illegal char"],
    ['{"a":[1', "unexpected token while parsing list: EOF"],
    ['{"a":[', "unexpected token while parsing list: EOF"],
    ['{"a":1 "b":2}', 'object expected closing RBRACE got: "'],
    ['{"a":"b\n"}', "literal not terminated"],
    ['{"a":"\\/"}', "illegal char escape"],
    ['{\n/*c*/"a":1}', "illegal char: /"],
    ["{'a':1}", "illegal char: '"],
    ['{"a":[null]}', "unexpected token while parsing list: NULL"],
    ['{"a":01}', "numbers cannot start with 0"],
    ['{"a":[1 2]}', "error parsing list, expected comma or list end got: 2"],
  ])("refuses %j", (text, message) => {
    expect(faultOf(text).message).toBe(message);
  });
});

describe("the laws of reading", () => {
  it("reads back every string that is escaped", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        fc.pre(!text.includes("\x24{") && text.isWellFormed());
        const literal = `"${[...text].map(escaped).join("")}"`;
        expect(hcl(`x = ${literal}`)).toEqual({ x: text });
        expect(hcl(`{"x": ${literal}}`)).toEqual({ x: text });
      }),
    );
  });

  it("reads the same tree from HCL and from JSON", () => {
    const key = fc.stringMatching(/^[a-z_][a-z0-9_-]{0,8}$/).filter((word) => word !== "true" && word !== "false");
    const { tree } = fc.letrec<{ tree: Json }>((tie) => ({
      tree: fc.oneof(
        { depthSize: "small" },
        fc.stringMatching(/^[ -~]*$/).filter((text) => !text.includes("\x24{")),
        fc.boolean(),
        fc.array(tie("tree"), { maxLength: 4 }),
        fc.dictionary(key, tie("tree"), { maxKeys: 4 }),
      ) as fc.Arbitrary<Json>,
    }));
    fc.assert(
      fc.property(fc.dictionary(key, tree), (value) => {
        const text = Object.entries(value)
          .map(([name, inner]) => `${name} = ${inHcl(inner)}\n`)
          .join("");
        expect(hcl(text)).toEqual(hcl(JSON.stringify(value)));
      }),
    );
  });

  it("answers garbage with a tree or a fault that has a place inside the text", () => {
    const piece = fc.oneof(
      fc.constantFrom(
        "{",
        "}",
        "[",
        "]",
        '"',
        "=",
        ",",
        "<<EOT\n",
        "<<-E\n",
        "EOT\n",
        "\x24{",
        "/*",
        "#",
        "\n",
        "\\",
        "0x",
        "-",
      ),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(piece), fc.boolean(), (pieces, json) => {
        const text = (json ? "{" : "") + pieces.join("");
        try {
          parseDocument(bytes(text));
        } catch (error) {
          expect(error).toBeInstanceOf(SyntaxFault);
          const { line } = (error as SyntaxFault).position;
          expect(line).toBeGreaterThan(0);
          expect(line).toBeLessThanOrEqual(text.split("\n").length);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("answers any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (data) => {
        try {
          parseDocument(data);
        } catch (error) {
          expect(error).toBeInstanceOf(SyntaxFault);
        }
      }),
    );
  });

  it.each([
    ["blocks", (depth: number) => "a {".repeat(depth) + "}".repeat(depth)],
    ["objects", (depth: number) => `x = ${"{ a = ".repeat(depth)}1${"}".repeat(depth)}`],
    ["lists", (depth: number) => `x = ${"[".repeat(depth)}${"]".repeat(depth)}`],
    ["JSON objects", (depth: number) => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`],
    ["JSON lists", (depth: number) => `{"a":${"[".repeat(depth)}${"]".repeat(depth)}}`],
  ])("bounds the depth of %s", (_, nested) => {
    expect(() => parseDocument(bytes(nested(MAX_DEPTH - 2)))).not.toThrow();
    expect(faultOf(nested(100_000)).message).toBe("nested too deeply");
  });

  it("reads a megabyte on one line in time that grows with its length", () => {
    expect(parseDocument(bytes("a = 1 ".repeat(170_000))).root.items).toHaveLength(170_000);
    expect(parseDocument(bytes(`{${'"a": 1,'.repeat(150_000)}}`)).root.items).toHaveLength(150_000);
  });

  it("reads a megabyte of text", () => {
    const text = `template {\n  contents = <<EOT\n${"x = {{ .Data.x }}\n".repeat(50_000)}EOT\n}\n`;
    expect(parseDocument(bytes(text)).root.items).toHaveLength(1);
  });
});

type Json = string | boolean | Json[] | { [key: string]: Json };

function inHcl(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(inHcl).join(", ")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  return `{ ${Object.entries(value)
    .map(([name, inner]) => `${name} = ${inHcl(inner)}`)
    .join("\n")} }`;
}

function escaped(character: string): string {
  const code = character.codePointAt(0) as number;
  return `\\U${code.toString(16).padStart(8, "0")}`;
}

function numbers() {
  return { a: "-5", b: "0x1F", c: "0640", d: "1.5e-3", e: ".5" };
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The tree without its places: a number as its spelling, an item's keys joined with a space. */
function hcl(text: string): unknown {
  return plain(parseDocument(bytes(text)).root);
}

function plain(value: Value): unknown {
  switch (value.kind) {
    case "object":
      return Object.fromEntries(
        value.items.map((item) => [item.keys.map((key) => key.text).join(" "), plain(item.value)]),
      );
    case "list":
      return value.elements.map(plain);
    case "bool":
      return value.value;
    case "null":
      return null;
    default:
      return value.text;
  }
}

function faultOf(text: string): SyntaxFault {
  return fault(bytes(text));
}

function fault(data: Uint8Array): SyntaxFault {
  try {
    parseDocument(data);
  } catch (error) {
    expect(error).toBeInstanceOf(SyntaxFault);
    return error as SyntaxFault;
  }
  return expect.fail("expected a fault");
}
