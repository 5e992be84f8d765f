/** What a template is made of. */
import { quote } from "./quote.ts";

export type TokenType =
  | "error"
  | "bool"
  | "char" // a printable ASCII character; grab bag for the comma
  | "charConstant"
  | "complex"
  | "assign"
  | "declare"
  | "EOF"
  | "field"
  | "identifier"
  | "leftDelim"
  | "leftParen"
  | "number"
  | "pipe"
  | "rawString"
  | "rightDelim"
  | "rightParen"
  | "space"
  | "string"
  | "text"
  | "variable"
  | "dot"
  | Keyword;

const KEYWORDS = [
  "block",
  "break",
  "continue",
  "define",
  "else",
  "end",
  "if",
  "nil",
  "range",
  "template",
  "with",
] as const;
type Keyword = (typeof KEYWORDS)[number];

export interface Token {
  readonly type: TokenType;
  /** Offset in UTF-16 units. */
  readonly position: number;
  /** The source text; of an error its message. */
  readonly text: string;
  /** Of the token's beginning, from 1. */
  readonly line: number;
}

/** As error messages show a token. */
export function describeToken(token: Token): string {
  if (token.type === "EOF") return "EOF";
  if (token.type === "error") return token.text;
  if (token.type === "dot" || isKeyword(token.type)) return `<${token.text}>`;
  const characters = [...token.text];
  return characters.length > 10 ? `${quote(characters.slice(0, 10).join(""))}...` : quote(token.text);
}

export function isKeyword(word: string): word is Keyword {
  return (KEYWORDS as readonly string[]).includes(word);
}
