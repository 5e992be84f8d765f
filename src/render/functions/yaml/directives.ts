/** What stands before a YAML document, `%YAML 1.1` and `%TAG !e! tag:example.com,2025:`, and the tags that it names. */
import type { Cursor } from "./cursor.ts";

const STANDARD = "tag:yaml.org,2002:";

/** The prefixes that `!`, `!!` and the document's own handles stand for. */
export class Tags {
  readonly #prefixes = new Map([
    ["!", ""],
    ["!!", STANDARD],
  ]);

  /** Takes all directives and the `---` that has to stand behind them, or nothing. */
  readDirectives(cursor: Cursor): void {
    const seen = new Set<string>();
    for (cursor.skip(); isDirective(cursor); cursor.skip()) {
      const { at } = cursor;
      const { name, handle, value } = directive(cursor);
      const again = name === "YAML" ? name : handle;
      if (seen.has(again)) failAt(cursor, at, `found duplicate %${name} directive`);
      if (name === "YAML" && value !== "1.1") failAt(cursor, at, "found incompatible YAML document");
      seen.add(again);
      if (name === "TAG") this.#prefixes.set(handle, value);
    }
    if (seen.size > 0 && !cursor.atStart()) cursor.parserError("did not find expected <document start>");
  }

  /** `!str` for what YAML itself names, as `!!str` or in full; of any other tag the name. */
  resolve(cursor: Cursor, written: string): string {
    const verbatim = /^!<(.*)>$/.exec(written)?.[1];
    if (verbatim !== undefined) return standard(verbatim);
    const [, handle = "", suffix = ""] = /^(!(?:[\w-]*!)?)(.*)$/s.exec(written)!;
    if (handle !== "!" && suffix === "") cursor.scannerError("did not find expected tag URI");
    const prefix = this.#prefixes.get(handle) ?? cursor.parserError("found undefined tag handle");
    return standard(prefix + suffix);
  }
}

/** A percent sign at the head of a line is never anything else. */
export function isDirective(cursor: Cursor): boolean {
  return cursor.text[cursor.at] === "%" && cursor.column() === 0;
}

interface Directive {
  readonly name: "YAML" | "TAG";
  readonly handle: string;
  readonly value: string;
}

/** Takes one, up to the end of its line. */
export function directive(cursor: Cursor): Directive {
  cursor.at++;
  const name = cursor.match(/[\w-]*/y) || cursor.scannerError("could not find expected directive name");
  if (!/[ \t\n]/.test(cursor.text[cursor.at] ?? "\n"))
    cursor.scannerError("found unexpected non-alphabetical character");
  if (name !== "YAML" && name !== "TAG") return cursor.scannerError("found unknown directive name");
  cursor.match(/[ \t]*/y);
  const handle = name === "TAG" ? tagHandle(cursor) : "";
  const value = name === "TAG" ? cursor.match(/[^ \t\n]*/y) : version(cursor);
  cursor.match(/[ \t]*(?:(?<=[ \t])#[^\n]*)?/y);
  if ((cursor.text[cursor.at] ?? "\n") !== "\n") cursor.scannerError("did not find expected comment or line break");
  return { name, handle, value };
}

function version(cursor: Cursor): string {
  const digits = () => cursor.match(/\d*/y) || cursor.scannerError("did not find expected version number");
  const major = digits();
  if (!cursor.take(".")) cursor.scannerError("did not find expected digit or '.' character");
  return `${Number(major)}.${Number(digits())}`;
}

function tagHandle(cursor: Cursor): string {
  const handle = cursor.match(/!(?:[\w-]*!)?/y) || cursor.scannerError("did not find expected '!'");
  if (cursor.match(/[ \t]*/y) === "") cursor.scannerError("did not find expected whitespace");
  return handle;
}

function standard(tag: string): string {
  return tag.startsWith(STANDARD) ? `!${tag.slice(STANDARD.length)}` : tag;
}

function failAt(cursor: Cursor, at: number, message: string): never {
  cursor.at = at;
  return cursor.parserError(message);
}
