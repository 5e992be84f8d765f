/** How Go's fmt package prints one value under one verb. */
import { JsonNumber } from "../../json.ts";
import { type FloatVerb, formatFloat } from "./float.ts";
import { sortedEntries } from "./order.ts";
import { quote, quoteRaw, quoteRune } from "./quote.ts";
import { boundedSize } from "./size.ts";
import { encodeText, isPrintable } from "./text.ts";
import {
  Channel,
  Complex,
  GoMap,
  Integer,
  integerOf,
  kindOf,
  NilPointer,
  Slice,
  Struct,
  stringOf,
  typeName,
  type Value,
} from "./values.ts";

export interface Flags {
  readonly plus?: boolean;
  readonly minus?: boolean;
  readonly sharp?: boolean;
  readonly space?: boolean;
  readonly zero?: boolean;
  /** `%+v` and `%#v`, which mean more than their flags. */
  readonly plusV?: boolean;
  readonly sharpV?: boolean;
  /** The value is part of another one. */
  readonly nested?: boolean;
  /** It is shown because its verb does not fit: methods of its own are not asked then. */
  readonly erroring?: boolean;
  readonly width?: number;
  readonly precision?: number;
}

/** The text of a value under `verb`; a verb that does not fit gives Go's `%!d(string=x)`. */
export function formatValue(value: Value, verb: string, flags: Flags): string {
  if (value === null) return verb === "v" || verb === "T" ? pad("<nil>", flags) : `%!${verb}(<nil>)`;
  if (verb === "T") return formatString(typeName(value), "s", flags) ?? "";
  boundedSize(value);
  if ((verb === "v" || verb === "w") && flags.sharp) flags = { ...flags, sharp: false, sharpV: true };
  if ((verb === "v" || verb === "w") && flags.plus) flags = { ...flags, plus: false, plusV: true };
  return formatNested(value, verb, flags);
}

/** As fmt.Sprint: a space between two values when neither is a string. */
export function sprint(values: readonly Value[]): string {
  let text = "";
  values.forEach((value, i) => {
    if (i > 0 && kindOf(value) !== "string" && kindOf(values[i - 1]!) !== "string") text += " ";
    text += formatPlain(value);
  });
  return text;
}

/** As `%v`. */
export function formatPlain(value: Value): string {
  return typeof value === "string" ? value : formatValue(value, "v", {});
}

/** Pads to the width, which counts characters. */
function pad(text: string, flags: Flags): string {
  const missing = (flags.width ?? 0) - [...text].length;
  if (missing <= 0) return text;
  if (flags.minus) return text + " ".repeat(missing);
  return (flags.zero ? "0" : " ").repeat(missing) + text;
}

function formatNested(value: Value, verb: string, flags: Flags): string {
  if (value === null) return flags.sharpV ? "interface {}(nil)" : "<nil>";
  // Only Errorf wraps; nothing that is looked into says so for each of its parts.
  if (verb === "w") return badVerb(value, verb, flags);
  const own = flags.sharpV || flags.erroring ? undefined : ownText(value);
  const text = own ?? stringOf(value);
  const formatted =
    text !== undefined && (own === undefined || "vsqxX".includes(verb))
      ? formatString(text, verb, flags)
      : formatByKind(value, verb, flags);
  return formatted ?? badVerb(value, verb, flags);
}

