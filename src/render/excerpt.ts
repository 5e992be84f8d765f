/** The line of a template in which an error lies, as a structure and in the two ways in which it is shown. */

export interface Excerpt {
  /** From 1. */
  readonly line: number;
  /** All of it, without its end. */
  readonly text: string;
  /** Where in the text, from 0, in UTF-16 units. */
  readonly column: number;
}

/** Longer lines are shown cut on both sides of the place. */
const BEFORE = 50;
const BEHIND = 30;

/** From 1; `position` is the offset in UTF-16 units. */
export function lineAt(source: string, position: number): number {
  return source.slice(0, position).split("\n").length;
}

/** `position` is the offset in UTF-16 units. */
export function excerptOf(source: string, position: number): Excerpt {
  const start = source.slice(0, position).lastIndexOf("\n") + 1;
  const end = source.indexOf("\n", position);
  const text = source.slice(start, end < 0 ? undefined : end);
  return { line: lineAt(source, position), text, column: position - start };
}

/** The line with its number, and an arrow to the place below it. */
export function drawing(excerpt: Excerpt): string {
  const { before, behind } = sides(excerpt);
  const lead = before.length > BEFORE ? ["…", ...before.slice(-BEFORE)] : before;
  const tail = behind.length > BEHIND ? [...behind.slice(0, BEHIND), "…"] : behind;
  const number = String(excerpt.line);
  const line = [...lead, ...tail].join("").trimEnd();
  return `  ${number} | ${line}\n  ${" ".repeat(number.length)} | ${" ".repeat(lead.length)}^`;
}

/** The place for a message of one line: `line 3, behind "{{ .Data.user"`. */
export function placeInWords(excerpt: Excerpt): string {
  const { before, behind } = sides(excerpt);
  const last = before.slice(-BEHIND).join("").trim();
  const next = behind.slice(0, BEHIND).join("").trim();
  return `line ${excerpt.line}, ${last === "" ? `before ${JSON.stringify(next)}` : `behind ${JSON.stringify(last)}`}`;
}

function sides({ text, column }: Excerpt): { readonly before: readonly string[]; readonly behind: readonly string[] } {
  return { before: shown(text.slice(0, column)), behind: shown(text.slice(column)) };
}

/** One column for each character; what moves the cursor is a space. */
function shown(text: string): string[] {
  return Array.from(text, (character) => (/\p{Cc}/u.test(character) ? " " : character));
}
