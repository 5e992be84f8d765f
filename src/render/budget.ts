/** What one evaluation may cost, whatever its language: a template that would not end is an error. */
import type { Result } from "./go/boxed.ts";
import { Boxed } from "./go/boxed.ts";
import { fail, GoMap, Slice } from "./go/values.ts";

/** Far more than any template needs, and soon over without a JIT too: others wait meanwhile. */
const MAX_STEPS = 1_000_000;
/** Characters of output (UTF-16 units); a sidecar has to fit into 128 MiB. */
const MAX_LENGTH = 16 * 1024 * 1024;
/** So many characters, or items of a list, that go into a function or come out of it count as one step. */
const CHARACTERS = 16;
const ITEMS = 4;

/** Throws a FunctionError when it is used up. */
export interface Budget {
  /** A statement, an iteration, a call of a template. */
  step(): void;
  /** A call of a function: what it was given, and what came of it, is work too. */
  call(args: readonly Result[], result: Result): void;
  /** Output, or text that may become output. */
  write(length: number): void;
  /** So many steps of a function's own. */
  spend(steps: number): void;
}

export function createBudget(): Budget {
  let steps = 0;
  let written = 0;

  function spend(count: number): void {
    steps += count;
    if (steps > MAX_STEPS) fail(`more than ${MAX_STEPS} steps`);
  }

  return {
    step: () => spend(1),
    spend,
    call(args, result) {
      let cost = 1 + sizeOf(result);
      for (const arg of args) cost += sizeOf(arg);
      spend(cost);
    },
    write(length) {
      written += length;
      if (written > MAX_LENGTH) fail(`more than ${MAX_LENGTH} characters of output`);
    },
  };
}

function sizeOf(result: Result): number {
  if (typeof result === "string") {
    if (result.length > MAX_LENGTH) fail(`a text of more than ${MAX_LENGTH} characters`);
    return result.length / CHARACTERS;
  }
  if (typeof result !== "object") return 0;
  const value = result instanceof Boxed ? result.value : result;
  if (value instanceof Slice) return value.items.length / ITEMS;
  return value instanceof GoMap ? value.entries.size / ITEMS : 0;
}
