/** Maps into maps. */
import { formatValue } from "../go/format.ts";
import { define, defineVariadic, type TemplateFunction } from "../go/function.ts";
import { compareStrings } from "../go/order.ts";
import { quote } from "../go/quote.ts";
import { boundedSize } from "../go/size.ts";
import { anyMap, fail, GoMap, isTrue, type Value } from "../go/values.ts";

const MAP = "map[string]interface {}";

export const MAP_FUNCTIONS: readonly TemplateFunction[] = [
  define("explodeMap", [MAP], ([map]) => explode(map)),
  // Settings of the library are functions, of which a template has none but nil.
  defineVariadic("mergeMap", [MAP, MAP], "func(*mergo.Config)", ([into, from, ...settings]) =>
    settings.length > 0
      ? fail("runtime error: invalid memory address or nil pointer dereference")
      : merge(into as GoMap, from as GoMap, false),
  ),
  define("mergeMapWithOverride", [MAP, MAP], ([into, from]) => merge(into, from, true)),
];

/**
 * Puts what is in `from` into `into` itself, as the library of the real tool does: maps that both have are merged too.
 * Anything else replaces what is empty there, and with `override` whatever is there.
 */
export function merge(into: GoMap, from: GoMap, override: boolean): GoMap {
  boundedSize(into);
  boundedSize(from);
  return mergeInside(into, from, override);
}

function mergeInside(into: GoMap, from: GoMap, override: boolean): GoMap {
  if (into.isNil && from.isNil) return into;
  const merged = into.isNil ? new GoMap(into.key, into.element, new Map()) : into;
  for (const [key, value] of from.entries) {
    const known = merged.entries.get(key) ?? null;
    if (known instanceof GoMap && value instanceof GoMap) merged.entries.set(key, mergeInside(known, value, override));
    else if (override || (value !== null && !isTrue(known))) merged.entries.set(key, value);
  }
  return merged;
}

/** `{"a/b": 1}` becomes `{"a": {"b": 1}}`. */
function explode(map: GoMap): GoMap {
  const root = anyMap();
  for (const key of ([...map.entries.keys()] as string[]).sort(compareStrings)) {
    const names = key.split("/");
    const last = names.pop()!;
    const place = names.reduce((at, name) => descend(at, name, key), root);
    if (last !== "") place.entries.set(last, map.entries.get(key) ?? null);
  }
  return root;
}

function descend(map: GoMap, name: string, path: string): GoMap {
  const known: Value | undefined = map.entries.get(name);
  if (known instanceof GoMap) return known;
  if (known !== undefined) {
    fail(`explodeMap: not a map: ${quote(path)}: ${quote(name)} already has value ${formatValue(known, "q", {})}`);
  }
  const made = anyMap();
  map.entries.set(name, made);
  return made;
}
