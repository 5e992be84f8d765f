/** index, slice and len. */

import { element, type Result, unboxed } from "./boxed.ts";
import { zeroElement } from "./fields.ts";
import { dereferenced } from "./memory.ts";
import { byteLength, decodeText, encodeText } from "./text.ts";
import {
  Channel,
  fail,
  GoMap,
  Integer,
  integerOf,
  NilPointer,
  Slice,
  stringOf,
  typeName,
  type Value,
} from "./values.ts";

/** `index x 1 "a"` is Go's x[1]["a"]. */
export function index(item: Result, indexes: readonly Result[]): Result {
  if (unboxed(item) === undefined) fail("index of untyped nil");
  let result = indexes.length > 0 ? item : unboxed(item);
  for (const at of indexes) {
    const value = unboxed(result);
    const key = unboxed(at);
    if (value === undefined || value instanceof NilPointer) fail("index of nil pointer");
    const text = stringOf(value);
    if (value instanceof Slice) {
      result = element(value.element, value.items[position(key, value.items.length, "slice")]!);
    } else if (text !== undefined) {
      const bytes = encodeText(text);
      result = new Integer("uint8", BigInt(bytes[position(key, bytes.length, "string")]!));
    } else if (value instanceof GoMap) {
      const found = value.entries.get(mapKey(key, value));
      result = found === undefined ? zeroElement(value) : element(value.element, found);
    } else fail(`can't index item of type ${typeName(dereferenced(value))}`);
  }
  return result;
}

/** `slice x 1 3` is Go's x[1:3]; of a string it cuts bytes. */
export function slice(item: Result, indexes: readonly Result[]): Value {
  const value = unboxed(item);
  if (value === undefined) fail("slice of untyped nil");
  if (indexes.length > 3) fail(`too many slice indexes: ${indexes.length}`);
  const text = stringOf(value);
  if (text !== undefined && indexes.length === 3) fail("cannot 3-index slice a string");
  if (text === undefined && !(value instanceof Slice))
    fail(`can't slice item of type ${typeName(dereferenced(value))}`);
  const length = value instanceof Slice ? value.items.length : byteLength(text!);
  const [from = 0, to = length, limit = length] = indexes.map((at) => bound(unboxed(at), length));
  if (from > to) fail(`invalid slice index: ${from} > ${to}`);
  if (to > limit) fail(`invalid slice index: ${to} > ${limit}`);
  if (value instanceof Slice) return new Slice(value.element, value.items.slice(from, to));
  return decodeText(encodeText(text!).subarray(from, to));
}

export function length(item: Result): bigint {
  const value = unboxed(item);
  if (value === undefined || value instanceof NilPointer) {
    return fail(item === undefined ? "reflect: call of reflect.Value.Type on zero Value" : "len of nil pointer");
  }
  const text = stringOf(value);
  if (text !== undefined) return BigInt(byteLength(text));
  if (value instanceof Slice) return BigInt(value.items.length);
  if (value instanceof GoMap) return BigInt(value.entries.size);
  if (value instanceof Channel) return 0n;
  return fail(`len of type ${typeName(dereferenced(value))}`);
}

function position(key: Value | undefined, length: number, what: "slice" | "string"): number {
  const at = bound(key, length);
  if (at === length) fail(`reflect: ${what} index out of range`);
  return at;
}

function bound(key: Value | undefined, limit: number): number {
  if (key === undefined) return fail("cannot index slice/array with nil");
  const at = integerOf(key) ?? fail(`cannot index slice/array with type ${typeName(key)}`);
  if (at < 0n || at > BigInt(limit)) fail(`index out of range: ${at}`);
  return Number(at);
}

function mapKey(key: Value | undefined, map: GoMap): Value {
  if (map.key === "interface {}") return key ?? null;
  if (key === undefined) return fail("value is nil; should be of type string");
  return typeof key === "string" ? key : fail(`value has type ${typeName(key)}; should be string`);
}
