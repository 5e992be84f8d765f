/** Values on their way between the functions, which speak Go's types, and Handlebars, which speaks JavaScript's. */
import { JsonNumber } from "../json.ts";
import type { Result } from "./go/boxed.ts";
import { unboxed } from "./go/boxed.ts";
import { formatPlain } from "./go/format.ts";
import { sortedEntries } from "./go/order.ts";
import {
  anyMap,
  anySlice,
  Channel,
  GoMap,
  Integer,
  isTrue,
  type ParameterType,
  Slice,
  Struct,
  type Value,
} from "./go/values.ts";

export interface Bridge {
  toGo(value: unknown, wanted: ParameterType): Value;
  toHandlebars(result: Result): unknown;
  /** Go's idea of truth, for `and` and `or`. */
  isTrue(value: unknown): boolean;
}

/** What went to Handlebars comes back as the same value: it keeps its type. */
export function createBridge(): Bridge {
  const origins = new WeakMap<object, Value>();

  function toGo(value: unknown, wanted: ParameterType): Value {
    if (value === null || value === undefined) return null;
    switch (typeof value) {
      case "string":
      case "boolean":
      case "bigint":
        return wanted === "float64" && typeof value === "bigint" ? Number(value) : value;
      case "number":
        return Number.isInteger(value) && wanted !== "float64" ? BigInt(value) : value;
    }
    if (value instanceof JsonNumber) return value;
    const origin = origins.get(value as object);
    if (origin !== undefined) return origin;
    if (Array.isArray(value)) return anySlice(value.map((item) => toGo(item, "interface {}")));
    return anyMap(Object.entries(value as object).map(([key, item]) => [key, toGo(item, "interface {}")]));
  }

  function remember<T extends object>(made: T, value: Value): T {
    // Without a prototype an object would have no text at all, and printing it would throw.
    if (!Array.isArray(made)) Object.defineProperty(made, Symbol.toPrimitive, { value: () => "[object Object]" });
    origins.set(made, value);
    return made;
  }

  function toHandlebars(result: Result): unknown {
    const value = unboxed(result);
    if (value === undefined) return null;
    if (typeof value !== "object" || value instanceof JsonNumber) return value;
    if (value instanceof Slice) return remember(value.items.map(toHandlebars), value);
    if (value instanceof Channel) return Array.from(value.items, toHandlebars);
    if (value instanceof GoMap) {
      const made: Record<string, unknown> = Object.create(null);
      for (const [key, item] of sortedEntries(value)) made[formatPlain(key)] = toHandlebars(item);
      return remember(made, value);
    }
    if (value instanceof Integer) return value.named === undefined ? value.value : formatPlain(value);
    if (value instanceof Struct && value.type.string === undefined) return remember(structObject(value), value);
    return formatPlain(value);
  }

  /** Fields under their own names and under those of Vault's JSON: `Data` and `data`, `LeaseID` and `lease_id`. */
  function structObject(value: Struct): object {
    const made: Record<string, unknown> = Object.create(null);
    for (const name of value.type.fields) {
      const item = toHandlebars(value.fields.get(name) ?? null);
      made[name] = item;
      const alias = name.replace(/([a-z])([A-Z])/g, "$1_$2").toLowerCase();
      Object.defineProperty(made, alias, { value: item, enumerable: false });
    }
    return made;
  }

  return { toGo, toHandlebars, isTrue: (value) => isTrue(toGo(value, "interface {}")) };
}
