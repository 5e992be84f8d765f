/** The order of keys that yaml.v2 writes: numbers within texts by their value, so that a2 stands before a10. */
import { integerOf, kindOf, stringOf, type Value } from "../../go/values.ts";

const KINDS = ["invalid", "bool", "int", "int64", "uint64", "float64", "string"];

export function compareNaturally(a: Value, b: Value): number {
  const x = numeric(a);
  const y = numeric(b);
  if (x !== undefined && y !== undefined && x !== y) return x < y ? -1 : 1;
  const textA = stringOf(a);
  const textB = stringOf(b);
  if (textA === undefined || textB === undefined) return KINDS.indexOf(kindOf(a)) - KINDS.indexOf(kindOf(b));
  return compareTexts([...textA], [...textB]);
}

function compareTexts(a: readonly string[], b: readonly string[]): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a[i]!;
    const y = b[i]!;
    if (x === y) continue;
    const letterX = /\p{L}/u.test(x);
    const letterY = /\p{L}/u.test(y);
    if (letterX && letterY) return x.codePointAt(0)! - y.codePointAt(0)!;
    if (letterX || letterY) return letterY ? -1 : 1;
    return compareDigits(a, b, i) || x.codePointAt(0)! - y.codePointAt(0)!;
  }
  return a.length - b.length;
}

/** The numbers that begin at `from`; a leading zero counts when digits other than zero stand before it. */
function compareDigits(a: readonly string[], b: readonly string[], from: number): number {
  const before = /([0-9]*)$/.exec(a.slice(0, from).join(""))![1]!;
  const inside = (a[from] === "0" || b[from] === "0") && /[1-9]/.test(before);
  const digitsA = digitsFrom(a, from);
  const digitsB = digitsFrom(b, from);
  const valueA = BigInt((inside ? "1" : "0") + digitsA);
  const valueB = BigInt((inside ? "1" : "0") + digitsB);
  return valueA === valueB ? digitsA.length - digitsB.length : valueA < valueB ? -1 : 1;
}

function digitsFrom(text: readonly string[], from: number): string {
  return /^[0-9]*/.exec(text.slice(from).join(""))![0];
}

function numeric(value: Value): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value === "boolean") return Number(value);
  const integer = integerOf(value);
  return integer === undefined ? undefined : Number(integer);
}
