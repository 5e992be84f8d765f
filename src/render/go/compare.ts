/** eq, ne, lt, le, gt, ge. */
import { type Result, unboxed } from "./boxed.ts";
import { formatPlain, formatValue } from "./format.ts";
import { compareStrings } from "./order.ts";
import {
  Complex,
  fail,
  GoMap,
  integerOf,
  kindOf,
  NilPointer,
  Slice,
  stringOf,
  typeName,
  type Value,
} from "./values.ts";

type BasicKind = "bool" | "complex" | "int" | "float" | "string" | "uint";

/** Whether the first equals any of the others. */
export function equalsAny(first: Result, others: readonly Result[]): boolean {
  if (others.length === 0) fail("missing argument for comparison");
  const a = unboxed(first);
  return others.some((other) => equals(a, unboxed(other)));
}

export function less(first: Result, second: Result): boolean {
  const a = unboxed(first);
  const b = unboxed(second);
  const kindA = basicKind(a) ?? fail("invalid type for comparison");
  const kindB = basicKind(b) ?? fail("invalid type for comparison");
  if (!comparable(kindA, kindB)) incompatible(a, b);
  if (kindA === "bool" || kindA === "complex") fail("invalid type for comparison");
  if (kindA === "string") return compareStrings(stringOf(a!)!, stringOf(b!)!) < 0;
  return kindA === "float" ? (a as number) < (b as number) : integerOf(a!)! < integerOf(b!)!;
}

function equals(a: Value | undefined, b: Value | undefined): boolean {
  const kindA = basicKind(a);
  const kindB = basicKind(b);
  if (kindA !== undefined && kindB !== undefined && comparable(kindA, kindB)) {
    if (kindA === "string") return stringOf(a!) === stringOf(b!);
    if (kindA === "int" || kindA === "uint") return integerOf(a!) === integerOf(b!);
    if (a instanceof Complex && b instanceof Complex) return a.real === b.real && a.imaginary === b.imaginary;
    return a === b;
  }
  if (kindA !== kindB) {
    if (a !== undefined && b !== undefined) incompatible(a, b);
    return false;
  }
  if (a !== undefined && b !== undefined && kindOf(a) !== kindOf(b)) {
    fail(`non-comparable types ${formatValue(a, "s", {})}: ${typeName(a)}, ${typeName(b)}: ${formatPlain(b)}`);
  }
  if (isNil(a) || isNil(b)) return isNil(a) === isNil(b);
  if (b instanceof Slice || b instanceof GoMap) fail(`non-comparable type ${formatValue(b, "s", {})}: ${typeName(b)}`);
  return a === b;
}

/** Integers are compared whatever their sign and size; nothing else across kinds. */
function comparable(a: BasicKind, b: BasicKind): boolean {
  return a === b || ((a === "int" || a === "uint") && (b === "int" || b === "uint"));
}

function incompatible(a: Value | undefined, b: Value | undefined): never {
  fail(`incompatible types for comparison: ${typeName(a ?? null)} and ${typeName(b ?? null)}`);
}

function basicKind(value: Value | undefined): BasicKind | undefined {
  const kind = kindOf(value ?? null);
  if (kind === "bool" || kind === "string") return kind;
  if (kind === "float64") return "float";
  if (kind === "complex128") return "complex";
  if (kind.startsWith("int") && kind !== "invalid") return "int";
  return kind.startsWith("uint") ? "uint" : undefined;
}

function isNil(value: Value | undefined): boolean {
  if (value === undefined || value === null || value instanceof NilPointer) return true;
  return (value instanceof Slice || value instanceof GoMap) && value.isNil;
}
