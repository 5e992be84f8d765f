/** html, js and urlquery. */
import { type Result, unboxed } from "./boxed.ts";
import { sprint } from "./format.ts";
import { dereferenced } from "./memory.ts";
import { encodeText, isPrintable } from "./text.ts";

const HTML: Readonly<Record<string, string>> = {
  "\0": "\ufffd",
  '"': "&#34;",
  "'": "&#39;",
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
};

export function escapeHtml(args: readonly Result[]): string {
  return joined(args).replace(/[\0"'&<>]/g, (character) => HTML[character]!);
}

export function escapeJs(args: readonly Result[]): string {
  return joined(args).replace(/[\s\S]/gu, (character) => {
    if ("\\'\"".includes(character)) return `\\${character}`;
    if ("<>&=".includes(character)) return unicodeEscape(character);
    return isPrintable(character) ? character : unicodeEscape(character);
  });
}

export function escapeQuery(args: readonly Result[]): string {
  return queryEscape(joined(args));
}

/** As Go's url.QueryEscape. */
export function queryEscape(text: string): string {
  return percentEncode(text, /[A-Za-z0-9_.~-]/).replaceAll("%20", "+");
}

/** Every byte that does not match `allowed` as %XX. */
export function percentEncode(text: string, allowed: RegExp): string {
  let out = "";
  for (const byte of encodeText(text)) {
    const character = String.fromCharCode(byte);
    out += byte < 0x80 && allowed.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return out;
}

function unicodeEscape(character: string): string {
  return `\\u${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** What `print` would make of them, but a missing value as it is printed by itself. */
function joined(args: readonly Result[]): string {
  return sprint(args.map((arg) => dereferenced(unboxed(arg) ?? "<no value>")));
}
