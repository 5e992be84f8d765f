/**
 * YAML into values, as Go's yaml.v2 reads it into an `interface {}`: block and flow collections, all five styles of
 * scalars, anchors, aliases and merge keys, the types of YAML 1.1; of several documents the first.
 */
import { anySlice, GoMap, type Value } from "../../go/values.ts";
import { Cursor } from "./cursor.ts";
import { directive, isDirective } from "./directives.ts";
import { FlowReader } from "./flow.ts";
import { NodeParts, type Properties, put, tagged } from "./node-parts.ts";
import { blockScalar, foldLines } from "./quoted.ts";

/** Throws a FunctionError in yaml.v2's words. */
export function readYaml(text: string): Value {
  return new YamlReader(text.replace(/^\ufeff/, "").replace(/\r\n?/g, "\n")).run();
}

class YamlReader {
  readonly #cursor: Cursor;
  readonly #parts: NodeParts;
  readonly #flow: FlowReader;
  /** Whether there are block collections, which end by what stands behind them. */
  #blocks = false;

  constructor(text: string) {
    this.#cursor = new Cursor(text);
    this.#parts = new NodeParts(this.#cursor);
    this.#flow = new FlowReader(this.#cursor, this.#parts);
  }

  run(): Value {
    this.#parts.tags.readDirectives(this.#cursor);
    if (this.#cursor.atStart()) this.#cursor.at += "---".length;
    else if (this.#cursor.at < this.#cursor.text.length && this.#cursor.ended())
      this.#cursor.parserError("did not find expected node content");
    const value = this.#node(-1, false);
    this.#cursor.skip();
    if (this.#cursor.ended()) return value;
    if (/[@`]/.test(this.#cursor.text[this.#cursor.at]!))
      this.#cursor.scannerError("found character that cannot start any token");
    // Nobody looks at what stands behind a document that is complete by itself.
    if (this.#blocks) this.#cursor.parserError("did not find expected <document start>");
    return value;
  }

  /** The node that begins further right than `indent`, or null; in a mapping dashes may stand at `indent` itself. */
  #node(indent: number, dashesMayAlign: boolean): Value {
    return this.#parts.nested(() => this.#nodeInside(indent, dashesMayAlign));
  }

  #nodeInside(indent: number, dashesMayAlign: boolean): Value {
    const before = this.#cursor.at;
    this.#cursor.skip();
    if (this.#cursor.ended()) return null;
    const column = this.#cursor.column();
    const dash = this.#cursor.isDash();
    const behindKey = dashesMayAlign && !this.#cursor.linesSince(before);
    if (behindKey && dash) this.#cursor.scannerError("block sequence entries are not allowed in this context");
    if (behindKey && this.#cursor.isSimpleKeyAhead()) {
      this.#cursor.at += this.#cursor.colonAhead();
      this.#cursor.scannerError("mapping values are not allowed in this context");
    }
    if (this.#isOutside(indent, dashesMayAlign)) return null;
    if (dash) return this.#sequence(column, column === indent);
    const start = this.#cursor.at;
    const properties = this.#parts.properties();
    if (properties !== undefined && !this.#cursor.linesSince(start) && this.#cursor.keyAhead()) {
      // Properties before a key belong to the key, not to the mapping.
      this.#cursor.at = start;
      return this.#mapping(column);
    }
    this.#cursor.skip();
    const apart = properties === undefined || this.#cursor.linesSince(start);
    const empty = this.#cursor.ended() || (apart && this.#isOutside(indent, dashesMayAlign));
    const value =
      properties !== undefined && empty
        ? tagged("", properties.tag, false)
        : ((apart ? this.#blockCollection(indent) : undefined) ?? this.#content(indent, properties));
    return this.#parts.named(value, properties);
  }

  /** What stands here belongs to a node further out; in a mapping dashes may stand at `indent` itself. */
  #isOutside(indent: number, dashesMayAlign: boolean): boolean {
    const column = this.#cursor.column();
    return column <= indent && !(dashesMayAlign && column === indent && this.#cursor.isDash());
  }

  #blockCollection(indent: number): Value | undefined {
    const column = this.#cursor.column();
    if (this.#cursor.isDash()) return this.#sequence(column, column === indent);
    if (/^:(?:[ \t\n]|$)/.test(this.#cursor.text.slice(this.#cursor.at, this.#cursor.at + 2)))
      this.#cursor.parserError("did not find expected key");
    if (this.#cursor.isQuestion() || this.#cursor.keyAhead()) return this.#mapping(column);
    return undefined;
  }

  /** A node that is no block collection. */
  #content(indent: number, properties: Properties | undefined): Value {
    const character = this.#cursor.text[this.#cursor.at] ?? "";
    switch (character) {
      case "":
        return null;
      case "*":
      case "&":
      case "!":
        // An alias has no properties, and no node two of a kind: what stands before is an empty node.
        return properties === undefined ? this.#parts.alias() : tagged("", properties.tag, false);
      case "[":
      case "{":
        return this.#flow.collection();
      case '"':
      case "'":
        return tagged(this.#parts.quoted(), properties?.tag, true);
      case "|":
      case ">": {
        const result = blockScalar(this.#cursor.text, this.#cursor.at, Math.max(indent, -1));
        if (typeof result === "string") return this.#cursor.scannerError(result);
        this.#cursor.at = result.end;
        return tagged(result.value, properties?.tag, true);
      }
      case ",":
      case "]":
      case "}":
        return this.#cursor.parserError("did not find expected node content");
      case "%":
        if (isDirective(this.#cursor)) directive(this.#cursor);
        return this.#cursor.scannerError("found character that cannot start any token");
      case "@":
      case "`":
      case "\t":
        return this.#cursor.scannerError("found character that cannot start any token");
    }
    if (this.#cursor.isDash()) this.#cursor.scannerError("block sequence entries are not allowed in this context");
    return tagged(this.#plain(indent), properties?.tag, false);
  }

  /** `aligned` with the mapping around it, whose next key ends it. */
  #sequence(column: number, aligned: boolean): Value {
    this.#blocks = true;
    const items: Value[] = [];
    for (;;) {
      this.#cursor.skip();
      if (this.#cursor.ended() || this.#cursor.column() < column || !this.#cursor.isDash()) break;
      if (this.#cursor.column() > column) this.#cursor.parserError("did not find expected '-' indicator");
      this.#cursor.at++;
      items.push(this.#node(column, false));
    }
    if (!this.#cursor.ended() && this.#cursor.column() > (aligned ? column : column - 1)) {
      if (this.#cursor.column() === column) this.#checkKey();
      this.#cursor.parserError("did not find expected '-' indicator");
    }
    return anySlice(items);
  }

  #mapping(column: number): Value {
    this.#blocks = true;
    const entries = new Map<Value, Value>();
    for (;;) {
      this.#cursor.skip();
      if (this.#cursor.ended() || this.#cursor.column() < column) break;
      if (this.#cursor.column() > column || this.#cursor.isDash()) {
        this.#cursor.parserError("did not find expected key");
      }
      const key = this.#cursor.isQuestion() ? this.#explicitKey(column) : this.#simpleKey();
      this.#cursor.skip();
      if (this.#cursor.text[this.#cursor.at] === ":") {
        this.#cursor.at++;
        put(entries, key, this.#node(column, true), this.#parts);
      } else put(entries, key, null, this.#parts);
    }
    return new GoMap("interface {}", "interface {}", entries);
  }

  #explicitKey(column: number): Value {
    this.#cursor.at++;
    return this.#node(column, false);
  }

  #simpleKey(): Value {
    const properties = this.#parts.properties();
    this.#cursor.skip();
    const character = this.#cursor.text[this.#cursor.at]!;
    if (isDirective(this.#cursor)) directive(this.#cursor);
    this.#checkKey();
    if (character === "*") return this.#parts.alias();
    if (character === "[" || character === "{") return this.#flow.collection();
    const value =
      character === '"' || character === "'"
        ? tagged(this.#parts.quoted(), properties?.tag, true)
        : tagged(this.#plainKey(), properties?.tag, false);
    return this.#parts.named(value, properties);
  }

  /** What stands where a key must is followed by its colon. */
  #checkKey(): void {
    if (this.#cursor.isSimpleKeyAhead()) return;
    this.#parts.properties();
    this.#content(this.#cursor.column(), undefined);
    this.#cursor.skip();
    this.#cursor.colonError();
  }

  #plainKey(): string {
    const rest = this.#cursor.restOfLine();
    const key = /^.*?(?=[ \t]*:(?:[ \t]|$))/.exec(rest)![0];
    this.#cursor.at += key.length;
    return key;
  }

  /** A plain scalar over as many lines as are further in than `indent`. */
  #plain(indent: number): string {
    const lines: string[] = [];
    for (;;) {
      const rest = this.#cursor.restOfLine();
      const line = /^.*?(?=[ \t]+#|[ \t]*$)/.exec(rest)![0];
      const colon = /:(?:[ \t]|$)/.exec(line);
      if (colon) {
        this.#cursor.at += colon.index;
        this.#cursor.scannerError("mapping values are not allowed in this context");
      }
      lines.push(line);
      this.#cursor.at += line.length;
      if (/^[ \t]+#/.test(rest.slice(line.length))) break;
      const next = /^[ \t]*\n((?:[ \t]*\n)*)( *)(?=[^ \n])/.exec(this.#cursor.text.slice(this.#cursor.at));
      if (
        next === null ||
        next[2]!.length <= indent ||
        /^(?:---|\.\.\.)(?:[ \n]|$)/.test(
          this.#cursor.text.slice(this.#cursor.at + next[0].length, this.#cursor.at + next[0].length + 4),
        )
      )
        break;
      if (this.#cursor.text[this.#cursor.at + next[0].length] === "#") break;
      for (const _ of next[1]!.matchAll(/\n/g)) lines.push("");
      this.#cursor.at += next[0].length;
    }
    return foldLines(lines);
  }
}
