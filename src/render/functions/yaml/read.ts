/**
 * YAML into values, as Go's yaml.v2 reads it into an `interface {}`: block and flow collections, all five styles of
 * scalars, anchors, aliases and merge keys, the types of YAML 1.1; of several documents the first.
 */
import { anySlice, fail, GoMap, type Value } from "../../go/values.ts";
import { blockScalar, foldLines, readDoubleQuoted, readSingleQuoted } from "./quoted.ts";
import { resolveScalar } from "./resolve.ts";

/** Throws a FunctionError in yaml.v2's words. */
export function readYaml(text: string): Value {
  return new YamlReader(text.replace(/^\ufeff/, "").replace(/\r\n?/g, "\n")).run();
}

const MAX_DEPTH = 200;
/** How many nodes aliases may add: a few lines of them could stand for billions. */
const MAX_ALIASED = 100_000;

/** What stands before a node: `&anchor` and `!!tag`. */
interface Properties {
  anchor?: string;
  tag?: string;
}

class YamlReader {
  readonly #text: string;
  readonly #anchors = new Map<string, Value>();
  #at = 0;
  #depth = 0;
  #aliased = 0;

  constructor(text: string) {
    this.#text = text;
  }

  run(): Value {
    const start = /^(?:[ \t]*(?:#[^\n]*)?\n|%[^\n]*\n)*---(?=[ \n]|$)/.exec(this.#text);
    if (start) this.#at = start[0].length;
    const value = this.#node(-1, false);
    this.#skip();
    if (!this.#ended())
      this.#parserError(this.#column() === 0 ? "did not find expected <document start>" : "did not find expected key");
    return value;
  }

  /** The node that begins further right than `indent`, or null; in a mapping dashes may stand at `indent` itself. */
  #node(indent: number, dashesMayAlign: boolean): Value {
    if (++this.#depth > MAX_DEPTH) fail("yaml: nested too deeply");
    try {
      this.#skip();
      if (this.#ended()) return null;
      const column = this.#column();
      const dash = this.#isDash();
      if (column <= indent && !(dashesMayAlign && dash && column === indent)) return null;
      if (dash) return this.#sequence(column);
      const start = this.#at;
      const line = this.#lineOf(start);
      const properties = this.#properties();
      if (properties !== undefined && this.#lineOf(this.#at) === line && this.#keyAhead()) {
        // Properties before a key belong to the key, not to the mapping.
        this.#at = start;
        return this.#mapping(column);
      }
      this.#skip();
      if (properties === undefined && (this.#isQuestion() || this.#keyAhead())) return this.#mapping(column);
      const value =
        properties !== undefined && this.#lineOf(this.#at) !== line
          ? this.#node(indent, dashesMayAlign)
          : this.#content(indent, properties);
      return this.#named(value, properties);
    } finally {
      this.#depth--;
    }
  }

  #named(value: Value, properties: Properties | undefined): Value {
    if (properties?.anchor !== undefined) this.#anchors.set(properties.anchor, value);
    return value;
  }

  /** A node that is no block collection. */
  #content(indent: number, properties: Properties | undefined): Value {
    const character = this.#text[this.#at] ?? "";
    switch (character) {
      case "":
        return null;
      case "*":
        return this.#alias();
      case "[":
      case "{":
        return this.#flow();
      case '"':
      case "'":
        return tagged(this.#quoted(), properties?.tag, true);
      case "|":
      case ">": {
        const { value, end } = blockScalar(this.#text, this.#at, Math.max(indent, -1));
        this.#at = end;
        return tagged(value, properties?.tag, true);
      }
      case "@":
      case "`":
      case "%":
      case "\t":
        return this.#scannerError("found character that cannot start any token");
    }
    return tagged(this.#plain(indent), properties?.tag, false);
  }

  #sequence(column: number): Value {
    const items: Value[] = [];
    for (;;) {
      this.#skip();
      if (this.#ended() || this.#column() < column || !this.#isDash()) break;
      if (this.#column() > column) this.#parserError("did not find expected '-' indicator");
      this.#at++;
      items.push(this.#node(column, false));
    }
    if (!this.#ended() && this.#column() > column) this.#parserError("did not find expected '-' indicator");
    return anySlice(items);
  }

  #mapping(column: number): Value {
    const entries = new Map<Value, Value>();
    for (;;) {
      this.#skip();
      if (this.#ended() || this.#column() < column) break;
      if (this.#column() > column) this.#parserError("did not find expected key");
      if (this.#isDash()) break;
      const key = this.#isQuestion() ? this.#explicitKey(column) : this.#simpleKey();
      this.#skip();
      if (this.#text[this.#at] === ":") {
        this.#at++;
        this.#put(entries, key, this.#node(column, true));
      } else this.#put(entries, key, null);
    }
    return new GoMap("interface {}", "interface {}", entries);
  }

  #explicitKey(column: number): Value {
    this.#at++;
    return this.#node(column, false);
  }

  #simpleKey(): Value {
    const properties = this.#properties();
    this.#skip();
    const character = this.#text[this.#at]!;
    if (!this.#keyAhead()) this.#scannerError("could not find expected ':'");
    if (character === "*") return this.#alias();
    if (character === "[" || character === "{") return this.#flow();
    const value =
      character === '"' || character === "'"
        ? tagged(this.#quoted(), properties?.tag, true)
        : tagged(this.#plainKey(), properties?.tag, false);
    return this.#named(value, properties);
  }

  #plainKey(): string {
    const rest = this.#text.slice(this.#at, this.#endOfLine());
    const key = /^.*?(?=[ \t]*:(?:[ \t]|$))/.exec(rest)![0];
    this.#at += key.length;
    return key;
  }

  #put(entries: Map<Value, Value>, key: Value, value: Value): void {
    if (key === "<<") {
      const maps =
        value instanceof GoMap
          ? [value]
          : value instanceof Object && "items" in value
            ? [...value.items].reverse()
            : [];
      if (maps.length === 0 || !maps.every((map) => map instanceof GoMap))
        fail("yaml: map merge requires map or sequence of maps as the value");
      for (const map of maps as GoMap[])
        for (const [inner, item] of map.entries) if (!entries.has(inner)) entries.set(inner, item);
      return;
    }
    if (typeof key === "object" && key !== null) fail(`yaml: invalid map key: ${String(key)}`);
    entries.set(key, value);
  }

  /** Whether a key with its colon stands here, on this line. */
  #keyAhead(): boolean {
    const rest = this.#text.slice(this.#at, this.#endOfLine());
    const quoted = /^(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')/.exec(rest)?.[0];
    if (quoted !== undefined) return /^[ \t]*:(?:[ \t]|$)/.test(rest.slice(quoted.length));
    if (/^[[{]/.test(rest)) return /^(?:\[[^\]]*\]|\{[^}]*\})[ \t]*:(?:[ \t]|$)/.test(rest);
    if (/^[|>#,\]}]/.test(rest)) return false;
    const colon = /:(?:[ \t]|$)/.exec(rest);
    const comment = / #/.exec(rest);
    return colon !== null && (comment === null || colon.index < comment.index);
  }

  /** A plain scalar over as many lines as are further in than `indent`. */
  #plain(indent: number): string {
    const lines: string[] = [];
    for (;;) {
      const rest = this.#text.slice(this.#at, this.#endOfLine());
      const line = /^.*?(?=[ \t]+#|[ \t]*$)/.exec(rest)![0];
      const colon = /:(?:[ \t]|$)/.exec(line);
      if (colon) {
        this.#at += colon.index;
        this.#scannerError("mapping values are not allowed in this context");
      }
      lines.push(line);
      this.#at += line.length;
      if (/^[ \t]+#/.test(rest.slice(line.length))) break;
      const next = /^[ \t]*\n((?:[ \t]*\n)*)( *)(?=[^ \n])/.exec(this.#text.slice(this.#at));
      if (
        next === null ||
        next[2]!.length <= indent ||
        /^(?:---|\.\.\.)(?:[ \n]|$)/.test(this.#text.slice(this.#at + next[0].length, this.#at + next[0].length + 4))
      )
        break;
      if (this.#text[this.#at + next[0].length] === "#") break;
      for (const _ of next[1]!.matchAll(/\n/g)) lines.push("");
      this.#at += next[0].length;
    }
    return foldLines(lines);
  }

  #quoted(): string {
    const read = this.#text[this.#at] === '"' ? readDoubleQuoted : readSingleQuoted;
    const result = read(this.#text, this.#at);
    if (typeof result === "string") {
      this.#at = this.#text.length;
      return this.#scannerError(result);
    }
    this.#at = result.end;
    return result.value;
  }

  #flow(): Value {
    if (++this.#depth > MAX_DEPTH) fail("yaml: nested too deeply");
    const open = this.#text[this.#at++];
    const close = open === "[" ? "]" : "}";
    const items: Value[] = [];
    const entries = new Map<Value, Value>();
    for (;;) {
      this.#skipFlow();
      if (this.#take(close)) break;
      const key = this.#flowNode();
      this.#skipFlow();
      const pair = this.#text[this.#at] === ":";
      if (pair) this.#at++;
      if (pair) this.#skipFlow();
      const value = pair && !/[,\]}]/.test(this.#text[this.#at] ?? "") ? this.#flowNode() : null;
      if (close === "}") this.#put(entries, key, value);
      else items.push(pair ? new GoMap("interface {}", "interface {}", new Map([[key, value]])) : key);
      this.#skipFlow();
      if (!this.#take(",") && this.#text[this.#at] !== close)
        this.#parserError(`did not find expected ',' or '${close}'`);
    }
    this.#depth--;
    return close === "}" ? new GoMap("interface {}", "interface {}", entries) : anySlice(items);
  }

  #flowNode(): Value {
    const properties = this.#properties();
    this.#skipFlow();
    const character = this.#text[this.#at] ?? "";
    if (character === "[" || character === "{") return this.#named(this.#flow(), properties);
    if (character === "*") return this.#alias();
    if (character === '"' || character === "'")
      return this.#named(tagged(this.#quoted(), properties?.tag, true), properties);
    const plain = /^(?:[^,[\]{}:#\n]|:(?![ \t\n,[\]{}]|$)|(?<![ \t])#)*/.exec(this.#text.slice(this.#at))![0];
    if (plain === "" && character !== ":" && character !== ",") this.#parserError("did not find expected node content");
    this.#at += plain.length;
    return this.#named(tagged(plain.trim(), properties?.tag, false), properties);
  }

  #alias(): Value {
    const name = /^\*([^ \t\n,[\]{}:]+)/.exec(this.#text.slice(this.#at))?.[1];
    if (name === undefined) return this.#scannerError("did not find expected alphabetic or numeric character");
    this.#at += name.length + 1;
    const value = this.#anchors.get(name);
    if (value === undefined) return fail(`yaml: unknown anchor '${name}' referenced`);
    this.#aliased += sizeOf(value);
    if (this.#aliased > MAX_ALIASED) fail("yaml: document contains excessive aliasing");
    return value;
  }

  #properties(): Properties | undefined {
    const properties: Properties = {};
    for (;;) {
      const match = /^([&!])([^ \t\n,[\]{}]*)[ \t]*/.exec(this.#text.slice(this.#at));
      if (match === null) break;
      if (match[1] === "&") properties.anchor = match[2]!;
      else properties.tag = match[2]!;
      this.#at += match[0].length;
    }
    return properties.anchor === undefined && properties.tag === undefined ? undefined : properties;
  }

  /** Blank lines and comments. */
  #skip(): void {
    const pattern = /(?:[ ]|\n|(?:^|(?<=[ \t\n]))#[^\n]*|\t(?=[ \t]*(?:\n|#|$)))*/y;
    pattern.lastIndex = this.#at;
    this.#at += pattern.exec(this.#text)?.[0].length ?? 0;
  }

  #skipFlow(): void {
    const pattern = /(?:[ \t\n]|(?<=[ \t\n])#[^\n]*)*/y;
    pattern.lastIndex = this.#at;
    this.#at += pattern.exec(this.#text)?.[0].length ?? 0;
    if (this.#at >= this.#text.length) this.#parserError("did not find expected node content");
  }

  #ended(): boolean {
    return (
      this.#at >= this.#text.length ||
      (this.#column() === 0 && /^(?:---|\.\.\.)(?:[ \n]|$)/.test(this.#text.slice(this.#at, this.#at + 4)))
    );
  }

  #isDash(): boolean {
    return this.#text[this.#at] === "-" && " \t\n".includes(this.#text[this.#at + 1] ?? "\n");
  }

  #isQuestion(): boolean {
    return this.#text[this.#at] === "?" && " \t\n".includes(this.#text[this.#at + 1] ?? "\n");
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #column(): number {
    return this.#at - (this.#text.lastIndexOf("\n", this.#at - 1) + 1);
  }

  #endOfLine(): number {
    const end = this.#text.indexOf("\n", this.#at);
    return end < 0 ? this.#text.length : end;
  }

  #lineOf(at: number): number {
    return this.#text.slice(0, at).split("\n").length - 1;
  }

  /** yaml.v2 counts the lines of its two kinds of errors differently, and leaves the first out. */
  #scannerError(message: string): never {
    const line = this.#lineOf(this.#at);
    return fail(`yaml: ${line > 0 ? `line ${line + 1}: ` : ""}${message}`);
  }

  #parserError(message: string): never {
    const line = this.#lineOf(this.#at);
    return fail(`yaml: ${line > 0 ? `line ${line}: ` : ""}${message}`);
  }
}

function tagged(text: string, tag: string | undefined, quoted: boolean): Value {
  if (tag === "!str" || tag === "") return text;
  if (tag === "!float" || tag === "!int" || tag === "!bool" || tag === "!null") {
    const value = resolveScalar(text);
    return tag === "!float" && typeof value === "bigint" ? Number(value) : value;
  }
  return quoted ? text : resolveScalar(text);
}

function sizeOf(value: Value): number {
  if (value instanceof GoMap) return [...value.entries.values()].reduce<number>((sum, item) => sum + sizeOf(item), 1);
  return value instanceof Object && "items" in value
    ? [...(value.items as Iterable<Value>)].reduce<number>((sum, item) => sum + sizeOf(item), 1)
    : 1;
}
