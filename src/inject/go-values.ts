/** Texts of annotations as the injector's Go code reads them, with its words for what it cannot read. */
import { durationFault, parseDuration } from "../config/duration.ts";
import { parseFloat64 } from "../render/go/number.ts";
import { Refusal } from "./refusal.ts";

const TRUE = ["1", "t", "T", "TRUE", "true", "True"];
const FALSE = ["0", "f", "F", "FALSE", "false", "False", ""];

/** As parseutil.ParseBool: an empty text is false. */
export function goBool(text: string): boolean {
  if (TRUE.includes(text)) return true;
  if (FALSE.includes(text)) return false;
  const why = `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`;
  throw new Refusal(`cannot parse '' as bool: ${why}`, "true or false");
}

/** As parseutil.ParseInt: an empty text is 0. */
export function goInteger(text: string): number {
  if (text === "") return 0;
  return integer("ParseInt", text, /^[+-]?\d+$/, 2n ** 63n - 1n);
}

/** As strconv.ParseUint. */
export function goUnsigned(text: string): number {
  return integer("ParseUint", text, /^\d+$/, 2n ** 64n - 1n);
}

/** As strconv.ParseFloat. */
export function goFloat(text: string): number {
  const fault = (why: string) =>
    new Refusal(`strconv.ParseFloat: parsing ${JSON.stringify(text)}: ${why}`, "a number, as 0.75");
  const value = parseFloat64(text);
  if (value === undefined) throw fault("invalid syntax");
  if (!Number.isFinite(value) && /\d/.test(text)) throw fault("value out of range");
  return value;
}

/** Checks only; an empty text is none. */
export function checkDuration(what: string, text: string): void {
  if (text !== "" && parseDuration(text) === undefined)
    throw new Refusal(`error parsing ${what} as duration: ${durationFault(text)}`, "as 1s or 5m");
}

/** As filepath.Join. */
export function joinPath(...parts: readonly string[]): string {
  const joined = parts.filter((part) => part !== "").join("/");
  const kept: string[] = [];
  for (const part of joined.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") kept.push(part);
    else if (kept.length > 0 && kept.at(-1) !== "..") kept.pop();
    else if (!joined.startsWith("/")) kept.push(part);
  }
  const path = kept.join("/");
  return joined.startsWith("/") ? `/${path}` : path || (joined === "" ? "" : ".");
}

// ---- internal ----

function integer(call: string, text: string, pattern: RegExp, most: bigint): number {
  const fault = (why: string) =>
    new Refusal(`strconv.${call}: parsing ${JSON.stringify(text)}: ${why}`, "a whole number");
  if (!pattern.test(text)) throw fault("invalid syntax");
  const value = BigInt(text.replace("+", ""));
  if (value > most || value < -most - 1n) throw fault("value out of range");
  return Number(value);
}
