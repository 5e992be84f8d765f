/**
 * Runs the program of a regular expression over a text: all its ways at the same time, one character after the other,
 * as RE2 does. So the time grows with the length of the text times that of the pattern, and no pattern can hang.
 */
import type { Instruction } from "./program.ts";
import type { Assertion } from "./tree.ts";

/** Where the groups begin and end, in pairs; undefined for a group that took no part. */
export type Captures = readonly (number | undefined)[];

interface Thread {
  readonly at: number;
  readonly captures: Captures;
}

/** So many of its own are one step of a template. */
const STEPS = 4;

export class Matcher {
  readonly #program: readonly Instruction[];
  readonly #text: string;
  /** In which round an instruction was reached last: a second way to it changes nothing. */
  readonly #reached: Int32Array;
  #round = 0;
  readonly #spend: (steps: number) => void;
  #steps = 0;

  /** `spend` may throw when it is too much. */
  constructor(program: readonly Instruction[], text: string, spend: (steps: number) => void) {
    this.#program = program;
    this.#text = text;
    this.#reached = new Int32Array(program.length);
    this.#spend = spend;
  }

  /** The leftmost match at or after `from`, as Perl would choose it. */
  find(from: number): Captures | undefined {
    let found: Captures | undefined;
    let threads: Thread[] = [];
    this.#round++;
    for (let position = from; ; ) {
      if (found === undefined) this.#follow({ at: 0, captures: [] }, position, threads);
      const code = this.#text.codePointAt(position);
      const character = code === undefined ? "" : String.fromCodePoint(code);
      this.#round++;
      this.#spend(this.#steps / STEPS);
      this.#steps = 0;
      const next: Thread[] = [];
      for (const { at, captures } of threads) {
        const instruction = this.#program[at]!;
        if (instruction.kind === "match") {
          found = captures;
          break;
        }
        if (character !== "" && instruction.kind === "character" && instruction.matches(character))
          this.#follow({ at: at + 1, captures }, position + character.length, next);
      }
      if (character === "" || (found !== undefined && next.length === 0)) return found;
      position += character.length;
      threads = next;
    }
  }

  /** Adds to `threads` all that can be reached from `start` without a character, the preferred first. */
  #follow(start: Thread, position: number, threads: Thread[]): void {
    const waiting = [start];
    for (let thread = waiting.pop(); thread !== undefined; thread = waiting.pop()) {
      const { at, captures } = thread;
      if (this.#reached[at] === this.#round) continue;
      this.#reached[at] = this.#round;
      this.#steps++;
      const instruction = this.#program[at]!;
      switch (instruction.kind) {
        case "jump":
          waiting.push({ at: instruction.to, captures });
          break;
        case "split":
          waiting.push({ at: instruction.second, captures }, { at: instruction.first, captures });
          break;
        case "save": {
          const saved = [...captures];
          saved[instruction.slot] = position;
          waiting.push({ at: at + 1, captures: saved });
          break;
        }
        case "assert":
          if (holds(instruction.assertion, this.#text, position)) waiting.push({ at: at + 1, captures });
          break;
        default:
          threads.push(thread);
      }
    }
  }
}

function holds(assertion: Assertion, text: string, position: number): boolean {
  switch (assertion) {
    case "textStart":
      return position === 0;
    case "textEnd":
      return position === text.length;
    case "lineStart":
      return position === 0 || text[position - 1] === "\n";
    case "lineEnd":
      return position === text.length || text[position] === "\n";
    case "wordBoundary":
      return isWord(text[position - 1]) !== isWord(text[position]);
    case "noWordBoundary":
      return isWord(text[position - 1]) === isWord(text[position]);
  }
}

function isWord(character: string | undefined): boolean {
  return character !== undefined && /^\w$/.test(character);
}
