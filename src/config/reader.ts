/**
 * One block of a configuration while it is being read. Every key that is asked for becomes a known key, so the code
 * that reads a block is its schema; what nobody asked for is reported at the end. Faults are collected, never thrown.
 */
import type { Fault } from "../errors.ts";
import type { Item, Key, ObjectValue, Value } from "./hcl/ast.ts";
import { nearest } from "./nearest.ts";
import type { Place } from "./place.ts";

/** The file that is being read, and what was found out about it so far. */
export interface Source {
  readonly file: string;
  readonly syntax: "hcl" | "json";
  readonly errors: Fault[];
  readonly warnings: Fault[];
}

export interface Attribute {
  readonly value: Value;
  readonly line: number;
}

export interface BlockReader {
  /** How messages name the block: `auto_auth.method`, or empty at the top level. */
  readonly name: string;
  readonly place: Place;
  readonly labels: readonly string[];
  /** The key's value; of several the last, as in HCL1. */
  attribute(key: string): Attribute | undefined;
  /** The key's value as often as it stands there: what is replaced has to be of the right kind too. */
  attributes(key: string): readonly Attribute[];
  /** The blocks of that name in their order. A value that is no block is a fault of the wording that is given. */
  blocks(key: string, options?: BlockOptions): readonly BlockReader[];
  /** All that the block holds, without a schema. */
  readonly items: readonly Item[];
  /** A fault of this block, at its own line unless another is given. `message` is led in by the block's context. */
  fault(message: string, hint?: string, line?: number): void;
  warn(message: string, hint?: string, line?: number): void;
  /**
   * Reports the keys that nobody asked for: where Vault Agent ignores them as a warning, where it refuses them as a
   * fault in its words, in lessee's own blocks as a fault.
   */
  finish(unknown: "ignored" | "refused" | { readonly invalidKeysOf: string }): void;
}

export interface BlockOptions {
  /** What Vault Agent says before a fault of this block, as `error parsing 'cache':`; added to the parent's. */
  readonly context?: string;
  /** The words for a value that is not a block. */
  readonly notABlock?: string;
  /** Keys of the block itself; a JSON object of objects with other keys has labels for keys: `{"file": {…}}`. */
  readonly labelledUnless?: readonly string[];
  /** In HCL, too, several may be one list, and none an empty one. */
  readonly listed?: true;
}

/** Reads the top level of a file. */
export function readDocument(source: Source, root: ObjectValue): BlockReader {
  return blockReader(source, root, { name: "", context: "", labels: [], line: root.position.line });
}

interface Frame {
  readonly name: string;
  readonly context: string;
  readonly labels: readonly string[];
  readonly line: number;
}

function blockReader(source: Source, body: ObjectValue, frame: Frame): BlockReader {
  const known = new Set<string>();

  function report(message: string, hint: string | undefined, line: number): void {
    source.errors.push({
      file: source.file,
      line,
      message: frame.context + message,
      ...(hint === undefined ? {} : { hint }),
    });
  }

  function matching(key: string): readonly Item[] {
    known.add(key);
    return body.items.filter((item) => item.keys[0]!.text.toLowerCase() === key);
  }

  function attributes(key: string): readonly Attribute[] {
    return matching(key).map((item) => ({ value: withoutLabels(item), line: lineOf(item) }));
  }

  function fault(message: string, hint?: string, line: number = frame.line): void {
    report(message, hint, line);
  }

  return {
    name: frame.name,
    labels: frame.labels,
    place: { file: source.file, line: frame.line },
    items: body.items,
    fault,
    attribute: (key) => attributes(key).at(-1),
    attributes,
    blocks(key, options = {}) {
      const name = frame.name ? `${frame.name}.${key}` : key;
      return matching(key).flatMap((item) => {
        const bodies = objectsOf(source, item, options);
        if (!bodies) {
          fault(options.notABlock ?? `${name}: not an object type for struct`, expectedBlock(item.value), lineOf(item));
          return [];
        }
        return bodies.map(({ labels, value, line }) =>
          blockReader(source, value, { name, context: frame.context + (options.context ?? ""), labels, line }),
        );
      });
    },
    warn(message, hint, line = frame.line) {
      // Without the context, which speaks of an error.
      source.warnings.push({ file: source.file, line, message, ...(hint === undefined ? {} : { hint }) });
    },
    finish(unknown) {
      for (const { keys } of body.items) {
        const key = keys[0]!;
        if (known.has(key.text.toLowerCase())) continue;
        const likely = nearest(key.text, known);
        const where = frame.name ? ` in ${frame.name}` : "";
        const suggestion = likely ? `did you mean ${likely}?` : undefined;
        const words = `unknown key "${key.text}"${where}`;
        const { line } = key.position;
        if (unknown === "refused") fault(words, suggestion, line);
        else if (unknown !== "ignored") {
          fault(`'${unknown.invalidKeysOf}' has invalid keys: ${key.text}`, suggestion, line);
        } else source.warnings.push({ file: source.file, line, message: words, hint: suggestion ?? "it is ignored" });
      }
    },
  };
}

