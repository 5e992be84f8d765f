/** How Sprig takes one type for another: leniently, and zero for what is none. */
import { formatPlain } from "../../go/format.ts";
import { parseFloat64, parseInteger } from "../../go/number.ts";
import { fail, Integer, integerOf, kindOf, Slice, stringOf, type Value } from "../../go/values.ts";

/** As Sprig's strval. */
export function textOf(value: Value): string {
  return formatPlain(value);
}

export function toInt64(value: Value): bigint {
  const integer = integerOf(value);
  if (integer !== undefined) return BigInt.asIntN(64, integer);
  if (typeof value === "boolean") return value ? 1n : 0n;
  if (typeof value === "number") return fitting(value);
  const text = stringOf(value);
  const parsed = text === undefined ? undefined : parseInteger(text, 0);
  return parsed !== undefined && BigInt.asIntN(64, parsed) === parsed ? parsed : 0n;
}

/** As the processor does it: what does not fit is the least of all. */
function fitting(value: number): bigint {
  return Math.abs(value) < 2 ** 63 ? BigInt(Math.trunc(value)) : -(2n ** 63n);
}

export function toFloat64(value: Value): number {
  const text = stringOf(value);
  if (text !== undefined) return parseFloat64(text) ?? 0;
  if (typeof value === "number") return value;
  return typeof value === "boolean" ? Number(value) : Number(integerOf(value) ?? 0n);
}

export function int64(value: bigint): Integer {
  return new Integer("int64", value);
}

/** A list, or the failure that Sprig's list functions have: `Cannot find first on type int`. */
export function listOf(value: Value, action: string): readonly Value[] {
  if (value instanceof Slice) return value.items;
  if (value === null) return fail("runtime error: invalid memory address or nil pointer dereference");
  return fail(`Cannot ${action} on type ${kindOf(value)}`);
}

/** As Sprig's strslice: a list of texts, nil left out; anything else is a list of one. */
export function textsOf(value: Value): string[] {
  if (value === null) return [];
  if (value instanceof Slice) return value.items.filter((item) => item !== null).map(textOf);
  return [textOf(value)];
}