function formatByKind(value: Exclude<Value, null>, verb: string, flags: Flags): string | undefined {
  if (typeof value === "boolean") return verb === "t" || verb === "v" ? pad(String(value), flags) : undefined;
  if (typeof value === "number") return formatNumber(value, verb, flags);
  const integer = integerOf(value);
  if (integer !== undefined) return formatInteger(integer, verb, flags, kindOf(value).startsWith("u"));
  if (value instanceof Complex) {
    const real = formatNumber(value.real, verb, flags);
    return real && `(${real}${formatNumber(value.imaginary, verb, { ...flags, plus: true })}i)`;
  }
  const inner = { ...flags, nested: true };
  if (value instanceof Slice) {
    const items = value.items.map((item) => formatNested(item, verb, inner));
    if (!flags.sharpV) return `[${items.join(" ")}]`;
    return value.isNil ? `${typeName(value)}(nil)` : `${typeName(value)}{${items.join(", ")}}`;
  }
  if (value instanceof GoMap) {
    const items = sortedEntries(value).map(
      ([key, item]) => `${formatNested(key, verb, inner)}:${formatNested(item, verb, inner)}`,
    );
    if (!flags.sharpV) return `map[${items.join(" ")}]`;
    return value.isNil ? `${typeName(value)}(nil)` : `${typeName(value)}{${items.join(", ")}}`;
  }
  if (value instanceof Struct) {
    return value.pointer && flags.nested ? formatAddress(value, verb, flags) : formatStruct(value, verb, flags);
  }
  if (value instanceof NilPointer) {
    if (verb === "v") return flags.sharpV ? `(${typeName(value)})(nil)` : pad("<nil>", flags);
    return ADDRESS_VERBS.includes(verb) ? formatInteger(0n, verb, flags, true) : undefined;
  }
  return value instanceof Channel && verb === "v" ? `(${typeName(value)})` : undefined;
}

const ADDRESS_VERBS = "bodxX";

/** Go prints where in its memory the struct is, which is another place each time. */
function formatAddress(value: Struct, verb: string, flags: Flags): string | undefined {
  if (verb !== "v" && !ADDRESS_VERBS.includes(verb)) return undefined;
  return pad(flags.sharpV ? `(${typeName(value)})(<*>)` : "<*>", { ...flags, zero: false });
}

function formatStruct(value: Struct, verb: string, flags: Flags): string {
  if (flags.sharpV && !flags.erroring && value.type.goString !== undefined)
    return formatString(value.type.goString(value), "s", flags) ?? "";
  const fields = value.type.fields.map((name) => {
    const text = formatNested(value.fields.get(name) ?? null, verb, { ...flags, nested: true });
    return flags.plusV || flags.sharpV ? `${name}:${text}` : text;
  });
  const name = flags.sharpV ? value.type.name : "";
  return `${value.pointer ? "&" : ""}${name}{${fields.join(flags.sharpV ? ", " : " ")}}`;
}

/** The text of types that have a String method of their own. */
function ownText(value: Value): string | undefined {
  if (value instanceof JsonNumber) return value.text;
  if (value instanceof Integer) return value.named?.string(value.value);
  return value instanceof Struct ? value.type.string?.(value) : undefined;
}

function badVerb(value: Exclude<Value, null>, verb: string, flags: Flags): string {
  return `%!${verb}(${typeName(value)}=${formatNested(value, "v", { ...flags, nested: false, erroring: true })})`;
}

function formatString(text: string, verb: string, flags: Flags): string | undefined {
  const cut = flags.precision === undefined ? text : [...text].slice(0, flags.precision).join("");
  switch (verb) {
    case "v":
      return pad(flags.sharpV ? quote(cut) : cut, flags);
    case "s":
      return pad(cut, flags);
    case "q":
      return pad(flags.sharp ? quoteRaw(cut, flags.plus) : quote(cut, flags.plus), flags);
    case "x":
    case "X": {
      const bytes = encodeText(text).subarray(0, flags.precision);
      const prefix = flags.sharp ? "0x" : "";
      const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"));
      const hex = flags.space
        ? digits.map((pair) => prefix + pair).join(" ")
        : (bytes.length > 0 ? prefix : "") + digits.join("");
      return pad(verb === "X" ? hex.toUpperCase() : hex, flags);
    }
  }
  return undefined;
}

