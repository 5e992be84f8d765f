/** JSON, read and written as Go's encoding/json does. */
import { JsonNumber } from "../../json.ts";
import { formatJsonFloat } from "../go/float.ts";
import { define, type TemplateFunction } from "../go/function.ts";
import { grownSlice } from "../go/memory.ts";
import { compareStrings } from "../go/order.ts";
import { quoteRune } from "../go/quote.ts";
import { boundedSize } from "../go/size.ts";
import { encodeText, escapedByte } from "../go/text.ts";
import {
  anyMap,
  anySlice,
  type Channel,
  type Complex,
  fail,
  GoMap,
  integerOf,
  NilPointer,
  Slice,
  Struct,
  typeName,
  type Value,
} from "../go/values.ts";

const ANY = "interface {}";

export const JSON_FUNCTIONS: readonly TemplateFunction[] = [
  define("parseJSON", ["string"], ([text]) => (text === "" ? anyMap() : parseGoJson(text))),
  define("toJSON", [ANY], ([value]) => encodeJson(value, { prefix: "toJSON: " })),
  define("toJSONPretty", [ANY], ([value]) => encodeJson(value, { prefix: "toJSONPretty: ", indent: "  " })),
  define("toUnescapedJSON", [ANY], ([value]) => encodeJson(value, { prefix: "toUnescapedJSON: ", raw: true })),
  define("toUnescapedJSONPretty", [ANY], ([value]) =>
    encodeJson(value, { prefix: "toUnescapedJSONPretty: ", indent: "  ", raw: true }),
  ),
];

export interface JsonStyle {
  /** Before an error's text. */
  readonly prefix?: string;
  readonly indent?: string;
  /** Leaves <, > and & as they are. */
  readonly raw?: boolean;
}

export function encodeJson(value: Value, style: JsonStyle = {}): string {
  const line = (depth: number) => (style.indent === undefined ? "" : `\n${style.indent.repeat(depth)}`);
  const colon = style.indent === undefined ? ":" : ": ";
  const list = (open: string, items: string[], close: string, depth: number) =>
    items.length === 0
      ? open + close
      : open + items.map((item) => line(depth + 1) + item).join(",") + line(depth) + close;

  function encode(item: Value, depth: number): string {
    if (item === null || item instanceof NilPointer) return "null";
    if (typeof item === "string") return encodeString(item, style.raw ?? false);
    if (typeof item === "boolean") return String(item);
    if (item instanceof JsonNumber) return item.text === "" ? "0" : item.text;
    if (typeof item === "number") {
      if (!Number.isFinite(item))
        fail(`${style.prefix ?? ""}json: unsupported value: ${item > 0 ? "+Inf" : item < 0 ? "-Inf" : "NaN"}`);
      return formatJsonFloat(item);
    }
    const integer = integerOf(item);
    if (integer !== undefined) return integer.toString();
    if (item instanceof Slice) {
      if (item.isNil) return "null";
      return list(
        "[",
        item.items.map((element) => encode(element, depth + 1)),
        "]",
        depth,
      );
    }
    if (item instanceof GoMap && item.key === "string") {
      if (item.isNil) return "null";
      const keys = ([...item.entries.keys()] as string[]).sort(compareStrings);
      const members = keys.map(
        (key) => `${encodeString(key, style.raw ?? false)}${colon}${encode(item.entries.get(key)!, depth + 1)}`,
      );
      return list("{", members, "}", depth);
    }
    if (item instanceof Struct) {
      const own = item.type.json?.(item);
      if (own !== undefined) return encode(own, depth);
      const names = item.type.fields.filter((name) => /^\p{Lu}/u.test(name));
      const members = names.map((name) => `"${name}"${colon}${encode(item.fields.get(name) ?? null, depth + 1)}`);
      return list("{", members, "}", depth);
    }
    return fail(`${style.prefix ?? ""}json: unsupported type: ${typeName(item as Channel | Complex | GoMap)}`);
  }
  boundedSize(value);
  return encode(value, 0);
}

/** Numbers become float64. */
export function parseGoJson(text: string): Value {
  return new JsonReader(text).run();
}

const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

function encodeString(text: string, raw: boolean): string {
  const pattern = raw ? /["\\\x00-\x1f\u2028\u2029\ud800-\udfff]/gu : /["\\\x00-\x1f<>&\u2028\u2029\ud800-\udfff]/gu;
  const escaped = text.replace(pattern, (character) => {
    const code = character.codePointAt(0)!;
    if (escapedByte(code) !== undefined) return "\\ufffd";
    return SHORT[character] ?? `\\u${code.toString(16).padStart(4, "0")}`;
  });
  return `"${escaped}"`;
}

