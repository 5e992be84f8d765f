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
  type StructType,
  type Value,
} from "./go/values.ts";

export interface Bridge {
  toGo(value: unknown, wanted: ParameterType): Value;
  toHandlebars(result: Result): unknown;
}

/** Where a list or an object keeps the value that it stands for; no template can name it. */
const ORIGIN = Symbol("origin");

/** What Handlebars sees of a value whose parts it can ask for. */
interface Viewed {
  readonly value: GoMap | Struct | Integer;
}

/** What went to Handlebars comes back as the same value: it keeps its type. */
export function createBridge(): Bridge {
  const lists = new WeakMap<Slice, unknown[]>();
  const names = createNames();

  function toGo(value: unknown, wanted: ParameterType): Value {
    if (value === null || value === undefined) return null;
    switch (typeof value) {
      case "string":
      case "boolean":
      case "bigint":
        return wanted === "float64" && typeof value === "bigint" ? Number(value) : value;
      case "number":
        return Number.isSafeInteger(value) && wanted !== "float64" ? BigInt(value) : value;
    }
    if (value instanceof JsonNumber) return value;
    const origin = (value as { [ORIGIN]?: Value })[ORIGIN];
    if (origin !== undefined) return origin;
    if (Array.isArray(value)) return anySlice(value.map((item) => toGo(item, "interface {}")));
    return anyMap(Object.entries(value as object).map(([key, item]) => [key, toGo(item, "interface {}")]));
  }

  function toHandlebars(result: Result): unknown {
    const value = unboxed(result);
    if (value === undefined) return null;
    if (typeof value === "bigint") return numberOf(value);
    if (typeof value !== "object" || value instanceof JsonNumber) return value;
    if (value instanceof Integer && value.named === undefined) return numberOf(value.value);
    if (value instanceof Channel) return Array.from(value.items, toHandlebars);
    if (value instanceof Slice) return listOf(value);
    if (!(value instanceof GoMap || value instanceof Struct || value instanceof Integer)) return formatPlain(value);
    return new Proxy<Viewed>({ value }, handler);
  }

  function listOf(value: Slice): unknown[] {
    const known = lists.get(value);
    if (known !== undefined) return known;
    const made = value.items.map(toHandlebars);
    lists.set(value, Object.defineProperty(made, ORIGIN, { value }));
    return made;
  }

  /** Made when it is asked for, and nothing but keys, exported fields and methods: there is no prototype behind it. */
  function part({ value }: Viewed, key: string | symbol): unknown {
    if (typeof key === "symbol") return key === ORIGIN ? value : textual(key, value);
    if (value instanceof GoMap) {
      const known = value.entries.has(key) || value.key === "string";
      const found = known ? value.entries.get(key) : foreignKey(value, key);
      return found === undefined ? undefined : toHandlebars(found);
    }
    const methods = value instanceof Struct ? value.type.methods : value.named!.methods;
    const method = Object.hasOwn(methods, key) ? (methods[key] as Method) : undefined;
    // Methods without parameters are had like fields, as in Go.
    if (method?.parameters.length === 0) return toHandlebars(method.call(value, []));
    const name = value instanceof Struct ? names(value.type).get(key) : undefined;
    return name === undefined ? undefined : toHandlebars((value as Struct).fields.get(name) ?? null);
  }

  const handler: ProxyHandler<Viewed> = {
    get: (viewed, key) => part(viewed, key),
    has: (viewed, key) => part(viewed, key) !== undefined,
    getOwnPropertyDescriptor(viewed, key) {
      const value = part(viewed, key);
      return value === undefined ? undefined : { value, enumerable: true, configurable: true, writable: false };
    },
    ownKeys({ value }) {
      if (value instanceof GoMap) return sortedEntries(value).map(([key]) => formatPlain(key));
      return value instanceof Struct ? value.type.fields.filter(isExported) : [];
    },
    set: () => false,
    defineProperty: () => false,
    deleteProperty: () => false,
  };

  return { toGo, toHandlebars };
}

/** Fields by their own names and by those of Vault's JSON: `Data` and `data`, `LeaseID` and `lease_id`. */
function createNames(): (type: StructType) => ReadonlyMap<string, string> {
  const known = new Map<StructType, ReadonlyMap<string, string>>();
  return (type) => {
    const names = known.get(type) ?? new Map(type.fields.filter(isExported).flatMap(namesOf));
    known.set(type, names);
    return names;
  };
}

function namesOf(field: string): [string, string][] {
  return [
    [field, field],
    [field.replace(/([a-z])([A-Z])/g, "$1_$2").toLowerCase(), field],
  ];
}

/** The value under a key that is no text, as YAML has them. */
function foreignKey(map: GoMap, key: string): Value | undefined {
  return [...map.entries].find(([known]) => formatPlain(known) === key)?.[1];
}

function isExported(field: string): boolean {
  return /^\p{Lu}/u.test(field);
}

/** Handlebars has no other integers; one that would lose digits stays whole. */
function numberOf(integer: bigint): number | bigint {
  const number = Number(integer);
  return Number.isSafeInteger(number) ? number : integer;
}

function textual(key: symbol, value: Value): (() => string) | undefined {
  return key === Symbol.toPrimitive ? () => textOf(value) : undefined;
}

/** Of a time, duration or version; of anything else none, because errors show it. */
function textOf(value: Value): string {
  const hasText = value instanceof Integer || (value instanceof Struct && value.type.string !== undefined);
  return hasText ? formatPlain(value) : "[object Object]";
}
