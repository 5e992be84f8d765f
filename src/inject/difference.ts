/** What an injection has changed in a pod, as the operations of a JSON patch (RFC 6902). */
import type { Operation } from "./json-patch.ts";
import { isObject } from "./loose.ts";

/**
 * The operations that lead from one document to the other. What both share has to be the same object: this looks
 * only where something was made anew, so that the time does not grow with the size of the documents.
 */
export function difference(before: unknown, after: unknown, path = ""): readonly Operation[] {
  if (Object.is(before, after)) return [];
  if (Array.isArray(before) && Array.isArray(after)) return listDifference(before, after, path);
  if (!isObject(before) || !isObject(after)) return [{ op: "replace", path, value: after }];
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return keys.flatMap((key) => {
    const at = `${path}/${escapePointer(key)}`;
    if (!Object.hasOwn(after, key) || after[key] === undefined)
      return Object.hasOwn(before, key) ? [{ op: "remove", path: at }] : [];
    if (!Object.hasOwn(before, key)) return [{ op: "add", path: at, value: after[key] }];
    return difference(before[key], after[key], at);
  });
}

// ---- internal ----

/** Elements are matched by identity at both ends; what is in between is compared one by one, then added or removed. */
function listDifference(before: readonly unknown[], after: readonly unknown[], path: string): readonly Operation[] {
  const shorter = Math.min(before.length, after.length);
  let head = 0;
  while (head < shorter && sameElement(before[head], after[head])) head++;
  let tail = 0;
  while (tail < shorter - head && sameElement(before[before.length - 1 - tail], after[after.length - 1 - tail])) tail++;
  const removed = before.length - tail - head;
  const added = after.slice(head, after.length - tail);
  const changes = (from: number, to: number, count: number) =>
    Array.from({ length: count }, (_, i) => difference(before[from + i], after[to + i], `${path}/${to + i}`)).flat();
  return [
    ...Array.from({ length: removed }, () => ({ op: "remove", path: `${path}/${head}` })),
    ...added.map((value, i) => ({ op: "add", path: tail === 0 ? `${path}/-` : `${path}/${head + i}`, value })),
    ...changes(0, 0, head),
    ...changes(before.length - tail, after.length - tail, tail),
  ];
}

/** The same object, or what was made of it: containers and volumes are known by their name. */
function sameElement(before: unknown, after: unknown): boolean {
  if (Object.is(before, after)) return true;
  return isObject(before) && isObject(after) && typeof before.name === "string" && before.name === after.name;
}

function escapePointer(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}
