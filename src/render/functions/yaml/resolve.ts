/** What a plain scalar means in YAML 1.1 as Go's yaml.v2 reads it. */
import type { JsonNumber } from "../../../json.ts";
import { parseFloat64, parseInteger } from "../../go/number.ts";
import { Integer, type Value } from "../../go/values.ts";

const WORDS: ReadonlyMap<string, Value> = new Map<string, Value>([
  ...["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"].map((word) => [word, true] as const),
  ...["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"].map((word) => [word, false] as const),
  ...["", "~", "null", "Null", "NULL"].map((word) => [word, null] as const),
  ...[".nan", ".NaN", ".NAN"].map((word) => [word, Number.NaN] as const),
  ...[".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"].map((word) => [word, Number.POSITIVE_INFINITY] as const),
  ...["-.inf", "-.Inf", "-.INF"].map((word) => [word, Number.NEGATIVE_INFINITY] as const),
]);

/** The value; a text stays a text. */
export function resolveScalar(text: string): Value {
  const word = WORDS.get(text);
  if (word !== undefined) return word;
  if (!/^[-+.0-9]/.test(text)) return text;
  const plain = text.replaceAll("_", "");
  const integer = wholeNumber(plain);
  if (integer !== undefined) return integer;
  if (/^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/.test(plain)) return parseFloat64(plain) ?? text;
  return text;
}

/** Whether a text must be quoted, or it would be read as something else. */
export function looksLikeOther(text: string): boolean {
  return typeof resolveScalar(text) !== "string" || isTimestamp(text) || isBase60(text);
}

/** A JSON number as YAML writes it: by value, not by spelling. */
export function numberOf(number: JsonNumber): Value {
  const integer = wholeNumber(number.text);
  return typeof integer === "bigint" ? integer : number.toNumber();
}

function wholeNumber(plain: string): Value | undefined {
  const value = parseInteger(plain, 0);
  if (value === undefined) return undefined;
  if (BigInt.asIntN(64, value) === value) return value;
  return value > 0n && BigInt.asUintN(64, value) === value && !plain.startsWith("+")
    ? new Integer("uint64", value)
    : undefined;
}

function isTimestamp(text: string): boolean {
  return /^\d{4}-\d{1,2}-\d{1,2}(?:(?:[Tt]| )\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?)?$/.test(text);
}

function isBase60(text: string): boolean {
  return /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/.test(text);
}
