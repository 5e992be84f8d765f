/** Text into numbers and booleans. An empty text is 0 or false. */

import { define, type TemplateFunction } from "../go/function.ts";
import { parseFloat64, parseInteger } from "../go/number.ts";
import { quote } from "../go/quote.ts";
import { fail, Integer } from "../go/values.ts";

export const PARSE_FUNCTIONS: readonly TemplateFunction[] = [
  define("parseBool", ["string"], ([text]) =>
    text === "" ? false : (parseBool(text) ?? refuse("parseBool", "ParseBool", text)),
  ),
  define("parseFloat", ["string"], ([text]) => (text === "" ? 0 : parseFloating(text))),
  define("parseInt", ["string"], ([text]) => new Integer("int64", parseInt64(text))),
  define(
    "parseUint",
    ["string"],
    ([text]) => new Integer("uint64", ranged("parseUint", "ParseUint", text, 0n, 2n ** 64n - 1n)),
  ),
];

export function parseInt64(text: string): bigint {
  return ranged("parseInt", "ParseInt", text, -(2n ** 63n), 2n ** 63n - 1n);
}

function parseBool(text: string): boolean | undefined {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(text)) return true;
  return ["0", "f", "F", "false", "FALSE", "False"].includes(text) ? false : undefined;
}

function parseFloating(text: string): number {
  const value = parseFloat64(text) ?? refuse("parseFloat", "ParseFloat", text);
  const infinite = !Number.isFinite(value) && /\d/.test(text);
  return infinite ? refuse("parseFloat", "ParseFloat", text, "value out of range") : value;
}

function ranged(name: string, parser: string, text: string, least: bigint, greatest: bigint): bigint {
  if (text === "") return 0n;
  const value = least === 0n && /^[+-]/.test(text) ? undefined : parseInteger(text, 10);
  if (value === undefined) return refuse(name, parser, text);
  return value < least || value > greatest ? refuse(name, parser, text, "value out of range") : value;
}

function refuse(name: string, parser: string, text: string, why = "invalid syntax"): never {
  fail(`${name}: strconv.${parser}: parsing ${quote(text)}: ${why}`);
}
