/** Sprig's arithmetic and conversions of numbers. */
import type { TemplateFunction } from "../../go/function.ts";
import { parseInteger } from "../../go/number.ts";
import { fail, type Value } from "../../go/values.ts";
import { add, type Decimal, divide, multiply, subtract, toDecimal, toFloat, ZERO } from "../decimal.ts";
import { nonZero } from "../math.ts";
import { int64, textOf, toFloat64, toInt64 } from "./convert.ts";
import { ANY, alias, S, sprig, sprigVariadic } from "./define.ts";

export const SPRIG_NUMBERS: readonly TemplateFunction[] = [
  sprigVariadic("add", [], ANY, (values) => int64(values.reduce<bigint>((sum, value) => sum + toInt64(value), 0n))),
  sprig("add1", [ANY], ([value]) => int64(toInt64(value) + 1n)),
  sprig("sub", [ANY, ANY], ([a, b]) => int64(toInt64(a) - toInt64(b))),
  sprigVariadic("mul", [ANY], ANY, (values) =>
    int64((values as readonly Value[]).reduce<bigint>((product, value) => product * toInt64(value), 1n)),
  ),
  sprig("div", [ANY, ANY], ([a, b]) => int64(toInt64(a) / nonZero(toInt64(b)))),
  sprig("mod", [ANY, ANY], ([a, b]) => int64(toInt64(a) % nonZero(toInt64(b)))),
  ...alias(
    sprigVariadic("max", [ANY], ANY, (values) => int64(extreme(values as readonly Value[], (a, b) => a > b))),
    "biggest",
  ),
  sprigVariadic("min", [ANY], ANY, (values) => int64(extreme(values as readonly Value[], (a, b) => a < b))),
  sprigVariadic("maxf", [ANY], ANY, (values) => Math.max(...(values as readonly Value[]).map(toFloat64))),
  sprigVariadic("minf", [ANY], ANY, (values) => Math.min(...(values as readonly Value[]).map(toFloat64))),
  sprigVariadic("addf", [], ANY, (values) => toFloat(values.map(decimal).reduce(add, ZERO))),
  sprig("add1f", [ANY], ([value]) => toFloat(add(decimal(value), decimal(1n)))),
  sprigVariadic("subf", [ANY], ANY, (values) => toFloat(decimals(values).reduce(subtract))),
  sprigVariadic("mulf", [ANY], ANY, (values) => toFloat(decimals(values).reduce(multiply))),
  sprigVariadic("divf", [ANY], ANY, (values) => toFloat(decimals(values).reduce(divide))),
  sprig("floor", [ANY], ([value]) => Math.floor(toFloat64(value))),
  sprig("ceil", [ANY], ([value]) => Math.ceil(toFloat64(value))),
  sprigVariadic("round", [ANY, "int"], "float64", ([value, places, on = 0.5]) =>
    round(toFloat64(value as Value), Number(places as bigint), on as number),
  ),
  sprig("int", [ANY], ([value]) => toInt64(value)),
  sprig("int64", [ANY], ([value]) => int64(toInt64(value))),
  sprig("float64", [ANY], ([value]) => toFloat64(value)),
  sprig("atoi", [S], ([text]) => clamped(parseInteger(text, 10) ?? 0n)),
  sprig("toDecimal", [ANY], ([value]) => int64(octal(textOf(value)))),
  sprig("randInt", ["int", "int"], ([from, to], { session }) => {
    if (to <= from) fail("invalid argument to Intn");
    // Drawn once for each call of a template, as random text is.
    return session.once({ name: "randInt", args: [String(from), String(to)], each: true }, () => {
      const bytes = session.host.random(8);
      return from + (new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0) % (to - from));
    });
  }),
];

function extreme(values: readonly Value[], better: (a: bigint, b: bigint) => boolean): bigint {
  return values.map(toInt64).reduce((a, b) => (better(b, a) ? b : a));
}

function decimals(values: readonly unknown[]): Decimal[] {
  return (values as readonly Value[]).map(decimal);
}

/** Sprig calculates in decimal, so that 0.1 + 0.2 is 0.3. */
function decimal(value: Value): Decimal {
  return toDecimal(toFloat64(value));
}

function round(value: number, places: number, on: number): number {
  const scale = 10 ** places;
  const scaled = value * scale;
  return (scaled - Math.trunc(scaled) >= on ? Math.ceil(scaled) : Math.floor(scaled)) / scale;
}

function octal(text: string): bigint {
  const [, sign = "", digits = ""] = /^([+-]?)([0-7]+)$/.exec(text) ?? [];
  const value = digits === "" ? 0n : BigInt(`0o${digits}`) * (sign === "-" ? -1n : 1n);
  return BigInt.asIntN(64, value) === value ? value : 0n;
}

/** What does not fit is as near as it can be. */
function clamped(value: bigint): bigint {
  if (BigInt.asIntN(64, value) === value) return value;
  return value < 0n ? -(2n ** 63n) : 2n ** 63n - 1n;
}
