/** The tokens of a template one after the other, and the errors that name where reading them stopped. */
import { TemplateError } from "../../errors.ts";
import { excerptOf } from "../excerpt.ts";
import { describeToken, type Token, type TokenType } from "./tokens.ts";

/** Control structures and parentheses inside each other: far more than any text written by hand has. */
const MAX_NESTING = 200;

export class TokenReader {
  readonly #name: string;
  readonly #source: string;
  readonly #tokens: readonly Token[];
  /** The next token's index; set back to read it once more. */
  at = 0;
  /** Where the action that is being read began, 0 outside of one. */
  actionLine = 0;
  /** How far tokens were looked at; errors name the line of the furthest. */
  #seen = 0;
  #nesting = 0;

  /** `name` is the source's, for error messages. */
  constructor(tokens: readonly Token[], name: string, source: string) {
    this.#tokens = tokens;
    this.#name = name;
    this.#source = source;
  }

  peek(): Token {
    this.#seen = Math.max(this.#seen, this.at);
    return this.#tokens[this.at] ?? this.#tokens.at(-1)!;
  }

  next(): Token {
    const token = this.peek();
    this.at++;
    return token;
  }

  peekNonSpace(): Token {
    while (this.peek().type === "space") this.at++;
    return this.peek();
  }

  nextNonSpace(): Token {
    const token = this.peekNonSpace();
    this.at++;
    return token;
  }

  expect(type: TokenType, context: string): Token {
    const token = this.nextNonSpace();
    return token.type === type ? token : this.unexpected(token, context);
  }

  nested<T>(parse: () => T): T {
    if (++this.#nesting > MAX_NESTING) this.fail(`nested more than ${MAX_NESTING} deep`);
    const parsed = parse();
    this.#nesting--;
    return parsed;
  }

  unexpected(token: Token, context: string): never {
    if (token.type !== "error") this.fail(`unexpected ${describeToken(token)} in ${context}`);
    if (this.actionLine === 0 || this.actionLine === token.line) this.fail(token.text);
    const where = ` started at ${this.#name}:${this.actionLine}`;
    this.fail(token.text.endsWith(" action") ? token.text + where : `${token.text} in action${where}`);
  }

  /** The token that was looked at last; errors name its line. */
  get seen(): Token {
    return this.#tokens[this.#seen] ?? this.#tokens.at(-1)!;
  }

  fail(message: string, { line, position } = this.seen): never {
    throw new TemplateError("parse", `parse: template: ${this.#name}:${line}: ${message}`, {
      excerpt: excerptOf(this.#source, position),
    });
  }
}
