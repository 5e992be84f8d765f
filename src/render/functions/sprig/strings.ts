/** Sprig's functions on text. */

import type { TemplateFunction } from "../../go/function.ts";
import { compareStrings } from "../../go/order.ts";
import { quote } from "../../go/quote.ts";
import { decodeText, encodeText, joined } from "../../go/text.ts";
import { fail, stringMap, stringSlice, type Value } from "../../go/values.ts";
import { replaceAll, splitText, toLower, toUpper, trimCharacters, trimSpace } from "../text.ts";
import { textOf, textsOf } from "./convert.ts";
import { ANY, alias, S, sprig, sprigVariadic } from "./define.ts";

/** Longer text is not made by repeating. */
const MAX_TEXT = 64 * 1024 * 1024;

export const SPRIG_STRINGS: readonly TemplateFunction[] = [
  sprig("upper", [S], ([text]) => toUpper(text)),
  sprig("lower", [S], ([text]) => toLower(text)),
  sprig("trim", [S], ([text]) => trimSpace(text)),
  ...alias(
    sprig("trimAll", [S, S], ([cutset, text]) => trimCharacters(text, cutset)),
    "trimall",
  ),
  sprig("trimPrefix", [S, S], ([prefix, text]) => (text.startsWith(prefix) ? text.slice(prefix.length) : text)),
  sprig("trimSuffix", [S, S], ([suffix, text]) =>
    text.endsWith(suffix) ? text.slice(0, text.length - suffix.length) : text,
  ),
  sprig("contains", [S, S], ([part, text]) => text.includes(part)),
  sprig("hasPrefix", [S, S], ([prefix, text]) => text.startsWith(prefix)),
  sprig("hasSuffix", [S, S], ([suffix, text]) => text.endsWith(suffix)),
  sprig("replace", [S, S, S], ([from, to, text]) => replaceAll(text, from, to)),
  sprig("repeat", ["int", S], ([count, text]) => repeat(text, count)),
  sprig("trunc", ["int", S], ([length, text]) => truncate(Number(length), text)),
  sprig("substr", ["int", "int", S], ([from, to, text]) => substring(Number(from), Number(to), text)),
  sprig("abbrev", ["int", S], ([width, text]) => abbreviate(0, Number(width), text)),
  sprig("abbrevboth", ["int", "int", S], ([left, width, text]) => abbreviate(Number(left), Number(width), text)),
  sprig("wrap", ["int", S], ([width, text]) => wrap(Number(width), "\n", text, false)),
  sprig("wrapWith", ["int", S, S], ([width, line, text]) => wrap(Number(width), line, text, true)),
  sprig("indent", ["int", S], ([spaces, text]) => indent(spaces, text)),
  sprig("nindent", ["int", S], ([spaces, text]) => `\n${indent(spaces, text)}`),
  sprigVariadic("quote", [], ANY, (values) =>
    texts(values)
      .map((text) => quote(text))
      .join(" "),
  ),
  sprigVariadic("squote", [], ANY, (values) =>
    texts(values)
      .map((text) => `'${text}'`)
      .join(" "),
  ),
  sprigVariadic("cat", [], ANY, (values) => texts(values).join(" ")),
  sprig("plural", [S, S, "int"], ([one, many, count]) => (count === 1n ? one : many)),
  sprig("toString", [ANY], ([value]) => textOf(value)),
  sprig("toStrings", [ANY], ([list]) => stringSlice(textsOf(list))),
  sprig("join", [S, ANY], ([separator, list]) => textsOf(list).join(separator)),
  sprig("sortAlpha", [ANY], ([list]) => stringSlice(list === null ? ["<nil>"] : textsOf(list).sort(compareStrings))),
  sprig("split", [S, S], ([separator, text]) => numbered(splitText(separator, text))),
  sprig("splitList", [S, S], ([separator, text]) => stringSlice(splitText(separator, text))),
  sprig("splitn", [S, "int", S], ([separator, count, text]) => numbered(splitAtMost(separator, Number(count), text))),
  sprig("hello", [], () => "Hello!"),
  sprig("fail", [S], ([message]) => fail(message)),
];

