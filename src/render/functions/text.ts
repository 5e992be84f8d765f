/** Helpers for text and lists of text. */

import { define, type TemplateFunction } from "../go/function.ts";
import {
  fail,
  type GoMap,
  integerOf,
  kindOf,
  Slice,
  stringMap,
  stringOf,
  stringSlice,
  typeName,
  type Value,
} from "../go/values.ts";

const S = "string";
const ANY = "interface {}";
const LIST = "[]interface {}";

export const TEXT_FUNCTIONS: readonly TemplateFunction[] = [
  define("contains", [ANY, ANY], ([value, list]) => contains(value, list)),
  define("containsAll", [LIST, ANY], ([values, list]) => values.items.every((value) => contains(value, list))),
  define("containsAny", [LIST, ANY], ([values, list]) => values.items.some((value) => contains(value, list))),
  define("containsNone", [LIST, ANY], ([values, list]) => !values.items.some((value) => contains(value, list))),
  define("containsNotAll", [LIST, ANY], ([values, list]) => !values.items.every((value) => contains(value, list))),
  define("in", [ANY, ANY], ([list, value]) => contains(value, list)),
  define("indent", ["int", S], ([spaces, text]) => indent(spaces, text)),
  define("join", [S, "[]string"], ([separator, list]) => list.items.join(separator)),
  define("trim", [S, S], ([cutset, text]) => trimCharacters(text, cutset)),
  define("trimPrefix", [S, S], ([prefix, text]) => (text.startsWith(prefix) ? text.slice(prefix.length) : text)),
  define("trimSuffix", [S, S], ([suffix, text]) =>
    text.endsWith(suffix) ? text.slice(0, text.length - suffix.length) : text,
  ),
  define("trimSpace", [S], ([text]) => trimSpace(text)),
  define("replaceAll", [S, S, S], ([from, to, text]) => replaceAll(text, from, to)),
  define("split", [S, S], ([separator, text]) => split(separator, text)),
  define("splitToMap", [S, S, S], ([separator, assign, text]) => splitToMap(separator, assign, text)),
  define("toLower", [S], ([text]) => toLower(text)),
  define("toUpper", [S], ([text]) => toUpper(text)),
  define("toTitle", [S], ([text]) => toTitle(text)),
];

/** Every character by itself, as Go does it: no ß → SS, no final sigma. */
export function toUpper(text: string): string {
  return mapCharacters(text, (character) => {
    const large = character.toUpperCase();
    return [...large].length === 1 ? large : (titleForm(character) ?? large);
  });
}

export function toLower(text: string): string {
  return mapCharacters(text, (character) => (character === "İ" ? "i" : character.toLowerCase()));
}

/** As strings.TrimSpace: Unicode's white space. */
export function trimSpace(text: string): string {
  const space = /^\p{White_Space}$/u;
  let from = 0;
  let to = text.length;
  while (from < to && space.test(text[from]!)) from++;
  while (to > from && space.test(text[to - 1]!)) to--;
  return text.slice(from, to);
}

/** Removes all characters of `cutset` from both ends. */
export function trimCharacters(text: string, cutset: string): string {
  const cut = new Set(cutset);
  const characters = [...text];
  let from = 0;
  let to = characters.length;
  while (from < to && cut.has(characters[from]!)) from++;
  while (to > from && cut.has(characters[to - 1]!)) to--;
  return characters.slice(from, to).join("");
}

export function replaceAll(text: string, from: string, to: string): string {
  if (from !== "") return text.replaceAll(from, () => to);
  // Go puts it between all characters and at both ends.
  return to + [...text].map((character) => character + to).join("");
}

/** As strings.Split; an empty separator splits into characters. */
export function splitText(separator: string, text: string): string[] {
  return separator === "" ? [...text] : text.split(separator);
}

function indent(spaces: bigint, text: string): string {
  if (spaces < 0n) fail("indent value must be a positive integer");
  if (spaces > 10_000n) fail("indent value must not be more than 10000");
  const margin = " ".repeat(Number(spaces));
  return text.replace(/^(?=[^\n])/gm, margin);
}

function split(separator: string, text: string): Slice {
  const trimmed = trimSpace(text);
  return stringSlice(trimmed === "" ? [] : splitText(separator, trimmed));
}

function splitToMap(separator: string, assign: string, text: string): GoMap {
  const pairs = split(separator, text).items.map((item) => splitOnce(item as string, assign));
  return stringMap(pairs.filter((pair) => pair !== undefined));
}

function splitOnce(text: string, separator: string): readonly [string, string] | undefined {
  const at = text.indexOf(separator);
  return at < 0 ? undefined : [text.slice(0, at), text.slice(at + separator.length)];
}

/** The first letter of every word is capitalised, by Unicode's rule of what a word is: `a.b` and `a:b` are one. */
function toTitle(text: string): string {
  return text.replace(/(?<![\p{L}\p{M}_'][\p{Nd}_']*|\p{L}\p{M}*[:.·’‧])\p{L}/gu, titleCase);
}

/** The form of a letter at the head of a word: `ǆ` has one of its own, and of what becomes several only the first is large. */
function titleCase(letter: string): string {
  const own = titleForm(letter);
  if (own !== undefined) return own;
  // Georgian has large letters, but not at the head of words.
  if (/^[\u10d0-\u10ff]$/.test(letter)) return letter;
  const [first = "", ...rest] = letter.toUpperCase();
  const tail = rest.join("");
  if (/^[\u1f80-\u1fff]$/.test(letter)) return first + tail.replace(/\u0399$/, "\u0345");
  return first + (/^\p{Lu}$/u.test(first) ? tail.toLowerCase() : tail);
}

/** Unicode's own form of the letter for titles, where it has one. */
function titleForm(letter: string): string | undefined {
  const code = letter.codePointAt(0)!;
  return TITLE_FORMS.map((distance) => String.fromCodePoint(code + distance)).find(
    (form) => /^\p{Lt}$/u.test(form) && form.toLowerCase() === letter.toLowerCase(),
  );
}

/** How far behind a letter Unicode has its form for titles. */
const TITLE_FORMS = [-1, 0, 1, 8, 9];

function mapCharacters(text: string, map: (character: string) => string): string {
  let out = "";
  for (const character of text) {
    const mapped = map(character);
    out += [...mapped].length === 1 ? mapped : character;
  }
  return out;
}

/** Whether a list has the integer, float or text, or a text the part; nothing else is ever found. */
function contains(value: Value, list: Value): boolean {
  if (list instanceof Slice) return list.items.some((item) => same(item, value));
  const text = stringOf(list);
  return text !== undefined && sameType(list, value) && text.includes(stringOf(value)!);
}

function same(item: Value, value: Value): boolean {
  if (typeof item === "number") return item === value;
  if (stringOf(item) !== undefined) return sameType(item, value) && stringOf(item) === stringOf(value);
  return isSigned(item) && isSigned(value) && integerOf(item) === integerOf(value);
}

function sameType(text: Value, value: Value): boolean {
  if (value === null) fail("reflect: call of reflect.Value.Type on zero Value");
  return typeName(text) === typeName(value);
}

function isSigned(value: Value): boolean {
  return integerOf(value) !== undefined && !kindOf(value).startsWith("u");
}
