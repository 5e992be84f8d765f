/** Laws of templates that Go's grammar allows, made by chance: structures inside of each other, calls, variables. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TemplateError } from "../../src/errors.ts";
import { functionsExcept } from "../../src/render/functions/catalogue.ts";
import { printNode } from "../../src/render/go/ast.ts";
import { BUILTINS } from "../../src/render/go/builtins.ts";
import { compileGoTemplate } from "../../src/render/go/engine.ts";
import { parseTemplate } from "../../src/render/go/parser.ts";
import { brainOf, hostOf, optionsOf } from "./fixture.ts";

const LAWS = Number(process.env.LESSEE_LAWS ?? 1);
/** Beyond this an evaluation is an error; a character has at most 4 bytes. */
const MOST_BYTES = 4 * 16 * 1024 * 1024;

const known = brainOf({
  reads: { "kv/a": '{"data": {"s": "text", "n": 1.50, "b": true, "l": [1, "x", null], "m": {"k": "v"}}}' },
  lists: { kv: '{"data": {"keys": ["a", "b"]}}' },
  writes: [],
});

/** Those that take long on purpose have tests of their own. */
const functions = [...BUILTINS.values(), ...functionsExcept([]).values()].filter(
  ({ name }) =>
    !/^(?:call|plugin|sprig_(?:gen|bcrypt|htpasswd|derivePassword|buildCustomCert|getHostByName))/.test(name),
);

const literal = fc.constantFrom(
  ..."0 1 -3 0x1F 1.5 1e21 'a' true false nil . $ .a .Data.s 9223372036854775807 1i".split(" "),
  '"a"', '""', '"a,b"', "`r\\n`", '"\\u00e9\\n"', '"%5d|%-8v|%[2]*.[1]q"', '"[a-z]+"', '"{\\"a\\": [1, null]}"', '"a: [b, 2.5]"',
  '(secret "kv/a").Data.l', '(secret "kv/a").Data.n', '(secrets "kv")', "(sprig_list 1 2 nil)", '(sprig_dict "a" 1 "b" (sprig_list))',
); // biome-ignore format: a list of operands

const { pipeline } = fc.letrec<{ operand: string; call: string; pipeline: string }>((tie) => ({
  operand: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    { weight: 5, arbitrary: literal },
    { weight: 2, arbitrary: tie("pipeline").map((inner) => `(${inner})`) },
    { weight: 1, arbitrary: tie("pipeline").map((inner) => `(${inner}).a`) },
  ),
  call: fc
    .tuple(fc.constantFrom(...functions), fc.array(tie("operand"), { maxLength: 2 }), fc.boolean())
    .chain(([one, more, exact]) =>
      fc
        .tuple(...one.parameters.map(() => tie("operand")))
        .map((args) => [one.name, ...args, ...(exact && one.rest === undefined ? [] : more)].join(" ")),
    ),
  pipeline: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    tie("operand"),
    tie("call"),
    fc.tuple(tie("call"), tie("call")).map((calls) => calls.join(" | ")),
  ),
}));

const open = fc.constantFrom("{{ ", "{{", "{{- ");
const close = fc.constantFrom(" }}", "}}", " -}}");
const action = (inner: fc.Arbitrary<string>) => fc.tuple(open, inner, close).map((parts) => parts.join(""));
const word = (text: string) => action(fc.constant(text));
const join = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map((all) => all.join(""));

const { list } = fc.letrec<{ item: string; list: string }>((tie) => ({
  item: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    fc.constantFrom("text", " \n", "é-", "}}", "{{/* c */}}", "\0"),
    action(pipeline),
    action(pipeline.map((value) => `$x := ${value}`)),
    action(pipeline.map((value) => `$ = ${value}`)),
    action(fc.constantFrom('template "t" .', 'template "nope"', "break", "continue", "$x", 'template "t" $')),
    join(action(pipeline.map((value) => `if ${value}`)), tie("list"), word("else"), tie("list"), word("end")),
    join(
      action(pipeline.map((value) => `with $w := ${value}`)),
      tie("list"),
      word("else with 1"),
      tie("list"),
      word("end"),
    ),
    join(
      action(pipeline.map((value) => `range $i, $e := ${value}`)),
      tie("list"),
      word("else"),
      tie("list"),
      word("end"),
    ),
    join(word("range loop 1 4"), tie("list"), word("end")),
    join(word('block "b" .'), tie("list"), word("end")),
  ),
  list: fc.array(tie("item"), { maxLength: 3 }).map((items) => items.join("")),
}));
const template = list.map((text) => `{{ define "t" }}<{{ . }}>{{ end }}{{ $x := 1 }}${text}`);

interface Outcome {
  readonly output?: string;
  readonly error?: string;
}

function outcome(text: string): Outcome {
  try {
    const { output } = compileGoTemplate(text, optionsOf()).execute(known, hostOf());
    expect(output.length).toBeLessThanOrEqual(MOST_BYTES);
    return { output: Buffer.from(output).toString("latin1") };
  } catch (error) {
    if (error instanceof TemplateError) return { error: error.message };
    throw error;
  }
}

function parsed(text: string) {
  const options = { name: "", leftDelimiter: "{{", rightDelimiter: "}}", refusal: () => undefined };
  return [...parseTemplate(text, options)].map(
    ([name, statements]) => [name, statements.map(printNode).join("")] as const,
  );
}

describe("any template of the grammar", () => {
  it("ends with a bounded output or a TemplateError, the same each time", () => {
    fc.assert(
      fc.property(template, (text) => {
        expect(outcome(text)).toEqual(outcome(text));
      }),
      { numRuns: 400 * LAWS },
    );
  });

  it("is printed as a template that parses into the same", () => {
    fc.assert(
      fc.property(template, (text) => {
        let first: ReturnType<typeof parsed>;
        try {
          first = parsed(text);
        } catch (error) {
          expect(error).toBeInstanceOf(TemplateError);
          return;
        }
        for (const [, printed] of first) expect(new Map(parsed(printed)).get("")).toBe(printed);
      }),
      { numRuns: 1000 * LAWS },
    );
  });
});