interface Body {
  readonly labels: readonly string[];
  readonly value: ObjectValue;
  readonly line: number;
}

/** The blocks that an item stands for; undefined if it is something else. */
function objectsOf(source: Source, item: Item, options: BlockOptions): readonly Body[] | undefined {
  const labels = item.keys.slice(1).map((key) => key.text);
  const { value } = item;
  if (options.listed && value.kind === "list" && value.elements.length === 0) return [];
  if (source.syntax === "json") return jsonObjects(value, lineOf(item), labels, options.labelledUnless);
  if (value.kind === "object") return [{ labels, value, line: lineOf(item) }];
  return options.listed ? jsonObjects(value, lineOf(item), labels, undefined) : undefined;
}

function jsonObjects(
  value: Value,
  line: number,
  labels: readonly string[],
  own: readonly string[] | undefined,
): readonly Body[] | undefined {
  if (value.kind === "list") {
    if (value.elements.length === 0) return undefined;
    const bodies = value.elements.map((element) => jsonObjects(element, element.position.line, labels, own));
    return bodies.every((found) => found !== undefined) ? bodies.flat() : undefined;
  }
  if (value.kind !== "object") return undefined;
  if (own && isLabelled(value, own)) {
    return value.items.flatMap(
      (item) => jsonObjects(item.value, lineOf(item), [...labels, item.keys[0]!.text], undefined) ?? [],
    );
  }
  return [{ labels, value, line }];
}

function isLabelled(value: ObjectValue, own: readonly string[]): boolean {
  return (
    value.items.length > 0 &&
    value.items.every(({ keys, value: inner }) => {
      const objects = inner.kind === "list" ? inner.elements : [inner];
      return (
        !own.includes(keys[0]!.text.toLowerCase()) &&
        objects.length > 0 &&
        objects.every((object) => object.kind === "object")
      );
    })
  );
}

/** `a "b" { … }` as the value of `a`: an object in which `b` is a key. */
export function withoutLabels(item: Item): Value {
  return item.keys
    .slice(1)
    .reduceRight<Value>(
      (value: Value, key: Key) => ({ kind: "object", items: [{ keys: [key], value }], position: key.position }),
      item.value,
    );
}

function lineOf(item: Item): number {
  return item.keys[0]!.position.line;
}

function expectedBlock(value: Value): string {
  return `expected a block, got ${describeValue(value)}`;
}

/** What a value is, for a message; a string is not quoted back, because it may be a secret. */
export function describeValue(value: Value): string {
  switch (value.kind) {
    case "object":
      return "a block";
    case "list":
      return value.elements.length === 0 ? "an empty list" : "a list";
    case "string":
      return "a string";
    case "integer":
    case "float":
      return `the number ${value.text}`;
    case "bool":
      return String(value.value);
    case "null":
      return "null";
  }
}

/** What Go calls the type that HCL's decoder makes of a value. */
export function goKind(value: Value): string {
  switch (value.kind) {
    case "object":
      return "[]map[string]interface {}";
    case "list":
      return "[]interface {}";
    case "integer":
      return "int";
    case "float":
      return "float64";
    case "bool":
      return "bool";
    default:
      return "string";
  }
}
