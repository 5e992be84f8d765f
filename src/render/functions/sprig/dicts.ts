/** Sprig's functions on maps. */
import type { TemplateFunction } from "../../go/function.ts";
import { boundedSize } from "../../go/size.ts";
import { anyMap, anySlice, fail, GoMap, Slice, stringSlice, typeName, type Value } from "../../go/values.ts";
import { merge } from "../maps.ts";
import { textOf } from "./convert.ts";
import { ANY, alias, MAP, S, sprig, sprigVariadic } from "./define.ts";

export const SPRIG_DICTS: readonly TemplateFunction[] = [
  sprigVariadic("dict", [], ANY, (pairs) => dictionary(pairs)),
  sprig("get", [MAP, S], ([map, key]) => map.entries.get(key) ?? (map.entries.has(key) ? null : "")),
  sprig("set", [MAP, S, ANY], ([map, key, value]) => {
    if (map.isNil) fail("assignment to entry in nil map");
    map.entries.set(key, value);
    return map;
  }),
  sprig("unset", [MAP, S], ([map, key]) => {
    map.entries.delete(key);
    return map;
  }),
  sprig("hasKey", [MAP, S], ([map, key]) => map.entries.has(key)),
  sprigVariadic("keys", [], MAP, (maps) => stringSlice(maps.flatMap((map) => [...map.entries.keys()] as string[]))),
  sprig("values", [MAP], ([map]) => anySlice([...map.entries.values()])),
  sprigVariadic("pick", [MAP], S, ([map, ...keys]) => filtered(map as GoMap, (key) => keys.includes(key))),
  sprigVariadic("omit", [MAP], S, ([map, ...keys]) => filtered(map as GoMap, (key) => !keys.includes(key))),
  sprigVariadic("pluck", [S], MAP, ([key, ...maps]) =>
    anySlice(
      (maps as GoMap[]).filter((map) => map.entries.has(key as string)).map((map) => map.entries.get(key as string)!),
    ),
  ),
  sprigVariadic("dig", [], ANY, (args) => dig(args)),
  ...alias(
    sprigVariadic("merge", [MAP], MAP, (maps) => mergeAll(maps, false)),
    "mustMerge",
  ),
  ...alias(
    sprigVariadic("mergeOverwrite", [MAP], MAP, (maps) => mergeAll(maps, true)),
    "mustMergeOverwrite",
  ),
  ...alias(
    sprig("deepCopy", [ANY], ([value], { session }) => {
      if (value === null) fail("reflect: call of reflect.Value.Type on zero Value");
      session.budget.spend(boundedSize(value));
      return deepCopy(value);
    }),
    "mustDeepCopy",
  ),
];

function deepCopy(value: Value): Value {
  if (value instanceof Slice) return new Slice(value.element, value.items.map(deepCopy), value.isNil);
  if (!(value instanceof GoMap)) return value;
  const entries = [...value.entries].map(([key, item]) => [key, deepCopy(item)] as const);
  return new GoMap(value.key, value.element, new Map(entries), value.isNil);
}

/** Keys become text; one without a value has the empty text. */
function dictionary(pairs: readonly Value[]): GoMap {
  const entries: [string, Value][] = [];
  for (let i = 0; i < pairs.length; i += 2)
    entries.push([textOf(pairs[i]!), i + 1 < pairs.length ? pairs[i + 1]! : ""]);
  return anyMap(entries);
}

function filtered(map: GoMap, keep: (key: string) => boolean): GoMap {
  return anyMap(([...map.entries] as [string, Value][]).filter(([key]) => keep(key)));
}

function mergeAll([into, ...others]: readonly GoMap[], override: boolean): GoMap {
  return others.reduce((merged, one) => merge(merged, one, override), into!);
}

/** `dig "a" "b" default map` is map.a.b, or the default where a name is missing. */
function dig(args: readonly Value[]): Value {
  if (args.length < 3) fail("dig needs at least three arguments");
  const map = asserted(args.at(-1)!, MAP);
  const otherwise = args.at(-2)!;
  const names = args.slice(0, -2).map((name) => asserted(name, S));
  let at: Value = map;
  for (const name of names) {
    const found: Value | undefined = (asserted(at, MAP) as GoMap).entries.get(name);
    if (found === undefined) return otherwise;
    at = found;
  }
  return at;
}

/** Go's type assertion. */
function asserted(value: Value, type: string): Value {
  if (value !== null && typeName(value) === type) return value;
  return fail(`interface conversion: interface {} is ${value === null ? "nil" : typeName(value)}, not ${type}`);
}
