/** Where templates see through to how Go keeps values: pointers, and what is set aside for slices. */
import { Slice, Struct, type Value } from "./values.ts";

/** What a pointer points to, which is what a template prints. */
export function dereferenced(value: Value): Value {
  return value instanceof Struct && value.pointer ? new Struct(value.type, value.fields, false, value.hidden) : value;
}

/** A slice that grew one by one, for which Go sets twice as much aside each time, up to 512. */
export function grownSlice(items: readonly Value[]): Slice {
  const { length } = items;
  const capacity = length < 2 || length > 512 ? length : 2 ** Math.ceil(Math.log2(length));
  return new Slice("interface {}", items, false, capacity);
}
