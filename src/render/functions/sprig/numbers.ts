/** Sprig's arithmetic and conversions of numbers. */
import type { TemplateFunction } from "../../go/function.ts";
import { parseInteger } from "../../go/number.ts";
import { fail, type Value } from "../../go/values.ts";
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
  sprigVariadic("addf", [], ANY, (values) => values.map(toFloat64).reduce((a, b) => exact(a + b), 0)),
  sprig("add1f", [ANY], ([value]) => exact(toFloat64(value) + 1)),
  sprigVariadic("subf", [ANY], ANY, (values) =>
    (values as readonly Value[]).map(toFloat64).reduce((a, b) => exact(a - b)),
  ),
  sprigVariadic("mulf", [ANY], ANY, (values) =>
    (values as readonly Value[]).map(toFloat64).reduce((a, b) => exact(a * b)),
  ),
  sprigVariadic("divf", [ANY], ANY, (values) =>
    (values as readonly Value[])
      .map(toFloat64)
      .reduce((a, b) => (b === 0 ? fail("decimal division by 0") : exact(a / b))),
  ),
  sprig("floor", [ANY], ([value]) => Math.floor(toFloat64(value))),
  sprig("ceil", [ANY], ([value]) => Math.ceil(toFloat64(value))),
  sprigVariadic("round", [ANY, "int"], "float64", ([value, places, on = 0.5]) =>
    round(toFloat64(value as Value), Number(places as bigint), on as number),
  ),
  sprig("int", [ANY], ([value]) => toInt64(value)),
  sprig("int64", [ANY], ([value]) => int64(toInt64(value))),
  sprig("float64", [ANY], ([value]) => toFloat64(value)),
  sprig("atoi", [S], ([text]) => parseInteger(text, 10) ?? 0n),
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

/** Sprig calculates in decimal, so that 0.1 + 0.2 is 0.3. */
function exact(value: number): number {
  return Number.isFinite(value) ? Number(value.toPrecision(15)) : value;
}

function round(value: number, places: number, on: number): number {
  const scale = 10 ** places;
  const scaled = value * scale;
  return (scaled - Math.trunc(scaled) >= on ? Math.ceil(scaled) : Math.floor(scaled)) / scale;
}

function octal(text: string): bigint {
  return /^[0-7]+$/.test(text) ? BigInt(`0o${text}`) : 0n;
}
