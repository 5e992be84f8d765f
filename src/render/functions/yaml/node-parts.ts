/** What nodes of all styles have in common: anchors, aliases, tags, quoted scalars, and how deep they may stand. */
import { formatValue } from "../../go/format.ts";
import { decodeText } from "../../go/text.ts";
import { fail, GoMap, integerOf, Slice, type Value } from "../../go/values.ts";
import { decodeBase64, STANDARD } from "../encoding.ts";
import type { Cursor } from "./cursor.ts";
import { Tags } from "./directives.ts";
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
  readonly tags = new Tags();
  readonly #cursor: Cursor;
  readonly #anchors = new Map<string, Value>();
  /** Anchors of nodes that have begun and not ended. */
  readonly #open = new Set<string>();
  /** What the last alias stands for. */
  #last: Value = null;
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
      const sign = this.#cursor.text[this.#cursor.at];
      if (sign === "&" && properties.anchor === undefined) {
        const [, name = ""] = /^&([^ \t\n,[\]{}]*)/.exec(this.#cursor.text.slice(this.#cursor.at))!;
        this.#checkName(name);
        this.#cursor.at += name.length + 1;
        this.#open.add(name);
        properties.anchor = name;
      } else if (sign === "!" && properties.tag === undefined) {
        const written = this.#cursor.match(/!(?:<[^>\s]*>|[^ \t\n,[\]{}]*)/y);
        if (!/[ \t\n]/.test(this.#cursor.text[this.#cursor.at] ?? "\n"))
          this.#cursor.scannerError("did not find expected whitespace or line break");
        properties.tag = this.tags.resolve(this.#cursor, written);
      } else break;
      this.#cursor.match(/[ \t]*/y);
    }
    return properties.anchor === undefined && properties.tag === undefined ? undefined : properties;
  }

  /** Keeps the value for aliases when it has an anchor. */
  named(value: Value, properties: Properties | undefined): Value {
    if (properties?.anchor !== undefined) {
      this.#anchors.set(properties.anchor, value);
      this.#open.delete(properties.anchor);
    }
    return value;
  }

  /** What the anchor of `*name` stands for. */
  alias(): Value {
    const name = /^\*([^ \t\n,[\]{}:]*)/.exec(this.#cursor.text.slice(this.#cursor.at))![1]!;
    this.#checkName(name);
    this.#cursor.at += name.length + 1;
    if (this.#open.has(name)) return fail(`yaml: anchor '${name}' value contains itself`);
    const value = this.#anchors.get(name);
    if (value === undefined) return fail(`yaml: unknown anchor '${name}' referenced`);
    this.#aliased += sizeOf(value);
    if (this.#aliased > MAX_ALIASED) fail("yaml: document contains excessive aliasing");
    this.#last = value;
    return value;
  }

  /** Whether it is what the last alias stands for. */
  isAliased(value: Value): boolean {
    return value === this.#last;
  }

  /** Of an anchor. */
  #checkName(name: string): void {
    if (!/^[0-9A-Za-z_-]+(?:[?:%@`].*)?$/s.test(name))
      this.#cursor.scannerError("did not find expected alphabetic or numeric character");
  }

  quoted(): string {
    const { at, text } = this.#cursor;
    const result = (text[at] === '"' ? readDoubleQuoted : readSingleQuoted)(text, at);
    const end = typeof result === "string" ? undefined : result.end;
    const document = /\n(?=(?:---|\.\.\.)(?:[ \t\n]|$))/.exec(text.slice(at, end));
    if (document !== null) {
      this.#cursor.at = at + document.index + 1;
      return this.#cursor.scannerError("found unexpected document indicator");
    }
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
export function put(entries: Map<Value, Value>, key: Value, value: Value, parts: NodeParts): void {
  if (key === "<<") {
    const maps = value instanceof GoMap ? [value] : value instanceof Slice ? [...value.items].reverse() : [];
    // A list has to stand here itself.
    const fits = value instanceof GoMap || (value instanceof Slice && !parts.isAliased(value));
    if (!fits || !maps.every((map) => map instanceof GoMap))
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
