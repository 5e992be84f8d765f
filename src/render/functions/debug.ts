/** spew_…: values with their types, for looking at them. */
import { JsonNumber } from "../../json.ts";
import { type Flags, formatPlain, formatValue } from "../go/format.ts";
import { defineVariadic, type TemplateFunction } from "../go/function.ts";
import { sortedEntries } from "../go/order.ts";
import { type Arguments, sprintf } from "../go/printf.ts";
import { quote } from "../go/quote.ts";
import { boundedSize } from "../go/size.ts";
import { byteLength } from "../go/text.ts";
import { GoMap, NilPointer, Slice, Struct, typeName, type Value } from "../go/values.ts";

const ANY = "interface {}";

export const DEBUG_FUNCTIONS: readonly TemplateFunction[] = [
  defineVariadic("spew_sdump", [], ANY, (values) => dumpAll(values)),
  defineVariadic("spew_sprintf", ["string"], ANY, ([format, ...values]) => spewPrintf(format, values)),
  defineVariadic("spew_dump", [], ANY, (values, { session }) => {
    session.host.print(dumpAll(values));
    return "";
  }),
  defineVariadic("spew_printf", ["string"], ANY, ([format, ...values], { session }) => {
    session.host.print(spewPrintf(format, values));
    return "";
  }),
];

function dumpAll(values: readonly Value[]): string {
  for (const value of values) boundedSize(value);
  return values.map((value) => `${dump(value, "")}\n`).join("");
}

/** A value on lines of its own, with types, lengths and capacities. */
function dump(value: Value, margin: string): string {
  if (value === null) return "(interface {}) <nil>";
  const inner = `${margin} `;
  if (value instanceof Slice) {
    const sizes = value.items.length === 0 ? "" : ` (len=${value.items.length} cap=${value.capacity})`;
    if (value.isNil) return `(${typeName(value)}) <nil>`;
    return `(${typeName(value)})${sizes} ${block(
      value.items.map((item) => inner + dump(item, inner)),
      margin,
    )}`;
  }
  if (value instanceof GoMap) {
    const sizes = value.entries.size === 0 ? "" : ` (len=${value.entries.size})`;
    if (value.isNil) return `(${typeName(value)}) <nil>`;
    const lines = sortedEntries(value).map(([key, item]) => `${inner}${dump(key, inner)}: ${dump(item, inner)}`);
    return `(${typeName(value)})${sizes} ${block(lines, margin)}`;
  }
  if (value instanceof Struct && value.type.string === undefined) {
    const lines = value.type.fields.map((name) => `${inner}${name}: ${dump(value.fields.get(name) ?? null, inner)}`);
    return `(${typeName(value)})${block(lines, margin)}`;
  }
  if (value instanceof NilPointer) return `(${typeName(value)})(<nil>)`;
  if (typeof value === "string") {
    return `(string) ${value === "" ? "" : `(len=${byteLength(value)}) `}${quote(value)}`;
  }
  // It has a String method, which spew asks before it quotes.
  if (value instanceof JsonNumber) return `(json.Number) (len=${byteLength(value.text)}) ${value.text}`;
  return `(${typeName(value)}) ${formatPlain(value)}`;
}

function block(lines: readonly string[], margin: string): string {
  return lines.length === 0 ? `{\n${margin}}` : `{\n${lines.join(",\n")}\n${margin}}`;
}

function spewPrintf(format: string, values: readonly Value[]): string {
  for (const value of values) boundedSize(value);
  return sprintf(format, values, SPEWED);
}

/** Spew wraps every argument: it prints %v in its own way and hands other verbs on, and it is no integer for a `*`. */
const SPEWED: Arguments = {
  typeName: () => "*spew.formatState",
  format: (value, verb, flags) => {
    if (verb === "T") return formatValue("*spew.formatState", "s", flags);
    return verb === "v" ? inline(value, flags, flags.sharp ?? false) : formatValue(value, verb, flags);
  },
  integer: () => undefined,
};

/** `typed` where the type is not told by what the value stands in. */
function inline(value: Value, flags: Flags, typed: boolean): string {
  if (value === null) return typed ? "(interface {})<nil>" : "<nil>";
  const pointer = value instanceof Struct && value.pointer && value.type.string === undefined;
  const prefix = typed ? `(${typeName(value)})` : pointer ? "<*>" : "";
  const item = (inner: Value, type: string) => inline(inner, flags, (flags.sharp ?? false) && type === ANY);
  if ((value instanceof Slice || value instanceof GoMap) && value.isNil) return `${prefix}<nil>`;
  if (value instanceof Slice) return `${prefix}[${value.items.map((inner) => item(inner, value.element)).join(" ")}]`;
  if (value instanceof GoMap) {
    const entries = sortedEntries(value).map(([key, inner]) => `${item(key, value.key)}:${item(inner, value.element)}`);
    return `${prefix}map[${entries.join(" ")}]`;
  }
  if (value instanceof Struct && value.type.string === undefined) {
    const named = flags.sharp || flags.plus;
    const fields = value.type.fields.map((name) => {
      const text = inline(value.fields.get(name) ?? null, flags, flags.sharp ?? false);
      return named ? `${name}:${text}` : text;
    });
    return `${prefix}{${fields.join(" ")}}`;
  }
  return prefix + formatPlain(value);
}
