/** Chances that come again with the same seed. */

export interface Chance {
  /** From 0 to 1. */
  next(): number;
  between(least: number, most: number): number;
  oneOf<T>(choices: readonly T[]): T;
}

export function createChance(seed: number): Chance {
  let a = seed >>> 0;
  function next(): number {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }
  return {
    next,
    between: (least, most) => Math.round(least + (most - least) * next()),
    oneOf: (choices) => choices[Math.floor(next() * choices.length)]!,
  };
}
