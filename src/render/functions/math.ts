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
  minimum: { integers: (a, b) => pick(a, b, b < a), floats: Math.min },
  maximum: { integers: (a, b) => pick(a, b, b > a), floats: Math.max },
};

export const MATH_FUNCTIONS: readonly TemplateFunction[] = Object.entries(OPERATIONS).map(([name, operation]) =>
  define(name, ["interface {}", "interface {}"], ([b, a]) => calculate(name, operation, a, b)),
);

function calculate(name: string, { integers, floats }: Operation, a: Value, b: Value): Value {
  const usable = (value: Value) =>
    integerOf(value) !== undefined || (floats !== undefined && typeof value === "number");
  for (const operand of [a, b]) {
    if (!usable(operand)) fail(`${name}: unknown type for ${shown(operand)} (${typeName(operand)})`);
  }
  const x = integerOf(a);
  const y = integerOf(b);
  if (x === undefined || y === undefined) return floats!(Number(x ?? a), Number(y ?? b));
  const unsigned = kindOf(a).startsWith("u") && kindOf(b).startsWith("u");
  return new Integer(unsigned ? "uint64" : "int64", integers(x, y));
}

function shown(operand: Value): string {
  return operand === null ? "<invalid reflect.Value>" : sprintf("%q", [operand]);
}

export function nonZero(divisor: bigint): bigint {
  return divisor === 0n ? fail("runtime error: integer divide by zero") : divisor;
}

function pick(a: bigint, b: bigint, second: boolean): bigint {
  return second ? b : a;
}
