/**
 * Go's values as templates see them. What JavaScript has already stands for itself:
 *
 * | Go | here |
 * |---|---|
 * | nil interface | `null` |
 * | bool, string | boolean, string (bytes that are no UTF-8 are kept as in text.ts) |
 * | int | bigint |
 * | float64 | number |
 * | json.Number | JsonNumber |
 *
 * Everything else is one of the classes below, each knowing its Go type, which error texts and `%T` name.
 */
import { JsonNumber } from "../../json.ts";

export type Value =
  | null
  | boolean
  | string
  | bigint
  | number
  | JsonNumber
  | Integer
  | Complex
  | Slice
  | GoMap
  | Channel
  | Struct
  | NilPointer;

export type Kind =
  | "invalid"
  | "bool"
  | "string"
  | "int"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "uint"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64"
  | "float64"
  | "complex128"
  | "slice"
  | "map"
  | "chan"
  | "struct"
  | "ptr";

export type IntegerKind =
  | "int"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "uint"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64";

/** A named type of integers, as time.Duration: it prints by its own method. */
export interface NamedInteger {
  readonly name: string;
  string(value: bigint): string;
  readonly methods: Readonly<Record<string, Method>>;
}

/** An integer whose type is not `int`. */
export class Integer {
  readonly kind: IntegerKind;
  readonly value: bigint;
  readonly named: NamedInteger | undefined;

  constructor(kind: IntegerKind, value: bigint, named?: NamedInteger) {
    this.kind = kind;
    this.value = kind.startsWith("u") ? BigInt.asUintN(64, value) : BigInt.asIntN(64, value);
    this.named = named;
  }
}

export class Complex {
  readonly real: number;
  readonly imaginary: number;

  constructor(real: number, imaginary: number) {
    this.real = real;
    this.imaginary = imaginary;
  }
}

export class Slice {
  readonly element: string;
  readonly items: readonly Value[];
  /** A nil slice prints as an empty one, but is `null` in JSON. */
  readonly isNil: boolean;
  /** What Go has set aside for it; only spew shows it. */
  readonly capacity: number;

  constructor(element: string, items: readonly Value[], isNil = false, capacity = items.length) {
    this.element = element;
    this.items = items;
    this.isNil = isNil;
    this.capacity = capacity;
  }
}

/** A map; its keys are primitives, so that JavaScript's Map compares them as Go does. */
export class GoMap {
  readonly key: "string" | "interface {}";
  readonly element: string;
  readonly entries: Map<Value, Value>;
  readonly isNil: boolean;

  constructor(key: "string" | "interface {}", element: string, entries: Map<Value, Value>, isNil = false) {
    this.key = key;
    this.element = element;
    this.entries = entries;
    this.isNil = isNil;
  }
}

/** What `loop` gives: it can only be ranged over. */
export class Channel {
  readonly element: string;
  readonly items: Iterable<Value>;

  constructor(element: string, items: Iterable<Value>) {
    this.element = element;
    this.items = items;
  }
}

/** A method: the types of its parameters and what it does. */
export interface Method {
  readonly parameters: readonly ParameterType[];
  call(receiver: Struct | Integer, args: readonly Value[]): Value;
}

export interface StructType {
  /** With its package: `dependency.Secret`. */
  readonly name: string;
  /** In the order of the declaration; one with a small initial cannot be had by a template. */
  readonly fields: readonly string[];
  readonly methods: Readonly<Record<string, Method>>;
  /** The String method, where it has one. */
  readonly string?: (receiver: Struct) => string;
  /** The GoString method, which `%#v` uses, where it has one. */
  readonly goString?: (receiver: Struct) => string;
  /** What stands for it in JSON, where its fields do not. */
  readonly json?: (receiver: Struct) => Value;
}

/** What the fields of a struct hold; some are only made when they are asked for. */
export interface Fields {
  get(name: string): Value | undefined;
}

export class Struct {
  readonly type: StructType;
  readonly fields: Fields;
  readonly pointer: boolean;
  /** What the type keeps beside its fields; only its methods know. */
  readonly hidden: unknown;

