/** The line of a template in which an error lies, with an arrow below it. */

/** Longer lines are cut on both sides of the place. */
const BEFORE = 50;
const BEHIND = 30;

/** From 1; `position` is the offset in UTF-16 units. */
export function lineAt(source: string, position: number): number {
  return source.slice(0, position).split("\n").length;
}

/** `position` is the offset in UTF-16 units. */
export function excerptOf(source: string, position: number): string {
  const before = source.slice(0, position);
  const start = before.lastIndexOf("\n") + 1;
  const end = source.indexOf("\n", position);
  const number = lineAt(source, position);
  const left = shown(source.slice(start, position));
  const right = shown(source.slice(position, end < 0 ? undefined : end));
  const lead = left.length > BEFORE ? ["…", ...left.slice(-BEFORE)] : left;
  const tail = right.length > BEHIND ? [...right.slice(0, BEHIND), "…"] : right;
  return pointing(String(number), [...lead, ...tail].join("").trimEnd(), lead.length);
}

/** What an excerpt shows, for a message of one line: `line 3, behind "{{ .Data.user"`. */
export function placeInWords(excerpt: string): string {
  const [line = "", arrow = ""] = excerpt.split("\n");
  const [, number = "", text = ""] = /^ *(\d+) \| (.*)$/.exec(line) ?? [];
  const characters = [...text];
  const column = arrow.length - arrow.indexOf("|") - 3;
  const before = characters
    .slice(Math.max(0, column - BEHIND), column)
    .join("")
    .trim();
  const behind = characters
    .slice(column, column + BEHIND)
    .join("")
    .trim();
  return `line ${number}, ${before === "" ? `before ${JSON.stringify(behind)}` : `behind ${JSON.stringify(before)}`}`;
}

/** A line with its number, and the arrow below the character at `column`. */
export function pointing(number: string, line: string, column: number): string {
  return `  ${number} | ${line}\n  ${" ".repeat(number.length)} | ${" ".repeat(column)}^`;
}

/** One column for each character; what moves the cursor is a space. */
function shown(text: string): string[] {
  return Array.from(text, (character) => (/\p{Cc}/u.test(character) ? " " : character));
}