function formatInteger(value: bigint, verb: string, flags: Flags, unsigned: boolean): string | undefined {
  switch (verb) {
    case "v":
      return flags.sharpV && unsigned ? digits(value, 16, "0x", flags) : digits(value, 10, "", flags);
    case "d":
      return digits(value, 10, "", flags);
    case "b":
      return digits(value, 2, flags.sharp ? "0b" : "", flags);
    case "o":
      return digits(value, 8, flags.sharp ? "0" : "", flags);
    case "O":
      return digits(value, 8, flags.sharp ? "0o0" : "0o", flags);
    case "x":
      return digits(value, 16, flags.sharp ? "0x" : "", flags);
    case "X":
      return digits(value, 16, flags.sharp ? "0x" : "", flags).toUpperCase();
    case "c":
      return pad(character(value), flags);
    case "q":
      return pad(quoteRune(Number(value), flags.plus), flags);
    case "U": {
      const code = `U+${BigInt.asUintN(64, value)
        .toString(16)
        .toUpperCase()
        .padStart(Math.max(4, flags.precision ?? 4), "0")}`;
      const shown = character(value);
      return pad(flags.sharp && value >= 0n && value <= 0x10ffffn && isPrintable(shown) ? `${code} '${shown}'` : code, {
        ...flags,
        zero: false,
      });
    }
  }
  return undefined;
}

function digits(value: bigint, base: number, prefix: string, flags: Flags): string {
  const sign = value < 0n ? "-" : flags.plus ? "+" : flags.space ? " " : "";
  let text = (value < 0n ? -value : value).toString(base);
  if (flags.precision !== undefined) {
    if (flags.precision === 0 && value === 0n) return " ".repeat(flags.width ?? 0);
    text = text.padStart(flags.precision, "0");
  } else if (flags.zero && !flags.minus) {
    text = text.padStart((flags.width ?? 0) - sign.length, "0");
  }
  const lead = prefix.endsWith("0") && text.startsWith("0") ? prefix.slice(0, -1) : prefix;
  return pad(sign + lead + text, { ...flags, zero: false });
}

function character(value: bigint): string {
  const valid = value >= 0n && value <= 0x10ffffn && !(value >= 0xd800n && value < 0xe000n);
  return String.fromCodePoint(valid ? Number(value) : 0xfffd);
}

const FLOAT_VERBS: Readonly<Record<string, FloatVerb>> = {
  v: "g",
  b: "b",
  e: "e",
  E: "e",
  f: "f",
  F: "f",
  g: "g",
  G: "g",
  x: "x",
  X: "x",
};

function formatNumber(value: number, verb: string, flags: Flags): string | undefined {
  const style = FLOAT_VERBS[verb];
  if (style === undefined) return undefined;
  const plain = formatFloat(value, style, flags.precision ?? (style === "e" || style === "f" ? 6 : -1));
  if (!Number.isFinite(value)) return padInfinite(/[A-Z]/.test(verb) ? plain.toUpperCase() : plain, flags);
  const digits = plain.replace(/^[+-]/, "");
  const whole = flags.sharp && style !== "b" ? withPoint(digits, verb, flags.precision ?? -1) : digits;
  const unsigned = /[A-Z]/.test(verb) ? whole.toUpperCase() : whole;
  const sign = plain.startsWith("-") ? "-" : flags.plus ? "+" : flags.space ? " " : "";
  if (sign !== "" && flags.zero && !flags.minus) {
    return sign + pad(unsigned, { ...flags, width: (flags.width ?? 0) - sign.length });
  }
  return pad(sign + unsigned, flags);
}

/** As `#` wants it: with a point always, and with %g all digits of the precision. */
function withPoint(number: string, verb: string, precision: number): string {
  const [, mantissa = "", tail = ""] = (/x/i.test(verb) ? /^(.*?)(p.*)?$/ : /^(.*?)([ep].*)?$/).exec(number)!;
  const wanted = "vgGx".includes(verb) ? (precision < 0 ? 6 : precision) : 0;
  const significant = mantissa.replace(".", "").replace(/^0+/, "").length;
  const missing = wanted - (mantissa === "0" ? 1 : significant);
  return (mantissa.includes(".") ? mantissa : `${mantissa}.`) + "0".repeat(Math.max(0, missing)) + tail;
}

/** What is no number is never padded with zeros. */
function padInfinite(text: string, flags: Flags): string {
  const bare = text.startsWith("+") && !flags.plus && text !== "+Inf" ? text.slice(1) : text;
  const sign = text === "NaN" ? (flags.plus ? "+" : flags.space ? " " : "") : "";
  return pad(sign + bare, { ...flags, zero: false });
}
