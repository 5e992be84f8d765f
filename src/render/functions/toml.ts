/** Values as TOML, laid out as Go's BurntSushi/toml does: scalars before tables, nested tables indented. */
import { JsonNumber } from "../../json.ts";
import { formatFloat } from "../go/float.ts";
import { define, type TemplateFunction } from "../go/function.ts";
import { compareStrings } from "../go/order.ts";
import { quote } from "../go/quote.ts";
import { boundedSize } from "../go/size.ts";
import {
  Channel,
  Complex,
  fail,
  GoMap,
  integerOf,
  kindOf,
  NilPointer,
  Slice,
  Struct,
  stringOf,
  typeName,
  type Value,
} from "../go/values.ts";
import { trimSpace } from "./text.ts";

export const TOML_FUNCTIONS: readonly TemplateFunction[] = [
  define("toTOML", ["interface {}"], ([value]) => {
    if (value === null) fail("reflect: call of reflect.Value.Type on zero Value");
    boundedSize(value);
    const writer = new TomlWriter();
    writer.value([], value);
    return trimSpace(writer.text);
  }),
];

type Key = readonly string[];
type Entry = readonly [string, Value];

class TomlWriter {
  text = "";

  value(key: Key, value: Value): void {
    if (isNil(value)) return;
    if (isTable(value)) this.#table(key, value);
    else if (isTableArray(value)) this.#tables(key, value.items);
    else if (value instanceof Complex || value instanceof Channel) {
      refuse(`unsupported type for key '${pathText(key)}': ${kindOf(value)}`);
    } else if (key.length === 0) this.text += elementText(value);
    else this.text += `${margin(key)}${keyText(key.at(-1)!)} = ${elementText(value)}\n`;
  }

  #table(key: Key, table: GoMap | Struct): void {
    if (key.length === 1) this.#newline();
    if (key.length > 0) this.text += `${margin(key)}[${pathText(key)}]\n`;
    for (const [name, value] of entriesOf(table)) this.value([...key, name], value);
  }

  #tables(key: Key, items: readonly Value[]): void {
    if (key.length === 0) refuse("toml: top-level values must be Go maps or structs");
    for (const item of items) {
      if (isNil(item)) continue;
      this.#newline();
      this.text += `${margin(key)}[[${pathText(key)}]]\n`;
      for (const [name, value] of entriesOf(item as GoMap | Struct)) this.value([...key, name], value);
    }
  }

  #newline(): void {
    if (this.text !== "") this.text += "\n";
  }
}

function refuse(message: string): never {
  return fail(`toTOML: ${message}`);
}

/** What is no table first; a map by its keys, a struct as it was declared. */
function entriesOf(table: GoMap | Struct): readonly Entry[] {
  const entries = table instanceof GoMap ? mapEntries(table) : fieldEntries(table);
  return [...entries.filter(([, value]) => !isSection(value)), ...entries.filter(([, value]) => isSection(value))];
}

function mapEntries(map: GoMap): readonly Entry[] {
  if (map.key !== "string") refuse("toml: cannot encode a map with non-string key type");
  return ([...map.entries] as [string, Value][]).sort(([a], [b]) => compareStrings(a, b));
}

function fieldEntries(struct: Struct): readonly Entry[] {
  const visible = struct.type.fields.filter((name) => /^\p{Lu}/u.test(name));
  return visible.map((name) => [name, struct.fields.get(name) ?? null] as const);
}

function isNil(value: Value): boolean {
  if (value === null || value instanceof NilPointer) return true;
  return (value instanceof Slice || value instanceof GoMap) && value.isNil;
}

function isTable(value: Value): value is GoMap | Struct {
  return (value instanceof GoMap && !value.isNil) || (value instanceof Struct && textOf(value) === undefined);
}

function isTableArray(value: Value): value is Slice {
  if (!(value instanceof Slice) || value.items.length === 0) return false;
  if (value.items.some(isNil)) refuse("toml: cannot encode array with nil element");
  for (const item of value.items) isSection(item);
  return value.items.every(isTable);
}

function isSection(value: Value): boolean {
  if (value instanceof Complex || value instanceof Channel) refuse(`unsupported type: ${kindOf(value)}`);
  return isTable(value) || isTableArray(value);
}

/** What a type that has a text of its own is written as. */
function textOf(value: Value): string | undefined {
  if (!(value instanceof Struct) || value.type.json === undefined) return undefined;
  const text = String(value.type.json(value));
  return value.type.name === "time.Time" ? text : quoted(text);
}

function elementText(value: Value): string {
  const own = textOf(value);
  if (own !== undefined) return own;
  if (typeof value === "boolean") return String(value);
  if (value instanceof JsonNumber) return numberText(value);
  if (typeof value === "number") return floatText(value);
  const text = typeName(value) === "time.Duration" ? undefined : integerOf(value)?.toString();
  if (text !== undefined) return text;
  if (value instanceof Slice) return `[${value.items.map(elementText).join(", ")}]`;
  if (value instanceof GoMap || value instanceof Struct) return inlineTable(value);
  const shown = stringOf(value) ?? durationText(value);
  return quoted(shown);
}

function durationText(value: Value): string {
  return value !== null && typeof value === "object" && "named" in value && value.named !== undefined
    ? value.named.string(value.value)
    : refuse(`unexpected type: ${typeName(value)}`);
}

/** The comma behind a value does not know that those which follow may be nil. */
function inlineTable(table: GoMap | Struct): string {
  const entries = entriesOf(table);
  const parts = entries.map(([name, value], i) =>
    isNil(value) ? "" : `${keyText(name)} = ${elementText(value)}${i < entries.length - 1 ? ", " : ""}`,
  );
  return `{${parts.join("")}}`;
}

function numberText(number: JsonNumber): string {
  if (number.text === "") return "0";
  if (/^-?[0-9]+$/.test(number.text) && BigInt.asIntN(64, BigInt(number.text)) === BigInt(number.text)) {
    return BigInt(number.text).toString();
  }
  const value = number.toNumber();
  return Number.isFinite(value)
    ? floatText(value)
    : refuse(`unable to convert ${quote(number.text)} to int64 or float64`);
}

/** A float keeps a point, so that it is read back as one. */
function floatText(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  const text = formatFloat(value, "f", -1);
  return text.includes(".") ? text : `${text}.0`;
}

function margin(key: Key): string {
  return "  ".repeat(key.length - 1);
}

function pathText(key: Key): string {
  return key.map(keyText).join(".");
}

function keyText(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : quoted(key);
}

const SHORT: Readonly<Record<string, string>> = {
  "\t": "\\t",
  "\n": "\\n",
  "\r": "\\r",
  '"': '\\"',
  "\\": "\\\\",
  "\b": "\\b",
  "\f": "\\f",
};

function quoted(text: string): string {
  const escaped = text.replace(
    /["\\\x00-\x1f\x7f]/g,
    (character) => SHORT[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `"${escaped}"`;
}