  constructor(type: StructType, fields: Fields, pointer: boolean, hidden?: unknown) {
    this.type = type;
    this.fields = fields;
    this.pointer = pointer;
    this.hidden = hidden;
  }
}

export class NilPointer {
  readonly type: StructType;

  constructor(type: StructType) {
    this.type = type;
  }
}

/** The types that parameters of functions and methods have. `reflect.Value` is anything, untouched. */
export type ParameterType =
  | "string"
  | "bool"
  | "int"
  | "int64"
  | "float64"
  | "interface {}"
  | "reflect.Value"
  | "[]string"
  | "[]interface {}"
  | "map[string]interface {}"
  | "map[string]string"
  | "time.Duration"
  | "time.Time"
  | "sprig.certificate"
  | "*semver.Version"
  | "func(*mergo.Config)"
  | "[]*dependency.KeyPair";

/** A failure inside a function; its message stands behind `error calling …`. */
export class FunctionError extends Error {}

export function fail(message: string): never {
  throw new FunctionError(message);
}

export function anySlice(items: readonly Value[]): Slice {
  return new Slice("interface {}", items);
}

export function stringSlice(items: readonly string[]): Slice {
  return new Slice("string", items);
}

export function anyMap(entries: Iterable<readonly [string, Value]> = []): GoMap {
  return new GoMap("string", "interface {}", new Map(entries));
}

export function stringMap(entries: Iterable<readonly [string, string]> = []): GoMap {
  return new GoMap("string", "string", new Map(entries));
}

/** The type as Go's `%T` names it. */
export function typeName(value: Value): string {
  if (value === null) return "<nil>";
  switch (typeof value) {
    case "boolean":
      return "bool";
    case "string":
      return "string";
    case "bigint":
      return "int";
    case "number":
      return "float64";
  }
  if (value instanceof JsonNumber) return "json.Number";
  if (value instanceof Integer) return value.named?.name ?? value.kind;
  if (value instanceof Complex) return "complex128";
  if (value instanceof Slice) return `[]${value.element}`;
  if (value instanceof GoMap) return `map[${value.key}]${value.element}`;
  if (value instanceof Channel) return `<-chan ${value.element}`;
  if (value instanceof NilPointer) return `*${value.type.name}`;
  return value.pointer ? `*${value.type.name}` : value.type.name;
}

/** The kind as Go's reflect names it; `invalid` for nil. */
export function kindOf(value: Value): Kind {
  if (value === null) return "invalid";
  switch (typeof value) {
    case "boolean":
      return "bool";
    case "string":
      return "string";
    case "bigint":
      return "int";
    case "number":
      return "float64";
  }
  if (value instanceof JsonNumber) return "string";
  if (value instanceof Integer) return value.kind;
  if (value instanceof Complex) return "complex128";
  if (value instanceof Slice) return "slice";
  if (value instanceof GoMap) return "map";
  if (value instanceof Channel) return "chan";
  if (value instanceof NilPointer) return "ptr";
  return value.pointer ? "ptr" : "struct";
}

/** The value of any type of integer, undefined for everything else. */
export function integerOf(value: Value): bigint | undefined {
  if (typeof value === "bigint") return value;
  return value instanceof Integer ? value.value : undefined;
}

/** The text of any type with the kind of a string, undefined for everything else. */
export function stringOf(value: Value): string | undefined {
  if (typeof value === "string") return value;
  return value instanceof JsonNumber ? value.text : undefined;
}

/** Go's rule of what `if` takes as true: everything but false, 0, nil and what is empty. */
export function isTrue(value: Value): boolean {
  if (value === null || value instanceof NilPointer) return false;
  if (typeof value === "object") {
    if (value instanceof JsonNumber) return value.text.length > 0;
    if (value instanceof Integer) return value.value !== 0n;
    if (value instanceof Complex) return value.real !== 0 || value.imaginary !== 0;
    if (value instanceof Slice) return value.items.length > 0;
    if (value instanceof GoMap) return value.entries.size > 0;
    return true;
  }
  return typeof value === "number" ? value !== 0 : Boolean(value);
}