function texts(values: readonly Value[]): string[] {
  return values.filter((value) => value !== null).map(textOf);
}

function repeat(text: string, count: bigint): string {
  if (count < 0n) fail("strings: negative Repeat count");
  if (BigInt(text.length) * count > BigInt(MAX_TEXT)) fail("strings: Repeat output length overflow");
  return text.repeat(Number(count));
}

function indent(spaces: bigint, text: string): string {
  const margin = repeat(" ", spaces);
  return margin + text.replaceAll("\n", `\n${margin}`);
}

/** Bytes from the start, or with a negative length from the end. */
function truncate(length: number, text: string): string {
  const bytes = encodeText(text);
  if (length < 0 && bytes.length + length > 0) return decodeText(bytes.subarray(bytes.length + length));
  return length >= 0 && bytes.length > length ? decodeText(bytes.subarray(0, length)) : text;
}

/** As Go cuts, with the errors that it has for what cannot be cut. */
function substring(from: number, to: number, text: string): string {
  const bytes = encodeText(text);
  const { length } = bytes;
  if (from < 0) {
    if (to < 0) fail(`runtime error: slice bounds out of range [:${to}]`);
    if (to > length) fail(`runtime error: slice bounds out of range [:${to}] with length ${length}`);
    return decodeText(bytes.subarray(0, to));
  }
  const end = to < 0 || to > length ? length : to;
  if (from > end) fail(`runtime error: slice bounds out of range [${from}:${end}]`);
  return decodeText(bytes.subarray(from, end));
}

/** At most `width` characters with an ellipsis for what was cut on the right and, from `left` on, on the left. */
function abbreviate(left: number, width: number, text: string): string {
  if (width < 4 || (left > 0 && width < 7)) return text;
  const characters = [...text];
  if (characters.length <= width) return text;
  const offset = Math.min(left, characters.length);
  const from = characters.length - offset < width - 3 ? characters.length - (width - 3) : offset;
  if (from <= 4) return `${characters.slice(0, width - 3).join("")}...`;
  if (from + width - 3 < characters.length) return `...${abbreviate(0, width - 3, characters.slice(from).join(""))}`;
  return `...${characters.slice(characters.length - (width - 3)).join("")}`;
}

/** Breaks lines at spaces, counting bytes; a word that is too long stays whole, or is broken too. */
function wrap(width: number, separator: string, text: string, breakWords: boolean): string {
  const size = Math.max(1, width);
  const bytes = encodeText(text);
  const space = 32;
  const lines: Uint8Array[] = [];
  let from = 0;
  while (bytes.length - from > size) {
    if (bytes[from] === space) {
      from++;
      continue;
    }
    let to = bytes.subarray(from, from + size + 1).lastIndexOf(space);
    const broken = to < 0 && breakWords;
    if (to < 0) to = broken ? size : bytes.subarray(from).indexOf(space, size);
    if (to < 0) break;
    lines.push(bytes.subarray(from, from + to));
    from += broken ? to : to + 1;
  }
  const end = encodeText(separator === "" ? "\n" : separator);
  const pieces = [...lines.flatMap((line) => [line, end]), bytes.subarray(from)];
  return decodeText(joined(...pieces));
}

/** `_0`, `_1`, … */
function numbered(parts: readonly string[]) {
  return stringMap(parts.map((part, i) => [`_${i}`, part]));
}

function splitAtMost(separator: string, count: number, text: string): string[] {
  const parts = splitText(separator, text);
  if (count < 0 || parts.length <= count) return parts;
  return count === 0 ? [] : [...parts.slice(0, count - 1), parts.slice(count - 1).join(separator)];
}
