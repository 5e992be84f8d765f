/** Values as TOML, laid out as Go's BurntSushi/toml does: scalars before tables, nested tables indented. */
import { JsonNumber } from "../../json.ts";
import { formatFloat } from "../go/float.ts";
import { define, type TemplateFunction } from "../go/function.ts";
import { compareStrings } from "../go/order.ts";
import { boundedSize } from "../go/size.ts";
import { fail, GoMap, integerOf, Slice, Struct, typeName, type Value } from "../go/values.ts";
import { trimSpace } from "./text.ts";

export const TOML_FUNCTIONS: readonly TemplateFunction[] = [
  define("toTOML", ["interface {}"], ([value]) => writeToml(value)),
];

function writeToml(value: Value): string {
  if (value === null) fail("reflect: call of reflect.Value.Type on zero Value");
  boundedSize(value);
  if (!(value instanceof GoMap)) return scalar(value);
  const lines: string[] = [];
  table(value, [], lines);
  return trimSpace(lines.join("\n"));
}

function table(map: GoMap, path: readonly string[], lines: string[]): void {
  const margin = "  ".repeat(path.length);
  const entries = ([...map.entries] as [string, Value][])
    .filter(([, value]) => value !== null)
    .sort(([a], [b]) => compareStrings(a, b));
  for (const [key, value] of entries) if (!isTable(value)) lines.push(`${margin}${keyText(key)} = ${scalar(value)}`);
  for (const [key, value] of entries) {
    if (!isTable(value)) continue;
    const inner = [...path, key];
    const name = inner.map(keyText).join(".");
    const indent = "  ".repeat(path.length);
    if (lines.length > 0 && path.length === 0) lines.push("");
    if (value instanceof GoMap) {
      lines.push(`${indent}[${name}]`);
      table(value, inner, lines);
    } else if (value instanceof Slice) {
      value.items.forEach((item, i) => {
        if (i > 0) lines.push("");
        lines.push(`${indent}[[${name}]]`);
        table(item as GoMap, inner, lines);
      });
    }
  }
}

function isTable(value: Value): boolean {
  if (value instanceof GoMap) return true;
  return value instanceof Slice && value.items.length > 0 && value.items.every((item) => item instanceof GoMap);
}

function scalar(value: Value): string {
  if (typeof value === "string") return quoted(value);
  if (typeof value === "boolean") return String(value);
  if (value instanceof JsonNumber) return value.text;
  if (typeof value === "number") return float(value);
  const integer = integerOf(value);
  if (integer !== undefined) return integer.toString();
  if (value instanceof Slice) {
    if (value.items.includes(null)) fail("toTOML: toml: cannot encode array with nil element");
    return `[${value.items.map(scalar).join(", ")}]`;
  }
  if (value instanceof GoMap) {
    const entries = ([...value.entries] as [string, Value][])
      .filter(([, item]) => item !== null)
      .sort(([a], [b]) => compareStrings(a, b));
    return `{${entries.map(([key, item]) => `${keyText(key)} = ${scalar(item)}`).join(", ")}}`;
  }
  if (value instanceof Struct && value.type.json !== undefined) return String(value.type.json(value));
  return fail(`toTOML: unsupported type: ${typeName(value)}`);
}

/** A float keeps a point, so that it is read back as one. */
function float(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  const text = formatFloat(value, "g", -1);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

function keyText(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : quoted(key);
}

function quoted(text: string): string {
  const short: Readonly<Record<string, string>> = {
    "\t": "\\t",
    "\n": "\\n",
    "\r": "\\r",
    '"': '\\"',
    "\\": "\\\\",
    "\b": "\\b",
    "\f": "\\f",
  };
  const escaped = text.replace(
    /["\\\x00-\x1f\x7f]/g,
    (character) => short[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `"${escaped}"`;
}
