/** A place in a YAML text: what stands here, and the errors that name its line. */
import { lineAt } from "../../excerpt.ts";
import { fail } from "../../go/values.ts";

export class Cursor {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** At the end of the text, or of the document. */
  ended(): boolean {
    return (
      this.at >= this.text.length ||
      (this.column() === 0 && /^(?:---|\.\.\.)(?:[ \n]|$)/.test(this.text.slice(this.at, this.at + 4)))
    );
  }

  /** At the line of dashes that begins a document. */
  atStart(): boolean {
    return this.column() === 0 && /^---(?:[ \t\n]|$)/.test(this.text.slice(this.at, this.at + 4));
  }

  isDash(): boolean {
    return this.text[this.at] === "-" && " \t\n".includes(this.text[this.at + 1] ?? "\n");
  }

  isQuestion(): boolean {
    return this.text[this.at] === "?" && " \t\n".includes(this.text[this.at + 1] ?? "\n");
  }

  /** Whether a key with its colon stands here, on this line. */
  keyAhead(): boolean {
    const rest = this.restOfLine();
    const quoted = /^(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')/.exec(rest)?.[0];
    if (quoted !== undefined) return /^[ \t]*:(?:[ \t]|$)/.test(rest.slice(quoted.length));
    if (/^[[{]/.test(rest)) return /^(?:\[[^\]]*\]|\{[^}]*\})[ \t]*:(?:[ \t]|$)/.test(rest);
    if (/^[|>#,\]}]/.test(rest)) return false;
    const colon = /:(?:[ \t]|$)/.exec(rest);
    const comment = / #/.exec(rest);
    return colon !== null && (comment === null || colon.index < comment.index);
  }

  /** As `keyAhead`, behind anchors and tags too. */
  isSimpleKeyAhead(): boolean {
    const start = this.at;
    this.at += /^(?:[&!][^ \t\n,[\]{}]*[ \t]+)*/.exec(this.restOfLine())![0].length;
    const ahead = this.keyAhead();
    this.at = start;
    return ahead;
  }

  /** How far away the colon is that follows. */
  colonAhead(): number {
    return this.restOfLine().search(/:(?:[ \t]|$)/);
  }

  /** Takes what the pattern, which is a sticky one, finds here. */
  match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? "";
    this.at += found.length;
    return found;
  }

  take(character: string): boolean {
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  /** Blank lines and comments. */
  skip(): void {
    this.match(/(?:[ ]|\n|(?:^|(?<=[ \t\n]))#[^\n]*|\t(?=[ \t]*(?:\n|#|$)))*/y);
  }

  /** White space and comments inside of brackets. */
  skipFlow(): void {
    this.match(/(?:[ \t\n]|(?<=[ \t\n])#[^\n]*)*/y);
  }

  /** From 0. */
  column(): number {
    return this.at - (this.text.lastIndexOf("\n", this.at - 1) + 1);
  }

  /** Whether a line has ended since then. */
  linesSince(at: number): boolean {
    return this.text.slice(at, this.at).includes("\n");
  }

  /** What follows, up to the end of the line. */
  restOfLine(): string {
    const end = this.text.indexOf("\n", this.at);
    return this.text.slice(this.at, end < 0 ? undefined : end);
  }

  /** yaml.v2 counts the lines of its two kinds of errors differently, and leaves the first out. */
  scannerError(message: string): never {
    const line = lineAt(this.text, this.at);
    return fail(`yaml: ${line > 1 ? `line ${line}: ` : ""}${message}`);
  }

  /** Of what stands here, or of the end of the text, which has a line of its own. */
  parserError(message: string): never {
    const line = this.#tokenLine();
    return fail(`yaml: ${line > 0 ? `line ${line}: ` : ""}${message}`);
  }

  /** A colon is missed where the next thing begins. */
  colonError(): never {
    return fail(`yaml: line ${this.#tokenLine() + 1}: could not find expected ':'`);
  }

  /** From 0. */
  #tokenLine(): number {
    return lineAt(this.text, this.at) - (this.at >= this.text.length && this.column() > 0 ? 0 : 1);
  }
}
