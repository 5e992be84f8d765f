/**
 * Changes of a manifest as insertions into its text: what is not added stays to the byte, with its spaces, its comments
 * and its empty lines. Whoever calls compares what has come out; where an insertion is not possible there is none.
 */
import type { Node, Pair, YAMLMap, YAMLSeq } from "yaml";
import { keysOf, type Operation } from "./json-patch.ts";

type Yaml = typeof import("yaml");

/** Undefined where a path leads to what cannot be added to: an alias, a scalar, a tag. */
export function splice(yaml: Yaml, text: string, operations: readonly Operation[]): string | undefined {
  const document = yaml.parseDocument(text, { schema: "failsafe" });
  const splicer = new Splicer(yaml, text);
  for (const { op, path, value } of operations) {
    const keys = keysOf(path);
    const way: unknown[] = [document.contents];
    for (const name of keys.slice(0, -1)) way.push(step(yaml, way.at(-1), name));
    if (op !== "add" || !splicer.add(way, keys.at(-1) ?? "", value)) return undefined;
  }
  return splicer.result();
}

/** Whether lists stand deeper than the key that they belong to. */
export function indentsLists(text: string): boolean {
  return !/^( *)[^\s#-][^\n]*:[^\S\n]*(?:#.*)?\n(?:[^\S\n]*(?:#.*)?\n)*\1- /m.test(text);
}

// ---- internal ----

interface Edit {
  /** What is added deeper inside stands first, where both end at one place. */
  readonly depth: number;
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** Where something was added, for what is added after it. */
interface Added {
  readonly at: number;
  readonly column: number;
}

type Item = Node | Pair<Node, Node | null>;
type Holder = YAMLMap<Node, Node | null> | YAMLSeq<Node>;

class Splicer {
  readonly #yaml: Yaml;
  readonly #text: string;
  readonly #eol: string;
  readonly #indentSeq: boolean;
  readonly #edits: Edit[] = [];
  #depth = 0;
  readonly #added = new WeakMap<object, Added>();

  constructor(yaml: Yaml, text: string) {
    this.#yaml = yaml;
    this.#text = text;
    this.#eol = text.includes("\r\n") ? "\r\n" : "\n";
    this.#indentSeq = indentsLists(text);
  }

  /** To the last one of the nodes on its way; false where that cannot be. */
  add(way: readonly unknown[], key: string, value: unknown): boolean {
    const holder = way.at(-1);
    this.#depth = way.length;
    if (!this.#yaml.isCollection(holder)) return false;
    const list = this.#yaml.isSeq(holder);
    const items = holder.items as Item[];
    const index = list && key !== "-" ? Number(key) : items.length;
    const done =
      items.length === 0
        ? this.#intoEmpty(holder as Holder, way.at(-2), list ? [value] : { [key]: value })
        : holder.flow
          ? index === items.length && this.#intoFlow(items.at(-1), value, list ? undefined : key)
          : this.#intoBlock(holder as Holder, index, list ? [value] : { [key]: value });
    if (!done) return false;
    const placeholder = list ? new this.#yaml.Scalar(null) : new this.#yaml.Pair(new this.#yaml.Scalar(key), null);
    items.splice(index, 0, placeholder as Item);
    this.#added.set(placeholder, done);
    return true;
  }

  result(): string {
    let at = 0;
    let result = "";
    for (const { from, to, text } of this.#edits.toSorted((a, b) => a.from - b.from || b.depth - a.depth)) {
      const before = this.#text.slice(at, from);
      const ended = (result + before).endsWith("\n") || !text.endsWith(this.#eol) || result + before === "";
      result += `${before}${ended ? "" : this.#eol}${text}`;
      at = to;
    }
    return result + this.#text.slice(at);
  }

  #intoBlock(holder: Holder, index: number, content: unknown): Added | undefined {
    const column = this.#column(holder);
    const at = index === 0 ? this.#before(holder.items[0] as Item) : this.#after(holder.items[index - 1] as Item);
    return column === undefined || at === undefined ? undefined : this.#insert(at, column, content);
  }

  /** `volumes: []` has its list in the lines below; what stands behind it in its line stays there. */
  #intoEmpty(holder: Holder, parent: unknown, content: unknown): Added | undefined {
    const [start, end] = holder.range ?? [];
    if (start === undefined || end === undefined || !this.#yaml.isMap(parent) || parent.flow) return undefined;
    const column = this.#column(parent as Holder);
    if (column === undefined || !/^(\[\s*\]|\{\s*\})$/.test(this.#text.slice(start, end))) return undefined;
    const from = this.#text.slice(0, start).trimEnd().length;
    this.#edits.push({ depth: this.#depth, from, to: end, text: "" });
    holder.flow = false;
    return this.#insert(this.#nextLine(end), column + (Array.isArray(content) && !this.#indentSeq ? 0 : 2), content);
  }

  /** Behind the last element, in its line. */
  #intoFlow(last: Item | undefined, value: unknown, key: string | undefined): Added | undefined {
    const node = this.#yaml.isPair(last) ? (last.value ?? last.key) : last;
    const at = this.#added.get(last ?? {})?.at ?? (node as Node | undefined)?.range?.[1];
    const content = this.#nodeOf(key === undefined ? value : { [key]: value });
    const flow = this.#yaml.stringify(content, { ...OPTIONS, collectionStyle: "flow" }).trimEnd();
    if (at === undefined || flow.includes("\n")) return undefined;
    this.#edits.push({
      depth: this.#depth,
      from: at,
      to: at,
      text: `, ${key === undefined ? flow : flow.replace(/^\{ ?| ?\}$/g, "")}`,
    });
    return { at, column: 0 };
  }

  #insert(at: number, column: number, content: unknown): Added {
    const block = this.#yaml.stringify(this.#nodeOf(content), { ...OPTIONS, indentSeq: this.#indentSeq }).trimEnd();
    const lines = block.split("\n").map((line) => `${line === "" ? "" : " ".repeat(column) + line}${this.#eol}`);
    this.#edits.push({ depth: this.#depth, from: at, to: at, text: lines.join("") });
    return { at, column };
  }

  /** Of the keys, or of the dashes before elements. */
  #column({ items }: Holder): number | undefined {
    const [first] = items as readonly Item[];
    const added = this.#added.get(first ?? {});
    if (added !== undefined) return added.column;
    const start = (this.#yaml.isPair(first) ? first.key : first)?.range?.[0];
    if (start === undefined) return undefined;
    const line = this.#lineStart(start);
    if (this.#yaml.isPair(first)) return start - line;
    const dash = this.#text.slice(line, start).lastIndexOf("-");
    return dash < 0 ? undefined : dash;
  }

  #before(first: Item): number | undefined {
    const start = this.#yaml.isPair(first) ? first.key.range?.[0] : first.range?.[0];
    return this.#added.get(first)?.at ?? (start === undefined ? undefined : this.#lineStart(start));
  }

  /** The line after the innermost last element. */
  #after(item: Item): number | undefined {
    const added = this.#added.get(item);
    if (added !== undefined) return added.at;
    const node = this.#yaml.isPair(item) ? (item.value ?? item.key) : item;
    if (this.#yaml.isCollection(node) && !node.flow && node.items.length > 0)
      return this.#after(node.items.at(-1) as Item);
    return node.range ? this.#nextLine(node.range[1]) : undefined;
  }

  #lineStart(at: number): number {
    return this.#text.lastIndexOf("\n", at - 1) + 1;
  }

  #nextLine(end: number): number {
    if (end > 0 && this.#text[end - 1] === "\n") return end;
    const line = this.#text.indexOf("\n", end);
    return line < 0 ? this.#text.length : line + 1;
  }

  /** With quotes around what YAML 1.1 takes for something else than a text, which is what Kubernetes reads. */
  #nodeOf(value: unknown): Node {
    const document = new this.#yaml.Document(value, { aliasDuplicateObjects: false });
    this.#yaml.visit(document, {
      Scalar(_, scalar) {
        if (typeof scalar.value === "string" && AMBIGUOUS.test(scalar.value)) scalar.type = "QUOTE_DOUBLE";
      },
    });
    return document.contents as Node;
  }
}

const OPTIONS = { lineWidth: 0, aliasDuplicateObjects: false, doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER };

const AMBIGUOUS = /^(?:y|n|yes|no|on|off|true|false|null|~|[-+]?[.\d][\d._:eExXobOa-fA-F+-]*)$/i;

function step(yaml: Yaml, at: unknown, name: string): unknown {
  if (yaml.isMap(at)) return at.get(name, true);
  return yaml.isSeq(at) ? at.items[Number(name)] : undefined;
}
