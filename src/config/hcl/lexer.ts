/** HCL1 text → tokens. Line endings are already `\n`, and there is no null character. */
import { type Position, SyntaxFault } from "./ast.ts";
import { unindent, unquote } from "./strings.ts";

export type TokenKind = "EOF" | "IDENT" | "STRING" | "INTEGER" | "FLOAT" | "BOOL" | Punctuation;

type Punctuation = keyof typeof PUNCTUATION_BY_KIND;

export interface Token {
  readonly kind: TokenKind;
  /** The word as written; of a string or heredoc, what it stands for. */
  readonly text: string;
  readonly position: Position;
}

const PUNCTUATION_BY_KIND = {
  LBRACE: "{",
  RBRACE: "}",
  LBRACK: "[",
  RBRACK: "]",
  COMMA: ",",
  ASSIGN: "=",
  PERIOD: ".",
  ADD: "+",
  SUB: "-",
} as const;

const PUNCTUATION: ReadonlyMap<string, Punctuation> = new Map(
  Object.entries(PUNCTUATION_BY_KIND).map(([kind, text]) => [text as string, kind as Punctuation]),
);

const SPACE = /[ \t\r\n]+/y;
const IDENTIFIER = /[\p{L}_][\p{L}\p{Nd}_.-]*/uy;
const NUMBER = /-?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)|\.\d+(?:[eE][+-]?\d+)?/y;
const HEREDOC_ANCHOR = /<<(-?)([\p{L}\p{Nd}_]*)/uy;

/** Returns a function that gives the next token, and EOF for ever after the last; throws SyntaxFault. */
export function lexer(source: string): () => Token {
  let at = 0;
  let line = 1;
  let lineStart = 0;

  function position(): Position {
    return { line, column: at - lineStart + 1 };
  }

  function fail(message: string, where: Position = position()): never {
    throw new SyntaxFault(where, message);
  }

  /** Moves past `length` characters and keeps count of the lines in them. */
  function advance(length: number): void {
    for (const end = at + length; at < end; at++) {
      if (source[at] === "\n") {
        line++;
        lineStart = at + 1;
      }
    }
  }

  function match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = at;
    return pattern.exec(source);
  }

  function skipSpaceAndComments(): void {
    for (;;) {
      const space = match(SPACE);
      if (space) {
        advance(space[0].length);
      } else if (source[at] === "#" || source.startsWith("//", at)) {
        const end = source.indexOf("\n", at);
        advance((end === -1 ? source.length : end) - at);
      } else if (source.startsWith("/*", at)) {
        const end = source.indexOf("*/", at + 2);
        if (end === -1) fail("comment not terminated");
        advance(end + 2 - at);
      } else {
        return;
      }
    }
  }

  /** A string ends at the next quote that is neither escaped nor inside `${ … }`, where quotes may be nested. */
  function string(): Token {
    const start = position();
    let end = at + 1;
    let braces = 0;
    for (; ; end++) {
      const c = source[end];
      if (c === undefined || (c === "\n" && braces === 0)) {
        advance(end - at);
        fail("literal not terminated", start);
      }
      if (c === '"' && braces === 0) break;
      if (braces === 0 && c === "$" && source[end + 1] === "{") {
        braces = 1;
        end++;
      } else if (braces > 0 && c === "{") braces++;
      else if (braces > 0 && c === "}") braces--;
      else if (c === "\\") end++;
    }
    const raw = source.slice(at + 1, end);
    advance(end + 1 - at);
    return { kind: "STRING", text: unquote(raw, (message) => fail(message, start)), position: start };
  }

  function heredoc(anchor: RegExpExecArray): Token {
    const start = position();
    const [opening, dash, word] = anchor as unknown as [string, string, string];
    advance(opening.length);
    if (at >= source.length) fail("heredoc not terminated", start);
    if (source[at] === '"') fail("literal not terminated", start);
    if (source[at] !== "\n") fail("invalid characters in heredoc anchor", start);
    if (word === "") fail("zero-length heredoc anchor", start);
    const bodyStart = at + 1;
    for (let from = bodyStart; ; ) {
      const end = source.indexOf("\n", from);
      if (end === -1) fail("heredoc not terminated", start);
      const candidate = source.slice(from, end);
      // The real scanner wants the dash to be made up for: `<<-EOT` does not end with EOT in the first column.
      if (candidate.trimStart() === word && candidate.length >= dash.length + word.length) {
        const indent = candidate.slice(0, candidate.indexOf(word));
        const body = source.slice(bodyStart, from);
        advance(end - at);
        return { kind: "STRING", text: dash ? unindent(body, indent) : body + indent, position: start };
      }
      from = end + 1;
    }
  }

  function number(text: string): Token {
    const token = { text, position: position() };
    const digits = text.replace(/^-/, "");
    advance(text.length);
    if (/^0[xX]/.test(digits)) return { kind: "INTEGER", ...token };
    if (/[.eE]/.test(digits)) return { kind: "FLOAT", ...token };
    if (/^0\d*[89]/.test(digits)) fail("illegal octal number", token.position);
    return { kind: "INTEGER", ...token };
  }

  return function next(): Token {
    skipSpaceAndComments();
    const start = position();
    if (at >= source.length) return { kind: "EOF", text: "", position: start };
    const word = match(IDENTIFIER);
    if (word) {
      advance(word[0].length);
      const bool = word[0] === "true" || word[0] === "false";
      return { kind: bool ? "BOOL" : "IDENT", text: word[0], position: start };
    }
    const c = source[at] as string;
    if (c === '"') return string();
    const digits = match(NUMBER);
    if (digits) return number(digits[0]);
    const anchor = match(HEREDOC_ANCHOR);
    if (anchor) return heredoc(anchor);
    const punctuation = PUNCTUATION.get(c);
    if (!punctuation) fail("illegal char");
    advance(1);
    return { kind: punctuation, text: c, position: start };
  };
}
