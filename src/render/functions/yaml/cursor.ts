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

  take(character: string): boolean {
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  /** Blank lines and comments. */
  skip(): void {
    const pattern = /(?:[ ]|\n|(?:^|(?<=[ \t\n]))#[^\n]*|\t(?=[ \t]*(?:\n|#|$)))*/y;
    pattern.lastIndex = this.at;
    this.at += pattern.exec(this.text)?.[0].length ?? 0;
  }

  /** White space and comments inside of brackets, behind which something must follow. */
  skipFlow(): void {
    const pattern = /(?:[ \t\n]|(?<=[ \t\n])#[^\n]*)*/y;
    pattern.lastIndex = this.at;
    this.at += pattern.exec(this.text)?.[0].length ?? 0;
    if (this.at >= this.text.length) this.parserError("did not find expected node content");
  }

  /** From 0. */
  column(): number {
    return this.at - (this.text.lastIndexOf("\n", this.at - 1) + 1);
  }

  /** From 0. */
  lineOf(at: number): number {
    return lineAt(this.text, at) - 1;
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
    const line = this.lineOf(this.at);
    return fail(`yaml: ${line > 0 ? `line ${line + 1}: ` : ""}${message}`);
  }

  parserError(message: string): never {
    const line = this.lineOf(this.at);
    return fail(`yaml: ${line > 0 ? `line ${line}: ` : ""}${message}`);
  }
}
