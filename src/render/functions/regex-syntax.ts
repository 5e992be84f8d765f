/**
 * Go's regular expressions (RE2) translated into JavaScript's with the u flag. What RE2 refuses is refused, with its
 * message; what both know but mean differently (`.`, `^`, `$`, `\s`, flags) is written out.
 */
import { fail } from "../go/values.ts";

/** The translation, for `new RegExp(…, "u")`; throws a FunctionError. */
export function translateRegex(pattern: string): string {
  return new Translator(pattern).run();
}

interface FlagSet {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
  /** Swaps greedy and lazy. */
  readonly U: boolean;
}

const NO_FLAGS: FlagSet = { i: false, m: false, s: false, U: false };
const SPACE_CLASS = "\\t\\n\\f\\r ";

const POSIX: Readonly<Record<string, string>> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  ascii: "\\x00-\\x7F",
  blank: "\\t ",
  cntrl: "\\x00-\\x1F\\x7F",
  digit: "0-9",
  graph: "!-~",
  lower: "a-z",
  print: " -~",
  punct: "!-\\/:-@\\[-`\\{-~",
  space: "\\t\\n\\v\\f\\r ",
  upper: "A-Z",
  word: "0-9A-Za-z_",
  xdigit: "0-9A-Fa-f",
};

const CATEGORY =
  /^(?:C|Cc|Cf|Co|Cs|L|Ll|Lm|Lo|Lt|Lu|M|Mc|Me|Mn|N|Nd|Nl|No|P|Pc|Pd|Pe|Pf|Pi|Po|Ps|S|Sc|Sk|Sm|So|Z|Zl|Zp|Zs)$/;

class Translator {
  readonly #pattern: string;
  #at = 0;
  #depth = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  run(): string {
    const translated = this.#alternatives(NO_FLAGS);
    if (this.#at < this.#pattern.length) this.#refuse("unexpected )", this.#pattern);
    return translated;
  }

  /** Up to the closing parenthesis, or the end. Flags set on the way hold until there. */
  #alternatives(flags: FlagSet): string {
    if (++this.#depth > 200) fail("error parsing regexp: expression nests too deeply");
    let out = "";
    let closers = "";
    while (this.#at < this.#pattern.length && this.#pattern[this.#at] !== ")") {
      if (this.#pattern[this.#at] === "|") {
        // A flag group opened before the bar must not swallow it.
        out += `${closers}|${closers === "" ? "" : this.#reopen(flags)}`;
        this.#at++;
        continue;
      }
      const change = this.#flagChange(flags);
      if (change !== undefined) {
        if (change.i !== flags.i) {
          out += change.i ? "(?i:" : "(?-i:";
          closers += ")";
        }
        flags = change;
        continue;
      }
      out += this.#repeated(flags);
    }
    this.#depth--;
    return out + closers;
  }