/** Deeper nesting is refused, as by Go, but earlier. */
const MAX_DEPTH = 500;

class JsonReader {
  readonly #text: string;
  #at = 0;
  /** The first number that is none to Go; the whole text is looked at before. */
  #tooLarge: string | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  run(): Value {
    const value = this.#value(0);
    this.#space();
    if (this.#at < this.#text.length) this.#invalid("after top-level value");
    if (this.#tooLarge !== undefined) {
      fail(`json: cannot unmarshal number ${this.#tooLarge} into Go value of type float64`);
    }
    return value;
  }

  #value(depth: number): Value {
    if (depth > MAX_DEPTH) fail("exceeded max depth");
    this.#space();
    switch (this.#text[this.#at]) {
      case "{":
        return this.#object(depth);
      case "[":
        return this.#array(depth);
      case '"':
        return this.#string();
      case "t":
        return this.#word("true", true);
      case "f":
        return this.#word("false", false);
      case "n":
        return this.#word("null", null);
    }
    return this.#number();
  }

  #object(depth: number): Value {
    const entries: [string, Value][] = [];
    this.#at++;
    this.#space();
    if (this.#take("}")) return anyMap();
    for (;;) {
      this.#space();
      if (this.#text[this.#at] !== '"') this.#invalid("looking for beginning of object key string");
      const key = this.#string();
      this.#space();
      if (!this.#take(":")) this.#invalid("after object key");
      entries.push([key, this.#value(depth + 1)]);
      this.#space();
      if (this.#take("}")) return anyMap(entries);
      if (!this.#take(",")) this.#invalid("after object key:value pair");
    }
  }

  #array(depth: number): Value {
    const items: Value[] = [];
    this.#at++;
    this.#space();
    if (this.#take("]")) return anySlice(items);
    for (;;) {
      items.push(this.#value(depth + 1));
      this.#space();
      if (this.#take("]")) return grownSlice(items);
      if (!this.#take(",")) this.#invalid("after array element");
    }
  }

  #string(): string {
    const start = this.#at++;
    for (;;) {
      const character = this.#text[this.#at];
      if (character === undefined) fail("unexpected end of JSON input");
      if (character < " ") this.#invalid("in string literal");
      this.#at++;
      if (character === '"') break;
      if (character === "\\") {
        if (!/["\\/bfnrtu]/.test(this.#text[this.#at] ?? "")) this.#invalid("in string escape code");
        if (this.#text[this.#at++] === "u") this.#hexadecimal();
      }
    }
    return (JSON.parse(this.#text.slice(start, this.#at)) as string).toWellFormed();
  }

  #hexadecimal(): void {
    for (let i = 0; i < 4; i++) {
      if (!/[0-9a-fA-F]/.test(this.#text[this.#at] ?? "")) this.#invalid("in \\u hexadecimal character escape");
      this.#at++;
    }
  }

  #number(): Value {
    const start = this.#at;
    this.#take("-");
    if (!this.#take("0")) this.#digits(this.#at === start ? "looking for beginning of value" : "in numeric literal");
    if (this.#take(".")) this.#digits("after decimal point in numeric literal");
    if (this.#take("e") || this.#take("E")) {
      if (!this.#take("+")) this.#take("-");
      this.#digits("in exponent of numeric literal");
    }
    const text = this.#text.slice(start, this.#at);
    const value = Number(text);
    if (!Number.isFinite(value)) this.#tooLarge ??= text;
    return value;
  }

  #digits(where: string): void {
    const start = this.#at;
    while (/[0-9]/.test(this.#text[this.#at] ?? "")) this.#at++;
    if (this.#at === start) this.#invalid(where);
  }

  #word<T>(word: string, value: T): T {
    for (const letter of word) {
      if (!this.#take(letter)) this.#invalid(`in literal ${word} (expecting ${quoteRune(letter.charCodeAt(0))})`);
    }
    return value;
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #space(): void {
    while (" \t\r\n".includes(this.#text[this.#at] ?? "x")) this.#at++;
  }

  /** What is wrong with the byte that stands here. */
  #invalid(where: string): never {
    const inside = where.includes("numeric") || where.includes("literal ") || where.includes("escape");
    const rest = this.#text.slice(this.#at, this.#at + 2);
    // At the end of the text Go looks whether a space would do.
    if (rest === "" && !inside) return fail("unexpected end of JSON input");
    const code = rest === "" ? 32 : encodeText(String.fromCodePoint(rest.codePointAt(0)!))[0]!;
    return fail(`invalid character ${code === 34 ? `'"'` : quoteRune(code)} ${where}`);
  }
}
