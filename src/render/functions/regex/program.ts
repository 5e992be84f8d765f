/** The tree of a regular expression as a program of few instructions, which the matcher runs through in step with the text. */
import { fail } from "../../go/values.ts";
import { type Assertion, canBeEmpty, type RegexNode } from "./tree.ts";

export type Instruction =
  | { readonly kind: "character"; readonly matches: (character: string) => boolean }
  | { readonly kind: "assert"; readonly assertion: Assertion }
  /** Goes on at both, and prefers the first. */
  | { readonly kind: "split"; first: number; second: number }
  | { readonly kind: "jump"; to: number }
  /** Keeps the place in the text. */
  | { readonly kind: "save"; readonly slot: number }
  | { readonly kind: "match" };

/** A repetition repeats its instructions: this many are the most. */
const MAX_INSTRUCTIONS = 100_000;

/** Throws a FunctionError in RE2's words where the program would be too large. */
export function compileProgram(root: RegexNode, pattern: string): readonly Instruction[] {
  const program: Instruction[] = [];

  function add<T extends Instruction>(instruction: T): T {
    if (program.length >= MAX_INSTRUCTIONS) fail(`error parsing regexp: expression too large: \`${pattern}\``);
    program.push(instruction);
    return instruction;
  }

  /** Two ways from here; the one behind the body is set when the body is there. */
  function optional(greedy: boolean, body: () => void): void {
    const split = add({ kind: "split", first: -1, second: -1 });
    const inside = program.length;
    body();
    Object.assign(split, ways(greedy, inside, program.length));
  }

  function atLeastOnce(node: RegexNode, greedy: boolean): void {
    const start = program.length;
    emit(node);
    const split = add({ kind: "split", first: -1, second: -1 });
    Object.assign(split, ways(greedy, start, program.length));
  }

  function anyTimes(node: RegexNode, greedy: boolean): void {
    // A body that can be empty is entered once at most without using up a character.
    const start = program.length;
    optional(greedy, () => {
      if (canBeEmpty(node)) atLeastOnce(node, greedy);
      else {
        emit(node);
        add({ kind: "jump", to: start });
      }
    });
  }

  function upTo(node: RegexNode, times: number, greedy: boolean): void {
    if (times === 0) return;
    optional(greedy, () => {
      emit(node);
      upTo(node, times - 1, greedy);
    });
  }

  function emit(node: RegexNode): void {
    switch (node.kind) {
      case "character":
        add({ kind: "character", matches: characterTest(node.set, node.fold) });
        return;
      case "assertion":
        add({ kind: "assert", assertion: node.assertion });
        return;
      case "group":
        add({ kind: "save", slot: 2 * node.index });
        emit(node.body);
        add({ kind: "save", slot: 2 * node.index + 1 });
        return;
      case "sequence":
        node.items.forEach(emit);
        return;
      case "choice":
        choose(node.options);
        return;
      case "repeat":
        repeat(node);
    }
  }

  function choose(options: readonly RegexNode[]): void {
    const ends = options.slice(0, -1).map((option) => {
      const split = add({ kind: "split", first: program.length + 1, second: -1 });
      emit(option);
      const end = add({ kind: "jump", to: -1 });
      split.second = program.length;
      return end;
    });
    emit(options.at(-1)!);
    for (const end of ends) end.to = program.length;
  }

  function repeat({ body, count }: Extract<RegexNode, { kind: "repeat" }>): void {
    const { least, most, greedy } = count;
    if (most === Number.POSITIVE_INFINITY) {
      for (let i = 1; i < least; i++) emit(body);
      if (least === 0) anyTimes(body, greedy);
      else atLeastOnce(body, greedy);
      return;
    }
    for (let i = 0; i < least; i++) emit(body);
    upTo(body, most - least, greedy);
  }

  emit({ kind: "group", index: 0, body: root });
  add({ kind: "match" });
  return program;
}

function ways(greedy: boolean, inside: number, behind: number): { first: number; second: number } {
  return greedy ? { first: inside, second: behind } : { first: behind, second: inside };
}

/** Remembers its answers: a text has few different characters. */
function characterTest(set: string, fold: boolean): (character: string) => boolean {
  const pattern = new RegExp(`^${set}$`, fold ? "iu" : "u");
  const known = new Map<string, boolean>();
  return (character) => {
    let matches = known.get(character);
    if (matches === undefined) {
      matches = pattern.test(character);
      known.set(character, matches);
    }
    return matches;
  };
}
