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
  type Method,
  type ParameterType,
  Slice,
  Struct,
  type Value,
} from "./go/values.ts";

export interface Bridge {
  toGo(value: unknown, wanted: ParameterType): Value;
  toHandlebars(result: Result): unknown;
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
    if (!Array.isArray(made)) Object.defineProperty(made, Symbol.toPrimitive, { value: () => textOf(value) });
    origins.set(made, value);
    return made;
  }

  function toHandlebars(result: Result): unknown {
    const value = unboxed(result);
    if (value === undefined) return null;
    if (typeof value === "bigint") return numberOf(value);
    if (typeof value !== "object" || value instanceof JsonNumber) return value;
    if (value instanceof Slice) return remember(value.items.map(toHandlebars), value);
    if (value instanceof Channel) return Array.from(value.items, toHandlebars);
    if (value instanceof GoMap) {
      const made: Record<string, unknown> = Object.create(null);
      for (const [key, item] of sortedEntries(value)) made[formatPlain(key)] = toHandlebars(item);
      return remember(made, value);
    }
    if (value instanceof Integer) return value.named === undefined ? numberOf(value.value) : namedObject(value);
    return value instanceof Struct ? remember(structObject(value), value) : formatPlain(value);
  }

  /** Fields under their own names and under those of Vault's JSON: `Data` and `data`, `LeaseID` and `lease_id`. */
  function structObject(value: Struct): object {
    const made: Record<string, unknown> = Object.create(null);
    for (const name of value.type.fields.filter(isExported)) {
      const item = toHandlebars(value.fields.get(name) ?? null);
      made[name] = item;
      const alias = name.replace(/([a-z])([A-Z])/g, "$1_$2").toLowerCase();
      Object.defineProperty(made, alias, { value: item, enumerable: false });
    }
    return withMethods(made, value, value.type.methods);
  }

  function namedObject(value: Integer): object {
    return remember(withMethods(Object.create(null), value, value.named?.methods ?? {}), value);
  }

  /** Methods without parameters are had like fields, as in Go. */
  function withMethods(made: object, value: Struct | Integer, methods: Readonly<Record<string, Method>>): object {
    for (const [name, { parameters, call }] of Object.entries(methods)) {
      if (parameters.length === 0) Object.defineProperty(made, name, { get: () => toHandlebars(call(value, [])) });
    }
    return made;
  }

  return { toGo, toHandlebars };
}

function isExported(field: string): boolean {
  return /^\p{Lu}/u.test(field);
}

/** Handlebars has no other integers; one that would lose digits stays whole. */
function numberOf(integer: bigint): number | bigint {
  const number = Number(integer);
  return Number.isSafeInteger(number) ? number : integer;
}

/** Of a time, duration or version; of anything else none, because errors show it. */
function textOf(value: Value): string {
  const hasText = value instanceof Integer || (value instanceof Struct && value.type.string !== undefined);
  return hasText ? formatPlain(value) : "[object Object]";
}
