/** Decimal numbers of any size, as shopspring/decimal calculates with them. */
import { formatFloat } from "../go/float.ts";
import { fail } from "../go/values.ts";

/** coefficient × 10^exponent */
export interface Decimal {
  readonly coefficient: bigint;
  readonly exponent: number;
}

export const ZERO: Decimal = { coefficient: 0n, exponent: 0 };

/** The shortest decimal that reads as the number. */
export function toDecimal(value: number): Decimal {
  if (!Number.isFinite(value)) return fail(`Cannot create a Decimal from ${formatFloat(value, "g", -1)}`);
  const [mantissa = "0", exponent = "0"] = value.toExponential().split("e");
  const [whole = "0", fraction = ""] = mantissa.split(".");
  return { coefficient: BigInt(whole + fraction), exponent: Number(exponent) - fraction.length };
}

export function toFloat({ coefficient, exponent }: Decimal): number {
  return Number(`${coefficient}e${exponent}`);
}

export function add(a: Decimal, b: Decimal): Decimal {
  const exponent = Math.min(a.exponent, b.exponent);
  return { coefficient: scaled(a, exponent) + scaled(b, exponent), exponent };
}

export function subtract(a: Decimal, b: Decimal): Decimal {
  return add(a, { ...b, coefficient: -b.coefficient });
}

export function multiply(a: Decimal, b: Decimal): Decimal {
  return { coefficient: a.coefficient * b.coefficient, exponent: a.exponent + b.exponent };
}

/** Digits behind the point of what division gives; the last one is rounded, half away from zero. */
const PRECISION = 16;

export function divide(a: Decimal, b: Decimal): Decimal {
  if (b.coefficient === 0n) return fail("decimal division by 0");
  const shift = a.exponent - b.exponent + PRECISION;
  const dividend = a.coefficient * 10n ** BigInt(Math.max(0, shift));
  const divisor = b.coefficient * 10n ** BigInt(Math.max(0, -shift));
  const quotient = dividend / divisor;
  const twice = 2n * absolute(dividend % divisor);
  const away = dividend < 0n === divisor < 0n ? 1n : -1n;
  return { coefficient: twice >= absolute(divisor) ? quotient + away : quotient, exponent: -PRECISION };
}

function scaled({ coefficient, exponent }: Decimal, to: number): bigint {
  return coefficient * 10n ** BigInt(exponent - to);
}

function absolute(value: bigint): bigint {
  return value < 0n ? -value : value;
}
