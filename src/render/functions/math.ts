/** Arithmetic. The second operand stands first, so that `10 | divide 3` reads well. */

import { define, type TemplateFunction } from "../go/function.ts";
import { sprintf } from "../go/printf.ts";
import { fail, Integer, integerOf, kindOf, typeName, type Value } from "../go/values.ts";

interface Operation {
  readonly integers: (a: bigint, b: bigint) => bigint;
  /** Absent where there is none for floating-point numbers. */
  readonly floats?: (a: number, b: number) => number;
}

const OPERATIONS: Readonly<Record<string, Operation>> = {
  add: { integers: (a, b) => a + b, floats: (a, b) => a + b },
  subtract: { integers: (a, b) => a - b, floats: (a, b) => a - b },
  multiply: { integers: (a, b) => a * b, floats: (a, b) => a * b },
  divide: { integers: (a, b) => a / nonZero(b), floats: (a, b) => a / b },
  modulo: { integers: (a, b) => a % nonZero(b) },
};

export const MATH_FUNCTIONS: readonly TemplateFunction[] = [
  ...Object.entries(OPERATIONS).map(([name, operation]) =>
    define(name, ["interface {}", "interface {}"], ([b, a]) => calculate(name, operation, a, b)),
  ),
  define("minimum", ["interface {}", "interface {}"], ([b, a]) => choose("minimum", a, b, (x, y) => x < y)),
  define("maximum", ["interface {}", "interface {}"], ([b, a]) => choose("maximum", a, b, (x, y) => x > y)),
];

function calculate(name: string, { integers, floats }: Operation, a: Value, b: Value): Value {
  checkNumbers(name, [a, b], floats !== undefined);
  const x = integerOf(a);
  const y = integerOf(b);
  if (x === undefined || y === undefined) return floats!(Number(x ?? a), Number(y ?? b));
  const unsigned = isUnsigned(a) && isUnsigned(b);
  return new Integer(unsigned ? "uint64" : "int64", integers(x, y));
}

/** The one that is better than the other, in its own kind of number; else the second. */
function choose(name: string, a: Value, b: Value, better: (x: number | bigint, y: number | bigint) => boolean): Value {
  checkNumbers(name, [a, b], true);
  const x = (integerOf(a) ?? a) as number | bigint;
  const y = (integerOf(b) ?? b) as number | bigint;
  const chosen = better(x, y) ? a : b;
  const integer = integerOf(chosen);
  return integer === undefined ? chosen : new Integer(isUnsigned(chosen) ? "uint64" : "int64", integer);
}

function checkNumbers(name: string, operands: readonly Value[], floats: boolean): void {
  for (const operand of operands) {
    const usable = integerOf(operand) !== undefined || (floats && typeof operand === "number");
    if (!usable) fail(`${name}: unknown type for ${shown(operand)} (${typeName(operand)})`);
  }
}

function isUnsigned(value: Value): boolean {
  return kindOf(value).startsWith("u");
}

function shown(operand: Value): string {
  return operand === null ? "<invalid reflect.Value>" : sprintf("%q", [operand]);
}

export function nonZero(divisor: bigint): bigint {
  return divisor === 0n ? fail("runtime error: integer divide by zero") : divisor;
}
