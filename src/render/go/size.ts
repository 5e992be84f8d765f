/** How large a value is when it is walked through: a template can make one that refers to itself, or to one thing again and again. */
import { fail, GoMap, Slice, type Value } from "./values.ts";

/** More than any answer of Vault that is read. */
const MAX_VALUES = 250_000;
const MAX_DEPTH = 500;

/** Throws a FunctionError where the value holds more values, or deeper ones, than may be walked through; else their number. */
export function boundedSize(value: Value): number {
  if (!(value instanceof Slice || value instanceof GoMap)) return 1;
  let count = 0;
  let layer: readonly Value[] = [value];
  for (let depth = 0; layer.length > 0; depth++) {
    count += layer.length;
    if (count > MAX_VALUES) fail(`a value of more than ${MAX_VALUES} values, or one that holds itself`);
    if (depth > MAX_DEPTH) fail(`a value nested more than ${MAX_DEPTH} deep, or one that holds itself`);
    layer = innerOf(layer);
  }
  return count;
}

/** What stands directly inside of these; no more than matters. */
function innerOf(layer: readonly Value[]): readonly Value[] {
  const inner: Value[] = [];
  for (const value of layer) {
    if (inner.length > MAX_VALUES) break;
    if (value instanceof Slice) for (const item of value.items) inner.push(item);
    else if (value instanceof GoMap) for (const item of value.entries.values()) inner.push(item);
  }
  return inner;
}
