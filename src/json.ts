/** JSON as Vault's Go client reads it: a number keeps its spelling, because templates print it as it was sent. */

/** A JSON number in the server's own spelling, e.g. `1.5e3`, `0.10`, `12345678901234567890`. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }

  toNumber(): number {
    return Number(this.text);
  }

  toJSON(): unknown {
    return Number(this.text);
  }
}

export type JsonValue = null | boolean | string | JsonNumber | JsonValue[] | { [key: string]: JsonValue };

/** The deepest nesting that is read; more is garbage or an attack. */
const MAX_DEPTH = 512;
/** So many values are read, in all: without a JIT more take longer than a sidecar may stand still, and half a gigabyte. */
const MAX_VALUES = 200_000;

/** JSON as it should be, and more of it than is read. */
export class JsonLimitError extends SyntaxError {}

/** Parses JSON text strictly; throws SyntaxError. Objects have no prototype, so `__proto__` is a key like any other. */
export function parseJson(text: string): JsonValue {
  let at = 0;
  let count = 0;

  function fail(what: string): never {
    throw new SyntaxError(`${what} at position ${at}`);
  }
  function space(): void {
    for (;;) {
      const c = text.charCodeAt(at);
      if (c === 32 || c === 10 || c === 13 || c === 9) at++;
      else return;
    }
  }
  function word<T>(literal: string, value: T): T {
    if (!text.startsWith(literal, at)) fail("unexpected character");
    at += literal.length;
    return value;
  }
  function string(): string {
    const start = at;
    for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
      if (end < 0) fail("unterminated string");
      let backslash = end;
      while (text.charCodeAt(backslash - 1) === 92) backslash--;
      at = end + 1;
      // An even number of them escape each other.
      if ((end - backslash) % 2 === 0) break;
    }
    return JSON.parse(text.slice(start, at)) as string;
  }
  function number(): JsonNumber {
    const pattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
    pattern.lastIndex = at;
    const match = pattern.exec(text) ?? fail("unexpected character");
    at += match[0].length;
    return new JsonNumber(match[0]);
  }
  function list(depth: number): JsonValue[] {
    const values: JsonValue[] = [];
    at++;
    space();
    if (text[at] === "]") return word("]", values);
    for (;;) {
      values.push(value(depth));
      if (text[at] === "]") return word("]", values);
      word(",", null);
    }
  }
  function object(depth: number): JsonValue {
    const values: { [key: string]: JsonValue } = Object.create(null);
    at++;
    space();
    if (text[at] === "}") return word("}", values);
    for (;;) {
      space();
      if (text[at] !== '"') fail("expected a key");
      const key = string();
      space();
      word(":", null);
      values[key] = value(depth);
      if (text[at] === "}") return word("}", values);
      word(",", null);
    }
  }
  function value(depth: number): JsonValue {
    if (depth > MAX_DEPTH) throw new JsonLimitError("nested too deeply");
    if (++count > MAX_VALUES) throw new JsonLimitError(`more than ${MAX_VALUES} values`);
    space();
    const c = text[at];
    const parsed =
      c === "{"
        ? object(depth + 1)
        : c === "["
          ? list(depth + 1)
          : c === '"'
            ? string()
            : c === "t"
              ? word("true", true)
              : c === "f"
                ? word("false", false)
                : c === "n"
                  ? word("null", null)
                  : number();
    space();
    return parsed;
  }

  const parsed = value(0);
  if (at < text.length) fail("text after the value");
  return parsed;
}
