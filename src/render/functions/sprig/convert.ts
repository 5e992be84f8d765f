/** How Sprig takes one type for another: leniently, and zero for what is none. */
import { formatPlain } from "../../go/format.ts";
import { parseFloat64, parseInteger } from "../../go/number.ts";
import { fail, Integer, integerOf, kindOf, Slice, stringOf, type Value } from "../../go/values.ts";

/** As Sprig's strval. */
export function textOf(value: Value): string {
  return formatPlain(value);
}

/** As cast.ToInt64: the named integers of package time are numbers there, other named ones are not. */
export function toInt64(value: Value): bigint {
  const integer = plainInteger(value);
  if (integer !== undefined) return BigInt.asIntN(64, integer);
  if (typeof value === "boolean") return value ? 1n : 0n;
  if (typeof value === "number") return fitting(value);
  const text = stringOf(value);
  const parsed = text === undefined ? undefined : parseInteger(withoutZeroFraction(text), 0);
  return parsed !== undefined && BigInt.asIntN(64, parsed) === parsed ? parsed : 0n;
}

function plainInteger(value: Value): bigint | undefined {
  const named = value instanceof Integer ? value.named?.name : undefined;
  return named === undefined || named === "time.Month" || named === "time.Weekday" ? integerOf(value) : undefined;
}

/** `5.00` is 5. */
function withoutZeroFraction(text: string): string {
  return text.replace(/\.0+\.*$/, "");
}

/** As the processor does it: what does not fit is the least of all. */
function fitting(value: number): bigint {
  return Math.abs(value) < 2 ** 63 ? BigInt(Math.trunc(value)) : -(2n ** 63n);
}

export function toFloat64(value: Value): number {
  const text = stringOf(value);
  if (text !== undefined) return parseFloat64(text) ?? 0;
  if (typeof value === "number") return value;
  return typeof value === "boolean" ? Number(value) : Number(plainInteger(value) ?? 0n);
}

export function int64(value: bigint): Integer {
  return new Integer("int64", value);
}

/** A list, or the failure that Sprig's list functions have: `Cannot find first on type int`. */
export function listOf(value: Value, action: string): readonly Value[] {
  return listOr(value, (kind) => `Cannot ${action} on type ${kind}`);
}

/** A list, or a failure whose text is made of the kind of what it is. */
export function listOr(value: Value, message: (kind: string) => string): readonly Value[] {
  if (value instanceof Slice) return value.items;
  if (value === null) return fail("runtime error: invalid memory address or nil pointer dereference");
  return fail(message(kindOf(value)));
}

/** As Sprig's strslice: a list of texts, nil left out; anything else is a list of one. */
export function textsOf(value: Value): string[] {
  if (value === null) return [];
  if (value instanceof Slice) return value.items.filter((item) => item !== null).map(textOf);
  return [textOf(value)];
}
