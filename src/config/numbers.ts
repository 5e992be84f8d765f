/** Numbers as Go's strconv package reads them, and what it says of those that it does not. */
import { parseInteger as parseGoInteger } from "../render/go/number.ts";
import type { ScalarValue } from "./hcl/ast.ts";

export type NumberOutcome = { readonly value: number } | { readonly fault: string };

/** As strconv.ParseInt: with base 0 octal, hexadecimal and underscores are taken as well. */
export function readInteger(text: string, base: 0 | 10 = 0): NumberOutcome {
  const value = parseGoInteger(text, base);
  if (value === undefined) return { fault: `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax` };
  return value === BigInt.asIntN(64, value)
    ? { value: Number(value) }
    : { fault: `strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range` };
}

/** A number as it stands in a configuration, without quotes. */
export function readNumber({ kind, text }: ScalarValue & { readonly kind: "integer" | "float" }): NumberOutcome {
  if (kind === "integer") return readInteger(text);
  const value = Number(text);
  return Number.isFinite(value)
    ? { value }
    : { fault: `strconv.ParseFloat: parsing ${JSON.stringify(text)}: value out of range` };
}

/** As readInteger, where there is nobody to tell. */
export function parseInteger(text: string): number | undefined {
  const outcome = readInteger(text);
  return "value" in outcome ? outcome.value : undefined;
}
