/**
 * JSON as Vault Agent's own parser reads it: a comma may trail, and text after the closing brace is not looked at.
 * Objects stay objects here, whatever their values are; which of their keys are labels is the schema's to know.
 */
import {
  type Item,
  MAX_DEPTH,
  type ObjectValue,
  type Position,
  type ScalarValue,
  SyntaxFault,
  type Value,
} from "./ast.ts";
import { readEscape } from "./strings.ts";

const NUMBER = /-?\d+(\.\d*)?([eE][+-]?\d+)?/y;
const WORDS = ["true", "false", "null"] as const;

/** Parses the object that the text begins with; throws SyntaxFault. */
export function parseJsonConfig(source: string): ObjectValue {
  let at = 0;
  let line = 1;
  let lineStart = 0;

  function position(): Position {
    return { line, column: at - lineStart + 1 };
  }

  function fail(message: string, hint?: string): never {
    throw new SyntaxFault(position(), message, hint);
  }

  function space(): void {
    for (; ; at++) {
      const c = source[at];
      if (c === "\n") {
        line++;
        lineStart = at + 1;
      } else if (c !== " " && c !== "\t" && c !== "\r") return;
    }
  }

  function unexpected(expected: string): never {
    const c = source[at];
    if (c === undefined) fail(`${expected} got: EOF`);
    const word = /[a-zA-Z_]+/y;
    word.lastIndex = at;
    const letters = word.exec(source)?.[0] ?? "";
    if (letters && !WORDS.some((known) => known === letters))
      fail("illegal char", "texts and keys stand in double quotes");
    return fail(/[\w"[\]{}:,.-]/.test(c) ? `${expected} got: ${c}` : `illegal char: ${c}`);
  }

  function string(): string {
    let text = "";
    for (at++; ; ) {
      const c = source[at];
      if (c === undefined || c === "\n") fail("literal not terminated");
      if (c === '"') break;
      if (c === "\\") {
        const sequence = readEscape(source, at) ?? fail("illegal char escape");
        text += sequence.text;
        at += sequence.length;
      } else {
        text += c;
        at++;
      }
    }
    at++;
    return text;
  }

  function object(depth: number): ObjectValue {
    if (depth > MAX_DEPTH) fail("nested too deeply");
    const start = position();
    const items: Item[] = [];
    at++;
    for (;;) {
      space();
      if (source[at] === "}") break;
      if (source[at] !== '"') unexpected("object expected closing RBRACE or a quoted key");
      const key = { position: position(), text: string() };
      space();
      if (source[at] !== ":") unexpected(`key '${key.text}' expected a colon`);
      at++;
      items.push({ keys: [key], value: value(depth) });
      space();
      if (source[at] === ",") at++;
      else if (source[at] !== "}") unexpected("object expected closing RBRACE");
    }
    at++;
    return { kind: "object", items, position: start };
  }

  function list(depth: number): Value {
    if (depth > MAX_DEPTH) fail("nested too deeply");
    const start = position();
    const elements: Value[] = [];
    at++;
    for (;;) {
      space();
      if (source[at] === "]") break;
      if (source[at] === undefined) fail("unexpected token while parsing list: EOF");
      if (source.startsWith("null", at)) fail("unexpected token while parsing list: NULL");
      elements.push(value(depth));
      space();
      if (source[at] === ",") at++;
      else if (source[at] === undefined) fail("unexpected token while parsing list: EOF");
      else if (source[at] !== "]") unexpected("error parsing list, expected comma or list end");
    }
    at++;
    return { kind: "list", elements, position: start };
  }

  function scalar(): ScalarValue {
    const start = position();
    if (source[at] === '"') return { kind: "string", text: string(), position: start };
    const word = WORDS.find((candidate) => source.startsWith(candidate, at));
    if (word) {
      at += word.length;
      return word === "null"
        ? { kind: "null", position: start }
        : { kind: "bool", value: word === "true", position: start };
    }
    NUMBER.lastIndex = at;
    const number = NUMBER.exec(source) ?? unexpected("expected a value");
    if (/^-?0\d/.test(number[0])) fail("numbers cannot start with 0");
    at += number[0].length;
    const whole = number[1] === undefined && number[2] === undefined;
    return { kind: whole ? "integer" : "float", text: number[0], position: start };
  }

  function value(depth: number): Value {
    space();
    if (source[at] === "{") return object(depth + 1);
    if (source[at] === "[") return list(depth + 1);
    return scalar();
  }

  space();
  return object(0);
}
