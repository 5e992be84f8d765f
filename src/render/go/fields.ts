/** `.Name` on a value: a method, a field of a struct or a key of a map. */
import { JsonNumber } from "../../json.ts";
import { Boxed, element, type Result } from "./boxed.ts";
import { quote } from "./quote.ts";
import {
  fail,
  GoMap,
  Integer,
  type Method,
  NilPointer,
  type ParameterType,
  Struct,
  typeName,
  type Value,
} from "./values.ts";

/** The method of this name, which goes before fields and keys. */
export function methodOf(receiver: Result, name: string): BoundMethod | undefined {
  const value = receiver instanceof Boxed ? receiver.value : receiver;
  const method = value instanceof GoMap ? undefined : methodOfType(value ?? null, name);
  if (method === undefined) return undefined;
  return { parameters: method.parameters, call: (args) => method.call(value as Struct | Integer, args) };
}

export interface BoundMethod {
  readonly parameters: readonly ParameterType[];
  call(args: readonly Value[]): Value;
}

/** A field or a key; throws a FunctionError where there is none, or where it is given arguments. */
export function field(receiver: Result, name: string, errorOnMissingKey: boolean, hasArguments: boolean): Result {
  if (receiver === undefined) {
    if (errorOnMissingKey) fail(`nil data; no entry for key ${quote(name)}`);
    return undefined;
  }
  const value = receiver instanceof Boxed ? receiver.value : receiver;
  if (value === null) return fail(`nil pointer evaluating interface {}.${name}`);
  if (value instanceof Struct && value.type.fields.includes(name)) {
    if (!/^\p{Lu}/u.test(name)) fail(`${name} is an unexported field of struct type ${typeOf(receiver)}`);
    if (hasArguments) fail(`${name} has arguments but cannot be invoked as function`);
    return value.fields.get(name) ?? null;
  }
  if (value instanceof GoMap) {
    if (hasArguments) fail(`${name} is not a method but has arguments`);
    const found = value.entries.get(name);
    if (found !== undefined) return element(value.element, found);
    if (errorOnMissingKey) fail(`map has no entry for key ${quote(name)}`);
    return zeroElement(value);
  }
  if (value instanceof NilPointer && value.type.fields.includes(name))
    fail(`nil pointer evaluating ${typeOf(receiver)}.${name}`);
  return fail(`can't evaluate field ${name} in type ${typeOf(receiver)}`);
}

function typeOf(receiver: Value | Boxed): string {
  return receiver instanceof Boxed ? "interface {}" : typeName(receiver);
}

/** What a map gives for a key that it does not have. */
export function zeroElement(map: GoMap): Result {
  if (map.element === "string") return "";
  if (map.element === "bool") return false;
  return element(map.element, null);
}

function methodOfType(value: Value, name: string): Method | undefined {
  if (value instanceof Struct) return own(value.type.methods, name);
  if (value instanceof Integer && value.named !== undefined) return own(value.named.methods, name);
  return value instanceof JsonNumber ? own(jsonNumberMethods(value), name) : undefined;
}

function own(methods: Readonly<Record<string, Method>>, name: string): Method | undefined {
  return Object.hasOwn(methods, name) ? methods[name] : undefined;
}

function jsonNumberMethods(number: JsonNumber): Record<string, Method> {
  return {
    String: { parameters: [], call: () => number.text },
    Float64: { parameters: [], call: () => number.toNumber() },
    Int64: { parameters: [], call: () => jsonInteger(number) },
  };
}

function jsonInteger(number: JsonNumber): Integer {
  if (!/^-?[0-9]+$/.test(number.text)) fail(`strconv.ParseInt: parsing ${quote(number.text)}: invalid syntax`);
  return new Integer("int64", BigInt(number.text));
}
