/** YAML's flow collections: `[a, b]` and `{a: b}`, over as many lines as they like. */
import { anySlice, GoMap, type Value } from "../../go/values.ts";
import type { Cursor } from "./cursor.ts";
import { type NodeParts, put, tagged } from "./node-parts.ts";

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
      const key = this.#node();
      this.#cursor.skipFlow();
      const pair = this.#cursor.text[this.#cursor.at] === ":";
      if (pair) this.#cursor.at++;
      if (pair) this.#cursor.skipFlow();
      const value = pair && !/[,\]}]/.test(this.#cursor.text[this.#cursor.at] ?? "") ? this.#node() : null;
      if (close === "}") put(entries, key, value);
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
    if (character === "*") return this.#parts.alias();
    if (character === '"' || character === "'")
      return this.#parts.named(tagged(this.#parts.quoted(), properties?.tag, true), properties);
    const plain = /^(?:[^,?[\]{}:#\n]|:(?![ \t\n,[\]{}]|$)|(?<![ \t])#)*/.exec(
      this.#cursor.text.slice(this.#cursor.at),
    )![0];
    if (plain === "" && character !== ":" && character !== ",")
      this.#cursor.parserError("did not find expected node content");
    this.#cursor.at += plain.length;
    return this.#parts.named(tagged(plain.trim(), properties?.tag, false), properties);
  }
}
