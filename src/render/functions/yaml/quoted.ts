/** YAML's quoted and block scalars. A string in place of a result is the error's text. */

import { withoutEnd } from "../../go/text.ts";

export interface ReadText {
  readonly value: string;
  readonly end: number;
}

const ESCAPES: Readonly<Record<string, string>> = {
  "0": "\0",
  a: "\x07",
  b: "\b",
  t: "\t",
  "\t": "\t",
  n: "\n",
  v: "\v",
  f: "\f",
  r: "\r",
  e: "\x1b",
  " ": " ",
  '"': '"',
  "'": "'",
  "/": "/",
  "\\": "\\",
  N: "\x85",
  _: "\xa0",
  L: "\u2028",
  P: "\u2029",
};

/** Lines joined by a space; an empty line is a line break. */
export function foldLines(lines: readonly string[]): string {
  let text = lines[0] ?? "";
  for (let i = 1; i < lines.length; i++) {
    let empty = 0;
    while (lines[i] === "" && i < lines.length - 1) {
      empty++;
      i++;
    }
    text += (empty > 0 ? "\n".repeat(empty) : " ") + lines[i]!;
  }
  return text;
}

export function readSingleQuoted(text: string, start: number): ReadText | string {
  const match = /'((?:[^']|'')*)'/y;
  match.lastIndex = start;
  const found = match.exec(text);
  if (found === null) return "found unexpected end of stream";
  return { value: foldLines(trimmedLines(found[1]!.replaceAll("''", "'"))), end: match.lastIndex };
}

export function readDoubleQuoted(text: string, start: number): ReadText | string {
  const match = /"((?:[^"\\]|\\[\s\S])*)"/y;
  match.lastIndex = start;
  const found = match.exec(text);
  if (found === null) return "found unexpected end of stream";
  let bad: string | undefined;
  const joined = foldLines(trimmedLines(found[1]!.replace(/\\\n[ \t]*/g, "\\&")));
  const value = joined.replace(
    /\\(&|x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|[\s\S])/g,
    (_, kind: string, ...hex: (string | undefined)[]) => {
      if (kind === "&") return "";
      const digits = hex.slice(0, 3).find((one) => one !== undefined);
      const code = digits === undefined ? undefined : Number.parseInt(digits, 16);
      if (code !== undefined && (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)))
        bad = "found invalid Unicode character escape code";
      else if (code !== undefined) return String.fromCodePoint(code);
      const short = ESCAPES[kind];
      if (short === undefined) bad ??= "found unknown escape character";
      return short ?? "";
    },
  );
  return bad ?? { value, end: match.lastIndex };
}

/** `|` and `>`, from the indicator on; `indent` is that of the collection around it. */
export function blockScalar(text: string, start: number, indent: number): ReadText | string {
  const header = /[|>](?:([-+])?([0-9])?|([0-9])([-+]))[ \t]*(?:#[^\n]*)?(?:\n|$)/y;
  header.lastIndex = start;
  const found = header.exec(text);
  const digit = found?.[2] ?? found?.[3] ?? "";
  const chomp = found?.[1] ?? found?.[4] ?? "";
  if (digit === "0") return "found an indentation indicator equal to 0";
  if (!found) return "did not find expected comment or line break";
  const rest = text.slice(header.lastIndex);
  const margin = digit === "" ? detectMargin(rest, indent) : Math.max(indent, 0) + Number(digit);
  const lines: string[] = [];
  let end = header.lastIndex;
  for (const line of rest.split(/(?<=\n)/)) {
    // Spaces alone, as far as the margin goes, are an empty line.
    const blank = /^ *\n?$/.test(line) && line.replace(/\n$/, "").length <= margin;
    if (line === "") break;
    if (!blank && (/^ */.exec(line)![0].length < margin || (margin === 0 && /^(?:---|\.\.\.)/.test(line)))) break;
    lines.push(line.replace(/\n$/, "").slice(margin));
    end += line.length;
  }
  let kept = lines.length;
  while (kept > 0 && lines[kept - 1] === "") kept--;
  const body = lines.slice(0, kept);
  const content = text[start] === "|" ? body.join("\n") : foldBlock(body);
  // The last line of the text may end without a break.
  const broken = kept > 0 && text[end - 1] === "\n";
  const ending =
    chomp === "-"
      ? ""
      : chomp === "+"
        ? "\n".repeat(lines.length - kept + (broken ? 1 : 0))
        : broken || kept < lines.length
          ? kept > 0
            ? "\n"
            : ""
          : "";
  return { value: content + ending, end };
}

function detectMargin(rest: string, indent: number): number {
  const [, blanks = "", first = ""] = /^((?: *\n)*)( *)/.exec(rest)!;
  // Lines of spaces alone count too: the longest of them is the least.
  const longest = Math.max(first.length, ...blanks.split("\n").map((line) => line.length));
  return Math.max(longest, indent + 1, 1);
}

/** As plain lines are folded, but lines that begin with a space keep their breaks. */
function foldBlock(lines: readonly string[]): string {
  let text = "";
  let empty = 0;
  let previous: string | undefined;
  for (const line of lines) {
    if (line === "") {
      empty++;
      continue;
    }
    // Around a line that is further in every break stays.
    const further = /^[ \t]/.test(line) || /^[ \t]/.test(previous ?? "");
    if (previous !== undefined && empty === 0 && !further) text += " ";
    else text += "\n".repeat(empty + (previous !== undefined && further ? 1 : 0));
    text += line;
    previous = line;
    empty = 0;
  }
  return text;
}

function trimmedLines(text: string): string[] {
  const lines = text.split("\n");
  return lines.map((line, i) => {
    const left = i > 0 ? line.replace(/^[ \t]+/, "") : line;
    return i < lines.length - 1 ? withoutEnd(left, " \t") : left;
  });
}
