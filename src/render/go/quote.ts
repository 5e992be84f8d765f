/** String and character literals as Go writes and reads them. */
import { byteText, escapedByte, isPrintable, joinBytes } from "./text.ts";

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
};
const SHORT_FORMS: ReadonlyMap<string, string> = new Map(
  Object.entries(SHORT_ESCAPES).map(([name, character]) => [character, `\\${name}`]),
);

/** The value of a literal in double quotes or back-ticks; undefined where Go says `invalid syntax`. */
export function unquote(literal: string): string | undefined {
  const quote = literal[0]!;
  const body = literal.slice(1, -1);
  if (quote === "`") return body.replaceAll("\r", "");
  if (body.includes("\n")) return undefined;
  let text = "";
  for (let at = 0; at < body.length; ) {
    const character = unquoteCharacter(body, at, quote);
    if (character === undefined) return undefined;
    text += character.text;
    at = character.end;
  }
  return joinBytes(text);
}

export interface UnquotedCharacter {
  readonly text: string;
  /** The code point, or the byte of a `\x` or octal escape. */
  readonly code: number;
  readonly end: number;
}

/** Reads one character or escape at `at`. */
export function unquoteCharacter(text: string, at: number, quote: string): UnquotedCharacter | undefined {
  const first = text.codePointAt(at);
  if (first === undefined) return undefined;
  const character = String.fromCodePoint(first);
  if (character === quote) return undefined;
  if (character !== "\\") return { text: character, code: first, end: at + character.length };
  const kind = text[at + 1];
  if (kind === undefined) return undefined;
  const short = SHORT_ESCAPES[kind] ?? (kind === quote ? quote : undefined);
  if (short !== undefined) return { text: short, code: short.charCodeAt(0), end: at + 2 };
  const pattern = { x: /[0-9a-fA-F]{2}/y, u: /[0-9a-fA-F]{4}/y, U: /[0-9a-fA-F]{8}/y }[kind] ?? /[0-7]{3}/y;
  pattern.lastIndex = "xuU".includes(kind) ? at + 2 : at + 1;
  const digits = pattern.exec(text)?.[0];
  if (digits === undefined) return undefined;
  const code = Number.parseInt(digits, "xuU".includes(kind) ? 16 : 8);
  const end = pattern.lastIndex;
  if (kind === "u" || kind === "U") {
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return undefined;
    return { text: String.fromCodePoint(code), code, end };
  }
  return code > 0xff ? undefined : { text: byteText(code), code, end };
}

/** As Go's %q: in double quotes, with what cannot be printed escaped; `ascii` escapes everything beyond ASCII too. */
export function quote(text: string, ascii = false): string {
  return `"${escapeCharacters(text, '"', ascii)}"`;
}

/** As %q prints a code point. */
export function quoteRune(code: number, ascii = false): string {
  const valid = code >= 0 && code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000);
  return `'${escapeCharacters(String.fromCodePoint(valid ? code : 0xfffd), "'", ascii)}'`;
}

/** As %#q: in back-ticks where the text allows it. */
export function quoteRaw(text: string, ascii = false): string {
  return /^[^\x00-\x08\x0a-\x1f`\x7f\ufeff]*$/u.test(text) && text.isWellFormed() ? `\`${text}\`` : quote(text, ascii);
}

function escapeCharacters(text: string, quoteMark: string, ascii: boolean): string {
  if (!ascii && /^[\x20\x21\x23-\x26\x28-\x5b\x5d-\x7e]*$/.test(text)) return text;
  let out = "";
  for (const character of text) {
    const code = character.codePointAt(0)!;
    const byte = escapedByte(code);
    if (byte !== undefined) out += `\\x${hex(byte, 2)}`;
    else if (character === quoteMark || character === "\\") out += `\\${character}`;
    else if (isPrintable(character) && (!ascii || code < 0x80)) out += character;
    else if (SHORT_FORMS.has(character)) out += SHORT_FORMS.get(character);
    else if (code < 0x20 || code === 0x7f) out += `\\x${hex(code, 2)}`;
    else out += code > 0xffff ? `\\U${hex(code, 8)}` : `\\u${hex(code, 4)}`;
  }
  return out;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
