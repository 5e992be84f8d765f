/** Maps into maps. */
import { formatPlain } from "../go/format.ts";
import { define, type TemplateFunction } from "../go/function.ts";
import { compareStrings } from "../go/order.ts";
import { quote } from "../go/quote.ts";
import { anyMap, fail, GoMap, isTrue, type Value } from "../go/values.ts";

const MAP = "map[string]interface {}";

export const MAP_FUNCTIONS: readonly TemplateFunction[] = [
  define("explodeMap", [MAP], ([map]) => explode(map)),
  define("mergeMap", [MAP, MAP], ([into, from]) => merge(into, from, false)),
  define("mergeMapWithOverride", [MAP, MAP], ([into, from]) => merge(into, from, true)),
];

/** Both maps as one, maps inside them too; what is empty never replaces anything. */
export function merge(into: GoMap, from: GoMap, override: boolean): GoMap {
  const merged = new Map(into.entries);
  for (const [key, value] of from.entries) {
    const known = merged.get(key) ?? null;
    if (known instanceof GoMap && value instanceof GoMap) merged.set(key, merge(known, value, override));
    else if (!isTrue(known) || (override && isTrue(value))) merged.set(key, value);
  }
  return new GoMap(into.key, into.element, merged);
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
    fail(`explodeMap: not a map: ${quote(path)}: ${quote(name)} already has value ${quote(formatPlain(known))}`);
  }
  const made = anyMap();
  map.entries.set(name, made);
  return made;
}
