/** What functions have made for one template, as keys and salts: the same from evaluation to evaluation. */
import type { Made, Thing } from "./template.ts";

export function createMade(): Made {
  const things = new Map<string, Thing>();
  return {
    recall(key, now) {
      const thing = things.get(key);
      return thing !== undefined && thing.until > now ? thing : undefined;
    },
    keep: (key, thing) => void things.set(key, thing),
    keepOnly(keys) {
      for (const key of things.keys()) if (!keys.has(key)) things.delete(key);
    },
    next: () => Math.min(...[...things.values()].map(({ until }) => until)),
  };
}
