/** The order in which Go sorts the keys of maps. */
import { type GoMap, integerOf, typeName, type Value } from "./values.ts";

/** The entries of a map in the order in which Go ranges over and prints them. */
export function sortedEntries(map: GoMap): [Value, Value][] {
  return [...map.entries].sort(([a], [b]) => compareKeys(a, b));
}

/** By type first, as the real tool happens to have its types in memory, then by value; strings by their bytes. */
function compareKeys(a: Value, b: Value): number {
  if (typeof a === "string" && typeof b === "string") return compareStrings(a, b);
  const rank = keyRank(a) - keyRank(b);
  if (rank !== 0) return rank;
  const x = typeof a === "boolean" ? Number(a) : ((integerOf(a) ?? a) as number | bigint);
  const y = typeof b === "boolean" ? Number(b) : ((integerOf(b) ?? b) as number | bigint);
  return x < y ? -1 : x > y ? 1 : 0;
}

const TYPES = ["<nil>", "string", "uint64", "int", "float64", "bool"];

function keyRank(key: Value): number {
  return TYPES.indexOf(typeName(key));
}

/** Order of strings by their UTF-8 bytes, which is the order of their code points. */
export function compareStrings(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rankUnit(x) - rankUnit(y);
  }
  return a.length - b.length;
}

/** UTF-16 puts what lies outside the basic plane (surrogates) before U+E000..U+FFFF; code points do not. */
function rankUnit(unit: number): number {
  return unit >= 0xe000 ? unit - 0x2000 : unit >= 0xd800 ? unit + 0x2000 : unit;
}
