/** YAML's flow collections: `[a, b]` and `{a: b}`, over as many lines as they like. */
import { anySlice, GoMap, type Value } from "../../go/values.ts";
import type { Cursor } from "./cursor.ts";
import { type NodeParts, put, tagged } from "./node-parts.ts";
import { foldLines } from "./quoted.ts";

export class FlowReader {
  readonly #cursor: Cursor;
  readonly #parts: NodeParts;

  constructor(cursor: Cursor, parts: NodeParts) {
    this.#cursor = cursor;
    this.#parts = parts;
  }

  /** From the opening bracket to behind the closing one. */
  collection(): Value {
    return this.#parts.nested(() => this.#collection());
  }

  #collection(): Value {
    const open = this.#cursor.text[this.#cursor.at++];
    const close = open === "[" ? "]" : "}";
    const items: Value[] = [];
    const entries = new Map<Value, Value>();
    for (;;) {
      this.#cursor.skipFlow();
      if (this.#cursor.take(close)) break;
      const start = this.#cursor.at;
      const explicit = this.#cursor.take("?");
      if (explicit) this.#cursor.skipFlow();
      const key = explicit && this.#cursor.text[this.#cursor.at] === close ? null : this.#node();
      this.#cursor.skipFlow();
      // A key without its question mark ends on its line.
      const pair = this.#cursor.text[this.#cursor.at] === ":" && (explicit || !this.#cursor.linesSince(start));
      if (pair) this.#cursor.at++;
      if (pair) this.#cursor.skipFlow();
      const value = pair && !/[,\]}]/.test(this.#cursor.text[this.#cursor.at] ?? "") ? this.#node() : null;
      if (close === "}") put(entries, key, value, this.#parts);
      else items.push(pair ? new GoMap("interface {}", "interface {}", new Map([[key, value]])) : key);
      this.#cursor.skipFlow();
      if (!this.#cursor.take(",") && this.#cursor.text[this.#cursor.at] !== close)
        this.#cursor.parserError(`did not find expected ',' or '${close}'`);
    }
    return close === "}" ? new GoMap("interface {}", "interface {}", entries) : anySlice(items);
  }

  #node(): Value {
    const properties = this.#parts.properties();
    this.#cursor.skipFlow();
    const character = this.#cursor.text[this.#cursor.at] ?? "";
    if (character === "[" || character === "{") return this.#parts.named(this.collection(), properties);
    if (/[*&!]/.test(character))
      return properties === undefined
        ? this.#parts.alias()
        : this.#parts.named(tagged("", properties.tag, false), properties);
    if (character === '"' || character === "'")
      return this.#parts.named(tagged(this.#parts.quoted(), properties?.tag, true), properties);
    const dash = this.#cursor.isDash();
    const plain = this.#cursor
      .match(/(?:(?!\n(?:---|\.\.\.)(?:[ \t\n]|$))[^,?[\]{}:#]|(?<=[^ \t\n,[\]{}]):(?![ \t\n]|$)|(?<![ \t\n])#)*/y)
      .trim();
    if (dash || (plain === "" && character !== ":" && properties === undefined))
      this.#cursor.parserError("did not find expected node content");
    const text = foldLines(plain.split("\n").map((line) => line.trim()));
    return this.#parts.named(tagged(text, properties?.tag, false), properties);
  }
}
