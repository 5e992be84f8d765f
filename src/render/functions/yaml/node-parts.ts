/** What nodes of all styles have in common: anchors, aliases, tags, quoted scalars, and how deep they may stand. */
import { formatValue } from "../../go/format.ts";
import { decodeText } from "../../go/text.ts";
import { fail, GoMap, integerOf, Slice, type Value } from "../../go/values.ts";
import { decodeBase64, STANDARD } from "../encoding.ts";
import type { Cursor } from "./cursor.ts";
import { readDoubleQuoted, readSingleQuoted } from "./quoted.ts";
import { resolveScalar } from "./resolve.ts";

const MAX_DEPTH = 200;
/** How many nodes aliases may add: a few lines of them could stand for billions. */
const MAX_ALIASED = 100_000;

/** What stands before a node: `&anchor` and `!!tag`. */
export interface Properties {
  anchor?: string;
  tag?: string;
}

export class NodeParts {
  readonly #cursor: Cursor;
  readonly #anchors = new Map<string, Value>();
  #depth = 0;
  #aliased = 0;

  constructor(cursor: Cursor) {
    this.#cursor = cursor;
  }

  /** Reads a node that stands inside of others. */
  nested(read: () => Value): Value {
    if (++this.#depth > MAX_DEPTH) fail("yaml: nested too deeply");
    const value = read();
    this.#depth--;
    return value;
  }

  /** Takes what stands before a node, undefined when that is nothing. */
  properties(): Properties | undefined {
    const properties: Properties = {};
    for (;;) {
      const match = /^([&!])([^ \t\n,[\]{}]*)[ \t]*/.exec(this.#cursor.text.slice(this.#cursor.at));
      if (match === null) break;
      if (match[1] === "&") properties.anchor = match[2]!;
      else properties.tag = match[2]!;
      if (match[1] === "&") this.#checkName(match[2]!);
      this.#cursor.at += match[0].length;
      const follows = this.#cursor.text[this.#cursor.at];
      if (match[1] === "!" && follows !== undefined && !/[ \t]$/.test(match[0]) && follows !== "\n")
        this.#cursor.scannerError("did not find expected whitespace or line break");
    }
    return properties.anchor === undefined && properties.tag === undefined ? undefined : properties;
  }

  /** Keeps the value for aliases when it has an anchor. */
  named(value: Value, properties: Properties | undefined): Value {
    if (properties?.anchor !== undefined) this.#anchors.set(properties.anchor, value);
    return value;
  }

  /** What the anchor of `*name` stands for. */
  alias(): Value {
    const name = /^\*([^ \t\n,[\]{}:]*)/.exec(this.#cursor.text.slice(this.#cursor.at))![1]!;
    this.#checkName(name);
    this.#cursor.at += name.length + 1;
    const value = this.#anchors.get(name);
    if (value === undefined) return fail(`yaml: unknown anchor '${name}' referenced`);
    this.#aliased += sizeOf(value);
    if (this.#aliased > MAX_ALIASED) fail("yaml: document contains excessive aliasing");
    return value;
  }

  /** Of an anchor. */
  #checkName(name: string): void {
    if (!/^[0-9A-Za-z_-]+(?:[?:%@`].*)?$/s.test(name))
      this.#cursor.scannerError("did not find expected alphabetic or numeric character");
  }

  quoted(): string {
    const read = this.#cursor.text[this.#cursor.at] === '"' ? readDoubleQuoted : readSingleQuoted;
    const result = read(this.#cursor.text, this.#cursor.at);
    if (typeof result === "string") {
      this.#cursor.at = this.#cursor.text.length;
      return this.#cursor.scannerError(result);
    }
    this.#cursor.at = result.end;
    return result.value;
  }
}

/** A scalar as its tag says, or as what it looks like. */
export function tagged(text: string, tag: string | undefined, quoted: boolean): Value {
  if (tag === "!str" || tag === "") return text;
  if (tag === "!binary") return binary(text);
  if (tag === "!float" || tag === "!int" || tag === "!bool" || tag === "!null") {
    const value = resolveScalar(text);
    const type = typeOf(value);
    if (tag === type) return value;
    if (tag === "!float" && typeof value === "bigint") return Number(value);
    return fail(`yaml: cannot decode !${type} \`${text}\` as a !${tag}`);
  }
  // Of a tag that is nobody's nothing is known but the text.
  return quoted || tag !== undefined ? text : resolveScalar(text);
}

function typeOf(scalar: Value): string {
  if (scalar === null) return "!null";
  if (typeof scalar === "boolean") return "!bool";
  if (typeof scalar === "number") return "!float";
  return integerOf(scalar) === undefined ? "!str" : "!int";
}

/** Sets the entry, or all that `<<` brings, of several maps those of the first: what stands further down replaces it. */
export function put(entries: Map<Value, Value>, key: Value, value: Value): void {
  if (key === "<<") {
    const maps = value instanceof GoMap ? [value] : value instanceof Slice ? [...value.items].reverse() : [];
    if (!(value instanceof GoMap || value instanceof Slice) || !maps.every((map) => map instanceof GoMap))
      fail("yaml: map merge requires map or sequence of maps as the value");
    for (const map of maps as GoMap[]) for (const [inner, item] of map.entries) entries.set(inner, item);
    return;
  }
  if (typeof key === "object" && key !== null && integerOf(key) === undefined)
    fail(`yaml: invalid map key: ${formatValue(key, "v", { sharp: true })}`);
  entries.set(key, value);
}

function binary(text: string): string {
  try {
    return decodeText(decodeBase64(text, STANDARD));
  } catch {
    return fail("yaml: !!binary value contains invalid base64 data");
  }
}

function sizeOf(value: Value): number {
  if (value instanceof GoMap) return [...value.entries.values()].reduce<number>((sum, item) => sum + sizeOf(item), 1);
  return value instanceof Object && "items" in value
    ? [...(value.items as Iterable<Value>)].reduce<number>((sum, item) => sum + sizeOf(item), 1)
    : 1;
}
