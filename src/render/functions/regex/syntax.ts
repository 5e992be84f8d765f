/**
 * Go's regular expressions (RE2) into a tree. What RE2 refuses is refused, with its message.
 */
import { fail } from "../../go/values.ts";
import { classLiteral, complement, POSIX, property, SPACE_CLASS } from "./sets.ts";
import { type Assertion, type RegexNode, type RepeatCount, repeatsAtMost } from "./tree.ts";

export interface ParsedRegex {
  readonly root: RegexNode;
  /** The names of the groups by their index; the whole match is 0. */
  readonly names: readonly (string | undefined)[];
}

/** Throws a FunctionError. */
export function parseRegex(pattern: string): ParsedRegex {
  return new RegexParser(pattern).run();
}

interface FlagSet {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
  /** Swaps greedy and lazy. */
  readonly U: boolean;
}

const NO_FLAGS: FlagSet = { i: false, m: false, s: false, U: false };
const MAX_DEPTH = 200;
const MAX_REPEAT = 1000;
const ASSERTIONS: Readonly<Record<string, Assertion>> = {
  A: "textStart",
  z: "textEnd",
  b: "wordBoundary",
  B: "noWordBoundary",
};

class RegexParser {
  readonly #pattern: string;
  readonly #names: (string | undefined)[] = [undefined];
  #at = 0;
  #depth = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  run(): ParsedRegex {
    const root = this.#alternatives(NO_FLAGS);
    if (this.#at < this.#pattern.length) this.#refuse("unexpected )", this.#pattern);
    return { root, names: this.#names };
  }

  /** Up to the closing parenthesis, or the end. Flags set on the way hold until there. */
  #alternatives(flags: FlagSet): RegexNode {
    if (++this.#depth > MAX_DEPTH) this.#refuse("expression nests too deeply", this.#pattern);
    const options: RegexNode[][] = [[]];
    while (this.#at < this.#pattern.length && this.#pattern[this.#at] !== ")") {
      const items = options.at(-1)!;
      const change = this.#flagChange(flags);
      if (change !== undefined) flags = change;
      else if (this.#pattern[this.#at] === "|") {
        this.#at++;
        options.push([]);
      } else if (!this.#repeated(items, flags)) items.push(...this.#atom(flags));
    }
    this.#depth--;
    return { kind: "choice", options: options.map((items) => ({ kind: "sequence", items })) };
  }

  #flagChange(flags: FlagSet): FlagSet | undefined {
    const match = /^\(\?([imsU]*)(?:-([imsU]+))?\)/.exec(this.#pattern.slice(this.#at, this.#at + 16));
    if (match === null) return undefined;
    this.#at += match[0].length;
    return withFlags(flags, match[1]!, match[2] ?? "");
  }

  /** Repeats the last item if a quantifier stands here. */
  #repeated(items: RegexNode[], flags: FlagSet): boolean {
    const start = this.#at;
    const count = this.#quantifier(flags);
    if (count === undefined) return false;
    const operator = this.#pattern.slice(start, this.#at);
    const body = items.pop();
    if (body === undefined) return this.#refuse("missing argument to repetition operator", operator);
    const repeat: RegexNode = { kind: "repeat", body, count };
    if (operator.startsWith("{") && !repeatsAtMost(repeat, MAX_REPEAT)) this.#refuse("invalid repeat count", operator);
    if (this.#quantifier(flags) !== undefined)
      this.#refuse("invalid nested repetition operator", this.#pattern.slice(start, this.#at));
    items.push(repeat);
    return true;
  }

  #quantifier(flags: FlagSet): RepeatCount | undefined {
    const match = /^(?:([*+?])|\{(\d+)(,?)(\d*)\})(\??)/.exec(this.#pattern.slice(this.#at, this.#at + 24));
    if (match === null || (match[3] === "" && match[4] !== "")) return undefined;
    const [text, sign, from, comma, to, lazy] = match;
    const least = sign === undefined ? Number(from) : sign === "+" ? 1 : 0;
    const most =
      sign === "?" ? 1 : sign !== undefined || (comma && !to) ? Number.POSITIVE_INFINITY : Number(to || from);
    if (least > MAX_REPEAT || (most > MAX_REPEAT && most < Number.POSITIVE_INFINITY) || most < least)
      this.#refuse("invalid repeat count", lazy ? text.slice(0, -1) : text);
    this.#at += text.length;
    return { least, most, greedy: (lazy === "") !== flags.U };
  }

  /** A text in `\Q…\E` is several. */
  #atom(flags: FlagSet): readonly RegexNode[] {
    const character = String.fromCodePoint(this.#pattern.codePointAt(this.#at)!);
    switch (character) {
      case "(":
        return [this.#group(flags)];
      case "[":
        return [one(this.#class(), flags)];
      case "\\":
        return this.#escape(flags);
    }
    this.#at += character.length;
    if (character === ".") return [one(flags.s ? "[^]" : "[^\\n]", flags)];
    if (character === "^") return [asserted(flags.m ? "lineStart" : "textStart")];
    if (character === "$") return [asserted(flags.m ? "lineEnd" : "textEnd")];
    return [literal(character.codePointAt(0)!, flags)];
  }

  #group(flags: FlagSet): RegexNode {
    const rest = this.#pattern.slice(this.#at);
    const named = /^\(\?P?<([A-Za-z0-9_]+)>/.exec(rest);
    const flagged = /^\(\?([imsU]*)(?:-([imsU]+))?:/.exec(rest);
    let index: number | undefined;
    let inner = flags;
    if (flagged) {
      this.#at += flagged[0].length;
      inner = withFlags(flags, flagged[1]!, flagged[2] ?? "");
    } else {
      if (!named && rest.startsWith("(?")) this.#refuseGroup(rest);
      this.#at += named ? named[0].length : 1;
      index = this.#names.push(named?.[1]) - 1;
    }
    const body = this.#alternatives(inner);
    if (this.#pattern[this.#at] !== ")") this.#refuse("missing closing )", this.#pattern);
    this.#at++;
    return index === undefined ? body : { kind: "group", index, body };
  }

  #refuseGroup(rest: string): never {
    const unnamed = /^\(\?P?<[^=!>]*>?/.exec(rest);
    if (unnamed) this.#refuse("invalid named capture", unnamed[0]);
    this.#refuse("invalid or unsupported Perl syntax", /^\(\?<?./s.exec(rest)?.[0] ?? "(?");
  }

  #escape(flags: FlagSet): readonly RegexNode[] {
    const kind = this.#pattern[this.#at + 1];
    if (kind === undefined) this.#refuse("trailing backslash at end of expression", "");
    if (kind === "Q") {
      const end = this.#pattern.indexOf("\\E", this.#at + 2);
      const text = this.#pattern.slice(this.#at + 2, end < 0 ? undefined : end);
      this.#at = end < 0 ? this.#pattern.length : end + 2;
      return [...text].map((character) => literal(character.codePointAt(0)!, flags));
    }
    const assertion = ASSERTIONS[kind];
    if (assertion !== undefined) {
      this.#at += 2;
      return [asserted(assertion)];
    }
    const set = this.#classEscape();
    return [set === undefined ? literal(this.#escapedCharacter(), flags) : one(`[${set}]`, flags)];
  }

  #class(): string {
    const start = this.#at++;
    const negated = this.#pattern[this.#at] === "^";
    if (negated) this.#at++;
    let out = "";
    for (let first = true; first || this.#pattern[this.#at] !== "]"; first = false) {
      if (this.#at >= this.#pattern.length) this.#refuse("missing closing ]", this.#pattern.slice(start));
      out += this.#classItem();
    }
    this.#at++;
    return `[${negated ? "^" : ""}${out}]`;
  }

  #classItem(): string {
    const posix = /^\[:(\^?)([a-z]+):\]/.exec(this.#pattern.slice(this.#at));
    if (posix) {
      const set = POSIX[posix[2]!] ?? this.#refuse("invalid character class range", posix[0]);
      this.#at += posix[0].length;
      return posix[1] === "" ? set : complement(set);
    }
    const set = this.#classEscape();
    if (set !== undefined) return set;
    const start = this.#at;
    const from = this.#classCharacter();
    if (
      this.#pattern[this.#at] !== "-" ||
      this.#pattern[this.#at + 1] === "]" ||
      this.#at + 1 >= this.#pattern.length
    ) {
      return classLiteral(from);
    }
    this.#at++;
    const to = this.#classCharacter();
    if (to < from) this.#refuse("invalid character class range", this.#pattern.slice(start, this.#at));
    return `${classLiteral(from)}-${classLiteral(to)}`;
  }

  /** `\d`, `\p{…}` and the like inside of brackets. */
  #classEscape(): string | undefined {
    const perl = { d: "\\d", D: "\\D", w: "\\w", W: "\\W", s: SPACE_CLASS, S: complement(SPACE_CLASS) }[
      this.#pattern[this.#at] === "\\" ? (this.#pattern[this.#at + 1] ?? "") : ""
    ];
    if (perl === undefined) return this.#property();
    this.#at += 2;
    return perl;
  }

  #classCharacter(): number {
    if (this.#pattern[this.#at] === "\\") return this.#escapedCharacter();
    const code = this.#pattern.codePointAt(this.#at);
    if (code === undefined) return this.#refuse("missing closing ]", this.#pattern);
    this.#at += String.fromCodePoint(code).length;
    return code;
  }

  /** `\pL`, `\p{Greek}`, `\P{…}`, `\p{^…}`. */
  #property(): string | undefined {
    const match = /^\\([pP])(?:\{(\^?)([A-Za-z_]+)\}|([A-Z]))/.exec(this.#pattern.slice(this.#at));
    if (match === null) return undefined;
    const [text, kind, caret = "", long, short] = match;
    const name = long ?? short!;
    const set = property(name, (kind === "p") === (caret === ""));
    if (set === undefined) this.#refuse("invalid character class range", text);
    this.#at += text.length;
    return set;
  }

  #escapedCharacter(): number {
    const match = /^\\(?:x\{([0-9A-Fa-f]+)\}|x([0-9A-Fa-f]{2})|(0[0-7]{0,2}|[1-7][0-7]{1,2})|([\s\S]))/u.exec(
      this.#pattern.slice(this.#at),
    );
    const [text = "\\", long, short, octal, single] = match ?? [];
    const hex = long ?? short;
    const simple = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 }[single ?? ""];
    const code =
      hex !== undefined
        ? Number.parseInt(hex, 16)
        : octal !== undefined
          ? Number.parseInt(octal, 8)
          : (simple ?? (/^[!-/:-@[-`{-~]$/.test(single ?? "") ? single!.charCodeAt(0) : undefined));
    if (code === undefined || code > 0x10ffff) return this.#refuse("invalid escape sequence", text);
    this.#at += text.length;
    return code;
  }

  #refuse(what: string, where: string): never {
    return fail(`error parsing regexp: ${what}: \`${where}\``);
  }
}

function withFlags(flags: FlagSet, on: string, off: string): FlagSet {
  const changed = { ...flags };
  for (const flag of on) changed[flag as keyof FlagSet] = true;
  for (const flag of off) changed[flag as keyof FlagSet] = false;
  return changed;
}

function one(set: string, { i: fold }: FlagSet): RegexNode {
  return { kind: "character", set, fold };
}

function literal(code: number, flags: FlagSet): RegexNode {
  return one(`[${classLiteral(code)}]`, flags);
}

function asserted(assertion: Assertion): RegexNode {
  return { kind: "assertion", assertion };
}