  #reopen(flags: FlagSet): string {
    return flags.i ? "(?i:" : "(?-i:";
  }

  #flagChange(flags: FlagSet): FlagSet | undefined {
    const match = /^\(\?([imsU]*)(?:-([imsU]+))?\)/.exec(this.#pattern.slice(this.#at, this.#at + 16));
    if (match === null || (match[1] === "" && match[2] === undefined)) return undefined;
    this.#at += match[0].length;
    return withFlags(flags, match[1]!, match[2] ?? "");
  }

  #repeated(flags: FlagSet): string {
    const start = this.#at;
    if ("*+?".includes(this.#pattern[this.#at]!)) {
      this.#refuse("missing argument to repetition operator", this.#pattern[this.#at]!);
    }
    const atom = this.#atom(flags);
    const repeat = this.#quantifier(flags);
    if (repeat === "") return atom;
    const operator = this.#at;
    const again = this.#quantifier(flags);
    if (again !== "")
      this.#refuse("invalid nested repetition operator", this.#pattern.slice(operator - repeat.length, this.#at));
    // JavaScript repeats no assertion; RE2 does.
    return this.#at > start && /^(?:\^|\$|\(\?<?[!=]|\\b|\\B)/.test(atom) ? `(?:${atom})${repeat}` : atom + repeat;
  }

  #quantifier(flags: FlagSet): string {
    const match = /^(?:[*+?]|\{(\d+)(?:,(\d*))?\})/.exec(this.#pattern.slice(this.#at, this.#at + 24));
    if (match === null) return "";
    const [text, least, most] = match;
    const tooMany = Number(least ?? 0) > 1000 || Number(most || 0) > 1000 || (most && Number(most) < Number(least));
    if (tooMany) this.#refuse("invalid repeat count", text);
    this.#at += text.length;
    const lazy = this.#pattern[this.#at] === "?";
    if (lazy) this.#at++;
    return text + (lazy !== flags.U ? "?" : "");
  }

  #atom(flags: FlagSet): string {
    const character = String.fromCodePoint(this.#pattern.codePointAt(this.#at)!);
    switch (character) {
      case "(":
        return this.#group(flags);
      case "[":
        return this.#class();
      case "\\":
        return this.#escape();
    }
    this.#at += character.length;
    if (character === ".") return flags.s ? "[^]" : "[^\\n]";
    if (character === "^") return flags.m ? "(?<![^\\n])" : "(?<![^])";
    if (character === "$") return flags.m ? "(?![^\\n])" : "(?![^])";
    return literal(character);
  }

  #group(flags: FlagSet): string {
    const start = this.#at;
    const rest = this.#pattern.slice(start);
    const named = /^\(\?P?<([A-Za-z0-9_]+)>/.exec(rest);
    const flagged = /^\(\?([imsU]*)(?:-([imsU]+))?:/.exec(rest);
    let open = "(";
    let inner = flags;
    if (named) {
      this.#at += named[0].length;
      // A name may begin with a digit in Go only.
      open = /^[0-9]/.test(named[1]!) ? "(" : `(?<${named[1]}>`;
    } else if (flagged) {
      this.#at += flagged[0].length;
      inner = withFlags(flags, flagged[1]!, flagged[2] ?? "");
      open = inner.i === flags.i ? "(?:" : inner.i ? "(?i:" : "(?-i:";
    } else if (rest.startsWith("(?")) {
      const unnamed = /^\(\?P?<[^=!>]*>?/.exec(rest);
      if (unnamed) this.#refuse("invalid named capture", unnamed[0]);
      this.#refuse("invalid or unsupported Perl syntax", /^\(\?<?./s.exec(rest)?.[0] ?? "(?");
    } else this.#at++;
    const body = this.#alternatives(inner);
    if (this.#pattern[this.#at] !== ")") this.#refuse("missing closing )", this.#pattern);
    this.#at++;
    return `${open}${body})`;
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

  #escape(): string {
    const kind = this.#pattern[this.#at + 1];
    if (kind === undefined) this.#refuse("trailing backslash at end of expression", "");
    if (kind === "Q") {
      const end = this.#pattern.indexOf("\\E", this.#at + 2);
      const text = this.#pattern.slice(this.#at + 2, end < 0 ? undefined : end);
      this.#at = end < 0 ? this.#pattern.length : end + 2;
      return [...text].map(literal).join("");
    }
    const fixed = {
      A: "(?<![^])",
      z: "(?![^])",
      b: "\\b",
      B: "\\B",
      d: "\\d",
      D: "\\D",
      w: "\\w",
      W: "\\W",
      s: `[${SPACE_CLASS}]`,
      S: `[^${SPACE_CLASS}]`,
    }[kind];
    if (fixed !== undefined) {
      this.#at += 2;
      return fixed;
    }
    return this.#property() ?? literal(String.fromCodePoint(this.#escapedCharacter()));
  }

  /** `\pL`, `\p{Greek}`, `\P{…}`, `\p{^…}`. */
  #property(): string | undefined {
    const match = /^\\([pP])(?:\{(\^?)([A-Za-z_]+)\}|([A-Z]))/.exec(this.#pattern.slice(this.#at));
    if (match === null) return undefined;
    const [text, kind, caret = "", long, short] = match;
    const name = long ?? short!;
    const property = CATEGORY.test(name) ? name : name === "Any" ? "Any" : `Script=${name}`;
    const positive = (kind === "p") === (caret === "");
    const translated = `\\${positive ? "p" : "P"}{${property}}`;
    if (!isRegex(translated)) this.#refuse("invalid character class range", text);
    this.#at += text.length;
    return translated;
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

function literal(character: string): string {
  return /^[\^$\\.*+?()[\]{}|/]$/.test(character) ? `\\${character}` : character;
}

function classLiteral(code: number): string {
  return `\\u{${code.toString(16)}}`;
}

/** Everything but the set, to stand inside of brackets: only whole classes can be negated there. */
function complement(set: string): string {
  const members = new RegExp(`[${set}]`, "u");
  const ranges: string[] = [];
  let from = 0;
  for (let code = 0; code <= 0x80; code++) {
    if (code < 0x80 && !members.test(String.fromCodePoint(code))) continue;
    if (code > from && code < 0x80) ranges.push(`${classLiteral(from)}-${classLiteral(code - 1)}`);
    if (code === 0x80) ranges.push(`${classLiteral(from)}-${classLiteral(0x10ffff)}`);
    from = code + 1;
  }
  return ranges.join("");
}

function isRegex(source: string): boolean {
  try {
    return new RegExp(source, "u") instanceof RegExp;
  } catch {
    return false;
  }
}
