/**
 * What evaluation yields before a pipeline is done with it. Go tells three things apart that are one to a reader:
 * a value; a value that stands in an `interface {}`, as an element of a map does (`Boxed`), of which error messages
 * name the type `interface {}`; and no value at all (`undefined`), which prints as `<no value>`.
 */
import type { Value } from "./values.ts";

export class Boxed {
  readonly value: Value;

  constructor(value: Value) {
    this.value = value;
  }
}

export type Result = Value | Boxed | undefined;

/** The value, taken out of its interface; `undefined` for a nil interface, as at the end of a pipeline. */
export function unboxed(result: Result): Value | undefined {
  const value = result instanceof Boxed ? result.value : result;
  return value === null ? undefined : value;
}

/** An element of a slice or map of this element type. */
export function element(type: string, value: Value): Result {
  return type === "interface {}" ? new Boxed(value) : value;
}
