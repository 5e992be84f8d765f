/** Values as YAML, laid out as Go's yaml.v2 does. */
import { JsonNumber } from "../../../json.ts";
import { formatFloat } from "../../go/float.ts";
import { formatPlain } from "../../go/format.ts";
import { boundedSize } from "../../go/size.ts";
import { fail, GoMap, Integer, integerOf, NilPointer, Slice, Struct, typeName, type Value } from "../../go/values.ts";
import { compareNaturally } from "./order.ts";
import { looksLikeOther, numberOf } from "./resolve.ts";
import { chooseStyle, ScalarWriter } from "./scalar.ts";

/** Without the line break at the end. */
export function writeYaml(value: Value): string {
  boundedSize(value);
  const writer = new YamlWriter();
  writer.node(value, -2, "root");
  return writer.text.text;
}

/** Keys longer than this are written with a question mark. */
const MAX_SIMPLE_KEY = 128;

class YamlWriter {
  readonly text = new ScalarWriter();

  /** `indent` is that of the collection around it; `after` what stands before it on the line. */
  node(value: Value, indent: number, after: "root" | "key" | "dash"): void {
    const collection = collectionOf(value);
    if (collection === undefined || collection.length === 0) {
      if (after !== "root") this.text.write(" ");
      this.#scalar(value, after === "root" ? 2 : indent + 2, false);
    } else if (value instanceof Slice)
      this.#sequence(
        collection.map(([, item]) => item),
        after === "key" ? indent : indent + 2,
        after,
      );
    else this.#mapping(collection, indent + 2, after);
  }

  /** In a mapping the dashes stand below the key, not further in. */
  #sequence(items: readonly Value[], indent: number, after: "root" | "key" | "dash"): void {
    items.forEach((item, i) => {
      this.#start(indent, i === 0 ? after : "key");
      this.text.write("-");
      this.node(item, indent, "dash");
    });
  }

  #mapping(entries: readonly (readonly [Value, Value])[], indent: number, after: "root" | "key" | "dash"): void {
    entries.forEach(([key, value], i) => {
      this.#start(indent, i === 0 ? after : "key");
      const simple = collectionOf(key) === undefined && formatPlain(key).length <= MAX_SIMPLE_KEY;
      if (simple) this.#scalar(key, indent + 2, true);
      else {
        this.text.write("?");
        this.node(key, indent, "dash");
        this.text.newline(indent);
      }
      this.text.write(":");
      this.node(value, indent, simple ? "key" : "dash");
    });
  }

  #start(indent: number, after: "root" | "key" | "dash"): void {
    if (after === "key") this.text.newline(indent);
    else if (after === "dash") this.text.write(" ");
  }

  #scalar(value: Value, indent: number, isKey: boolean): void {
    const text = plainText(value);
    if (text !== undefined) {
      this.text.write(text);
      return;
    }
    const string = value instanceof Struct ? (value.type.string?.(value) ?? "") : formatPlain(value);
    this.text.scalar(string, chooseStyle(string, looksLikeOther(string), isKey), indent, !isKey);
  }
}

/** Entries of what is written on several lines; undefined for scalars. */
function collectionOf(value: Value): readonly (readonly [Value, Value])[] | undefined {
  if (value instanceof Slice) return value.items.map((item) => [null, item] as const);
  if (value instanceof GoMap) return [...value.entries].sort(([a], [b]) => compareNaturally(a, b));
  if (!(value instanceof Struct) || value.type.string !== undefined) return undefined;
  const visible = value.type.fields.filter((name) => /^\p{Lu}/u.test(name));
  return visible.map((name) => [name.toLowerCase(), value.fields.get(name) ?? null] as const);
}

/** The text of what never needs quotes; undefined for texts. */
function plainText(value: Value): string | undefined {
  if (value === null || value instanceof NilPointer) return "null";
  if (typeof value === "boolean") return String(value);
  if (value instanceof JsonNumber) return plainText(numberOf(value));
  if (typeof value === "number") {
    if (Number.isNaN(value)) return ".nan";
    if (!Number.isFinite(value)) return value > 0 ? ".inf" : "-.inf";
    return formatFloat(value, "g", -1);
  }
  if (value instanceof Slice) return "[]";
  if (value instanceof GoMap) return "{}";
  if (typeof value === "string" || (value instanceof Integer && value.named !== undefined)) return undefined;
  if (value instanceof Struct) return value.type.string === undefined ? "{}" : undefined;
  return integerOf(value)?.toString() ?? fail(`cannot marshal type: ${typeName(value)}`);
}
