/** reflect.DeepEqual. */
import { JsonNumber } from "../../../json.ts";
import { Complex, GoMap, Integer, NilPointer, Slice, Struct, typeName, type Value } from "../../go/values.ts";

export function deepEqual(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (a === null || b === null || typeName(a) !== typeName(b)) return false;
  if (a instanceof Integer && b instanceof Integer) return a.value === b.value;
  if (a instanceof JsonNumber && b instanceof JsonNumber) return a.text === b.text;
  if (a instanceof Complex && b instanceof Complex) return a.real === b.real && a.imaginary === b.imaginary;
  if (a instanceof Slice && b instanceof Slice) {
    return (
      a.isNil === b.isNil &&
      a.items.length === b.items.length &&
      a.items.every((item, i) => deepEqual(item, b.items[i]!))
    );
  }
  if (a instanceof GoMap && b instanceof GoMap) {
    return (
      a.isNil === b.isNil &&
      a.entries.size === b.entries.size &&
      [...a.entries].every(([key, item]) => b.entries.has(key) && deepEqual(item, b.entries.get(key)!))
    );
  }
  if (a instanceof NilPointer) return b instanceof NilPointer;
  if (a instanceof Struct && b instanceof Struct) {
    return a.type.fields.every((name) => deepEqual(a.fields.get(name) ?? null, b.fields.get(name) ?? null));
  }
  return false;
}
