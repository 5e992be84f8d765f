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

/** What the place where the name stands brings along. */
export interface Invocation {
  readonly errorOnMissingKey: boolean;
  readonly hasArguments: boolean;
  /** Evaluates the arguments and calls the method. */
  call(parameters: readonly ParameterType[], call: (args: readonly Value[]) => Value): Result;
}

/** Throws a FunctionError where there is no such field. */
export function field(receiver: Result, name: string, invocation: Invocation): Result {
  if (receiver === undefined) {
    if (invocation.errorOnMissingKey) fail(`nil data; no entry for key ${quote(name)}`);
    return undefined;
  }
  const type = receiver instanceof Boxed ? "interface {}" : typeName(receiver);
  const value = receiver instanceof Boxed ? receiver.value : receiver;
  if (value === null) return fail(`nil pointer evaluating interface {}.${name}`);
  const method = methodOf(value, name);
  if (method !== undefined) {
    return invocation.call(method.parameters, (args) => method.call(value as Struct | Integer, args));
  }
  if (value instanceof Struct && value.type.fields.includes(name)) {
    if (!/^\p{Lu}/u.test(name)) fail(`${name} is an unexported field of struct type ${type}`);
    if (invocation.hasArguments) fail(`${name} has arguments but cannot be invoked as function`);
    return value.fields.get(name) ?? null;
  }
  if (value instanceof GoMap) {
    if (invocation.hasArguments) fail(`${name} is not a method but has arguments`);
    const found = value.entries.get(name);
    if (found !== undefined) return element(value.element, found);
    if (invocation.errorOnMissingKey) fail(`map has no entry for key ${quote(name)}`);
    return zeroElement(value);
  }
  if (value instanceof NilPointer && value.type.fields.includes(name)) fail(`nil pointer evaluating ${type}.${name}`);
  return fail(`can't evaluate field ${name} in type ${type}`);
}

/** What a map gives for a key that it does not have. */
export function zeroElement(map: GoMap): Result {
  if (map.element === "string") return "";
  if (map.element === "bool") return false;
  return element(map.element, null);
}

function methodOf(value: Exclude<Value, null>, name: string): Method | undefined {
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
