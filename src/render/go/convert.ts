/** Whether a value may be given where a type is wanted: Go's assignability, for the types that functions have here. */
import { Boxed, type Result } from "./boxed.ts";
import { FunctionError, GoMap, type ParameterType, Slice, typeName } from "./values.ts";

/** The value as an argument of type `wanted`; throws a FunctionError that names both types. */
export function convert(result: Result, wanted: ParameterType): Result {
  if (wanted === "reflect.Value" || (typeof result === "string" && wanted === "string")) return result;
  const value = result instanceof Boxed ? result.value : result;
  if (wanted === "interface {}") return value ?? null;
  if (value === undefined || (value === null && !(result instanceof Boxed))) {
    if (canBeNil(wanted)) return zeroOf(wanted);
    throw new FunctionError(`invalid value; expected ${wanted}`);
  }
  if (value !== null && typeName(value) === wanted) return value;
  throw new FunctionError(
    `wrong type for value; expected ${wanted}; got ${value === null ? "interface {}" : typeName(value)}`,
  );
}

/** Whether `nil` may be written for the type. */
export function canBeNil(type: ParameterType): boolean {
  return type === "interface {}" || type === "reflect.Value" || /^(?:\[\]|map\[|\*|func\()/.test(type);
}

/** The nil of a type that has one. */
export function zeroOf(type: ParameterType): Result {
  if (type === "reflect.Value") return undefined;
  if (type.startsWith("[]")) return new Slice(type.slice(2), [], true);
  if (type.startsWith("map[")) return new GoMap("string", type.slice("map[string]".length), new Map(), true);
  return null;
}
