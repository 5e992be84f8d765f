/** Values as YAML, laid out as Go's yaml.v2 does. */
import { JsonNumber } from "../../../json.ts";
import { formatFloat } from "../../go/float.ts";
import { formatPlain } from "../../go/format.ts";
import { boundedSize } from "../../go/size.ts";
import { byteLength, encodeText } from "../../go/text.ts";
import { fail, GoMap, integerOf, NilPointer, Slice, Struct, typeName, type Value } from "../../go/values.ts";
import { encodeBase64, STANDARD } from "../encoding.ts";
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

/** In bytes. */
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
      const simple = isSimpleKey(key);
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
    const plain = plainText(value);
    if (plain !== undefined) {
      this.text.write(plain);
      return;
    }
    const text = textOf(value);
    const binary = !text.isWellFormed();
    if (binary) this.text.write("!!binary ");
    const shown = binary ? base64Lines(encodeText(text)) : text;
    this.text.scalar(shown, chooseStyle(shown, !binary && looksLikeOther(shown), isKey), indent, !isKey);
  }
}

/** Others are written with a question mark. */
function isSimpleKey(key: Value): boolean {
  if (collectionOf(key) !== undefined) return false;
  const text = plainText(key) ?? textOf(key);
  return byteLength(text) <= MAX_SIMPLE_KEY && !/[\n\r\x85\u2028\u2029]/.test(text);
}

/** The text of what has no plain text of its own. */
function textOf(value: Value): string {
  return value instanceof Struct ? (value.type.string?.(value) ?? "") : formatPlain(value);
}

const BASE64_LINE = 70;

function base64Lines(bytes: Uint8Array): string {
  const text = encodeBase64(bytes, STANDARD);
  return text.length < BASE64_LINE ? text : text.replace(new RegExp(`.{1,${BASE64_LINE}}`, "g"), "$&\n");
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
  if (typeof value === "string" || typeName(value) === "time.Duration") return undefined;
  if (value instanceof Struct) {
    if (value.type.name === "time.Time") return String(value.type.json?.(value));
    return value.type.string === undefined ? "{}" : undefined;
  }
  return integerOf(value)?.toString() ?? fail(`cannot marshal type: ${typeName(value)}`);
}
