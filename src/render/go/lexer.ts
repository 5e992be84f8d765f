/** The text of a template as tokens, by the rules of Go's text/template. */
import { quote as goQuote } from "./quote.ts";
import { isPrintable, withoutEnd } from "./text.ts";
import { isKeyword, type Token, type TokenType } from "./tokens.ts";

/** All tokens; the last one is `EOF` or an `error`. Comments are left out. */
export function tokenize(source: string, leftDelimiter: string, rightDelimiter: string): Token[] {
  return new Lexer(source, leftDelimiter, rightDelimiter).run();
}

const TRIM_MARKER_LENGTH = 2;
const SPACE = " \t\r\n";

class Lexer {
  readonly #source: string;
  readonly #left: string;
  readonly #right: string;
  readonly #tokens: Token[] = [];
  #at = 0;
  #start = 0;
  #line = 1;
  #parentheses = 0;

  constructor(source: string, left: string, right: string) {
    this.#source = source;
    this.#left = left;
    this.#right = right;
  }

  run(): Token[] {
    while (this.#text() && this.#delimiter()) while (this.#action());
    return this.#tokens;
  }

  /** Text up to the next delimiter; false at the end of the source. */
  #text(): boolean {
    const found = this.#source.indexOf(this.#left, this.#at);
    if (found < 0) {
      this.#at = this.#source.length;
      if (this.#at > this.#start) this.#emit("text");
      this.#emit("EOF");
      return false;
    }
    const marked = hasLeftTrimMarker(this.#source, found + this.#left.length);
    const text = this.#source.slice(this.#start, found);
    const kept = marked ? withoutEnd(text, SPACE) : text;
    if (kept !== "") {
      this.#at = this.#start + kept.length;
      this.#emit("text");
    }
    this.#at = found;
    this.#skip();
    return true;
  }

  /** The left delimiter; comments are consumed here, whole, with the text behind them. */
  #delimiter(): boolean {
    for (;;) {
      this.#at += this.#left.length;
      const marker = hasLeftTrimMarker(this.#source, this.#at) ? TRIM_MARKER_LENGTH : 0;
      if (!this.#source.startsWith("/*", this.#at + marker)) {
        this.#emit("leftDelim");
        this.#at += marker;
        this.#skip();
        this.#parentheses = 0;
        return true;
      }
      this.#at += marker;
      this.#skip();
      if (!this.#comment() || !this.#text()) return false;
    }
  }

  #comment(): boolean {
    const end = this.#source.indexOf("*/", this.#at + 2);
    if (end < 0) return this.#error("unclosed comment");
    this.#at = end + 2;
    const delimiter = this.#rightDelimiter();
    if (delimiter === undefined) return this.#error("comment ends before closing delimiter");
    this.#at += delimiter.length;
    this.#skip();
    if (delimiter.trim) this.#skipSpace();
    return true;
  }

  /** One token inside an action; false when the action, or everything, is over. */
  #action(): boolean {
    const delimiter = this.#rightDelimiter();
    if (delimiter !== undefined) {
      if (this.#parentheses > 0) return this.#abort("unclosed left paren");
      if (delimiter.trim) {
        this.#at += TRIM_MARKER_LENGTH;
        this.#skip();
      }
      this.#at += this.#right.length;
      this.#emit("rightDelim");
      if (delimiter.trim) this.#skipSpace();
      return false;
    }
    const character = this.#peek();
    if (character === "") return this.#abort("unclosed action");
    if (SPACE.includes(character)) return this.#space();
    this.#at += character.length;
    switch (character) {
      case "=":
        return this.#emit("assign");
      case ":":
        if (this.#peek() !== "=") return this.#abort("expected :=");
        this.#at++;
        return this.#emit("declare");
      case "|":
        return this.#emit("pipe");
      case '"':
        return this.#quoted('"', "string", "quoted string");
      case "'":
        return this.#quoted("'", "charConstant", "character constant");
      case "`":
        return this.#raw();
      case "$":
        return this.#atTerminator() ? this.#emit("variable") : this.#name("variable");
      case ".":
        if (!/[0-9]/.test(this.#peek()) && this.#peek() !== "") {
          return this.#atTerminator() ? this.#emit("dot") : this.#name("field");
        }
        return this.#number();
      case "(":
        this.#parentheses++;
        return this.#emit("leftParen");
      case ")":
        this.#parentheses--;
        return this.#parentheses < 0 ? this.#abort("unexpected right paren") : this.#emit("rightParen");
    }
    if (/[0-9+-]/.test(character)) return this.#number();
    if (isAlphaNumeric(character)) return this.#identifier();
    if (/[!-~]/.test(character)) return this.#emit("char");
    return this.#abort(`unrecognized character in action: ${describeCharacter(character)}`);
  }

  #space(): boolean {
    while (this.#peek() !== "" && SPACE.includes(this.#peek())) this.#at++;
    // The last space may belong to a trim marker before the closing delimiter.
    const trimmed =
      this.#source[this.#at] === "-" && this.#source.startsWith(this.#right, this.#at - 1 + TRIM_MARKER_LENGTH);
    if (trimmed) this.#at--;
    return this.#at > this.#start ? this.#emit("space") : true;
  }

  #quoted(quoteMark: string, type: TokenType, what: string): boolean {
    for (;;) {
      const character = this.#next();
      if (character === quoteMark) return this.#emit(type);
      const escaped = character === "\\" ? this.#next() : character;
      if (escaped === "" || escaped === "\n") return this.#abort(`unterminated ${what}`);
    }
  }

  #raw(): boolean {
    const end = this.#source.indexOf("`", this.#at);
    if (end < 0) return this.#abort("unterminated raw quoted string");
    this.#at = end + 1;
    return this.#emit("rawString");
  }

  #name(type: "field" | "variable"): boolean {
    while (isAlphaNumeric(this.#peek())) this.#next();
    return this.#atTerminator() ? this.#emit(type) : this.#abort(`bad character ${describeCharacter(this.#peek())}`);
  }

  #identifier(): boolean {
    while (isAlphaNumeric(this.#peek())) this.#next();
    if (!this.#atTerminator()) return this.#abort(`bad character ${describeCharacter(this.#peek())}`);
    const word = this.#source.slice(this.#start, this.#at);
    if (isKeyword(word)) return this.#emit(word);
    return this.#emit(word === "true" || word === "false" ? "bool" : "identifier");
  }

  #number(): boolean {
    this.#at = this.#start;
    if (!this.#scanNumber()) return this.#badNumber();
    if (this.#peek() !== "+" && this.#peek() !== "-") return this.#emit("number");
    if (!this.#scanNumber() || this.#source[this.#at - 1] !== "i") return this.#badNumber();
    return this.#emit("complex");
  }

  #scanNumber(): boolean {
    const pattern =
      /[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?|0[oO][0-7_]*(?:\.[0-7_]*)?|0[bB][01_]*(?:\.[01_]*)?|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)i?/y;
    pattern.lastIndex = this.#at;
    this.#at += pattern.exec(this.#source)?.[0].length ?? 0;
    if (!isAlphaNumeric(this.#peek())) return true;
    this.#next();
    return false;
  }

  #badNumber(): boolean {
    return this.#abort(`bad number syntax: ${goQuote(this.#source.slice(this.#start, this.#at))}`);
  }

  #atTerminator(): boolean {
    const character = this.#peek();
    return character === "" || `${SPACE}.,|:)(`.includes(character) || this.#source.startsWith(this.#right, this.#at);
  }

  #rightDelimiter(): { readonly trim: boolean; readonly length: number } | undefined {
    const marked =
      SPACE.includes(this.#source[this.#at] ?? "x") &&
      this.#source[this.#at + 1] === "-" &&
      this.#source.startsWith(this.#right, this.#at + TRIM_MARKER_LENGTH);
    if (marked) return { trim: true, length: TRIM_MARKER_LENGTH + this.#right.length };
    return this.#source.startsWith(this.#right, this.#at) ? { trim: false, length: this.#right.length } : undefined;
  }

  #skipSpace(): void {
    while (this.#at < this.#source.length && SPACE.includes(this.#source[this.#at]!)) this.#at++;
    this.#skip();
  }

  /** The next character (whole code point), or "" at the end. */
  #peek(): string {
    const code = this.#source.codePointAt(this.#at);
    return code === undefined ? "" : String.fromCodePoint(code);
  }

  #next(): string {
    const character = this.#peek();
    this.#at += character.length;
    return character;
  }

  #skip(): void {
    this.#line += countLines(this.#source, this.#start, this.#at);
    this.#start = this.#at;
  }

  #emit(type: TokenType): true {
    const text = this.#source.slice(this.#start, this.#at);
    this.#tokens.push({ type, position: this.#start, text, line: this.#line });
    this.#skip();
    return true;
  }

  #error(message: string): false {
    this.#tokens.push({ type: "error", position: this.#start, text: message, line: this.#line });
    return false;
  }

  /** An error inside an action: nothing is read any more. */
  #abort(message: string): false {
    this.#error(message);
    this.#at = this.#start = this.#source.length;
    return false;
  }
}

function hasLeftTrimMarker(source: string, at: number): boolean {
  return source[at] === "-" && at + 1 < source.length && SPACE.includes(source[at + 1]!);
}

function isAlphaNumeric(character: string): boolean {
  return character === "_" || /^[\p{L}\p{Nd}]$/u.test(character);
}

/** `U+0021 '!'`, without the character where it cannot be printed. */
function describeCharacter(character: string): string {
  if (character === "") return "U+FFFFFFFFFFFFFFFF";
  const code = `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`;
  return isPrintable(character) ? `${code} '${character}'` : code;
}

function countLines(source: string, from: number, to: number): number {
  const text = source.slice(from, to);
  let lines = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines++;
  return lines;
}
