/** Sprig's functions on words: goutils' and xstrings' rules of what a word is. */
import type { TemplateFunction } from "../../go/function.ts";
import { encodeText } from "../../go/text.ts";
import { S, sprig } from "./define.ts";

export const SPRIG_WORDS: readonly TemplateFunction[] = [
  sprig("title", [S], ([text]) => text.replace(WORD_START, upper)),
  sprig("untitle", [S], ([text]) => text.replace(/(?<=^|\p{White_Space})\P{White_Space}/gu, lower)),
  sprig("nospace", [S], ([text]) => noSpace(text)),
  sprig("initials", [S], ([text]) => initials(text)),
  sprig("swapcase", [S], ([text]) => swapCase(text)),
  sprig("snakecase", [S], ([text]) => separated(text, "_")),
  sprig("kebabcase", [S], ([text]) => separated(text, "-")),
  sprig("camelcase", [S], ([text]) => camelCase(text)),
];

/** As strings.Title: beyond ASCII only letters, digits and what is no space go on with a word. */
const WORD_START = /(?<![\p{L}\p{Nd}_]|[^\x00-\x7f\p{White_Space}])\p{L}/gu;

/** One character by itself, as Go's unicode.ToUpper: no ß → SS. */
function upper(character: string): string {
  const mapped = character.toUpperCase();
  return [...mapped].length === 1 ? mapped : character;
}

function lower(character: string): string {
  return character === "İ" ? "i" : character.toLowerCase();
}

/** The real one goes by bytes, each of which is taken for a character. */
function byteCharacters(text: string): string[] {
  return Array.from(encodeText(text), (byte) => String.fromCharCode(byte));
}

function isSpace(character: string): boolean {
  return /^\p{White_Space}$/u.test(character);
}

function noSpace(text: string): string {
  const characters = byteCharacters(text);
  const kept = characters.filter((character) => !isSpace(character));
  return kept.length === characters.length ? text : kept.join("");
}

function initials(text: string): string {
  return byteCharacters(text)
    .filter((character, i, all) => !isSpace(character) && (i === 0 || isSpace(all[i - 1]!)))
    .join("");
}

function swapCase(text: string): string {
  return text.replace(/[\p{Lu}\p{Lt}]|\p{Ll}/gu, (letter) => (/\p{Ll}/u.test(letter) ? upper(letter) : lower(letter)));
}

function isConnector(character: string | undefined): boolean {
  return character !== undefined && (character === "-" || character === "_" || isSpace(character));
}

function isUpper(character: string | undefined): boolean {
  return character !== undefined && /^\p{Lu}$/u.test(character);
}

/** As xstrings.ToPascalCase: connectors go where a letter follows, leading ones and all but one of several stay. */
function camelCase(text: string): string {
  const characters = [...text];
  const lead = characters.findIndex((character) => !isConnector(character));
  if (lead < 0) return text + (characters.at(-1) ?? "");
  if (lead === characters.length - 1) return text.slice(0, -characters[lead]!.length) + upper(characters[lead]!);
  let out = characters.slice(0, lead).join("");
  let shouting = isUpper(characters[lead]);
  let current = upper(characters[lead]!);
  for (let character of characters.slice(lead + 1)) {
    const previous = current;
    if (isConnector(character) && isConnector(previous)) {
      out += previous;
      current = character;
      continue;
    }
    if (isConnector(previous)) {
      shouting = isUpper(character);
      character = upper(character);
    } else {
      if (shouting && isUpper(character)) character = lower(character);
      else shouting = false;
      out += previous;
    }
    current = character;
  }
  return out + current;
}

type WordKind = "none" | "number" | "upper" | "letters" | "connector" | "punctuation" | "other";

interface Word {
  readonly kind: WordKind;
  readonly text: string;
}

/** Chinese characters are letters that belong to no alphabet. */
const LETTER = String.raw`(?:(?![\u3400-\u4d85\u4e00-\u9fcc\u{20000}-\u{2b81d}])\p{L})`;
const SMALL = String.raw`(?:(?!\p{Lu})${LETTER})`;

/** Words of each kind, as far as they go; of `HTTPStatus` the first is `HTTP`. */
const WORDS: readonly (readonly [WordKind, string])[] = [
  ["connector", String.raw`[-_\p{White_Space}]+`],
  ["punctuation", String.raw`\p{P}+`],
  ["upper", String.raw`\p{Lu}+(?=\p{Lu}${SMALL})|\p{Lu}{2,}|\p{Lu}${SMALL}*`],
  ["letters", `${LETTER}${SMALL}*`],
  ["number", String.raw`\p{N}+`],
  ["other", String.raw`[^](?:(?!${LETTER})[^-_\p{White_Space}\p{N}\p{P}])*`],
];
const WORD = WORDS.map(([, pattern]) => `(${pattern})`).join("|");

function* wordsOf(text: string): Generator<Word> {
  for (const match of text.matchAll(new RegExp(WORD, "gu"))) {
    const kind = match.slice(1).findIndex((group) => group !== undefined);
    yield { kind: WORDS[kind]![0], text: match[0] };
  }
}

/** As xstrings.ToSnakeCase: a number belongs to the word before it, unless small letters follow. */
function separated(text: string, separator: string): string {
  const words = [...wordsOf(text)];
  const at = (i: number): Word => words[i] ?? { kind: "none", text: "" };
  const lastIndex = words.length - 1;
  let out = "";
  let i = 0;
  const write = ({ kind, text: word }: Word) => {
    if (kind === "connector") out += separator.repeat([...word].length);
    else out += kind === "upper" ? [...word].map((c) => (isUpper(c) ? lower(c) : c)).join("") : word;
  };
  const separateUnless = (...kinds: WordKind[]) => {
    if (!kinds.includes(at(i).kind)) out += separator;
  };
  const writeWhileSpelled = () => {
    for (; at(i).kind === "letters" || at(i).kind === "number"; i++) write(at(i));
  };
  while (i < lastIndex) {
    const previous = at(i++);
    if (previous.kind !== "connector") write(previous);
    if (previous.kind === "number") {
      writeWhileSpelled();
      separateUnless("none", "punctuation", "connector");
    } else if (previous.kind === "connector") write(previous);
    else if (previous.kind !== "punctuation") {
      if (at(i).kind !== "number") separateUnless("connector", "punctuation");
      else if (i < lastIndex) {
        const number = at(i++);
        if (at(i).kind !== "letters") {
          write(number);
          separateUnless("connector", "punctuation");
        } else {
          out += separator;
          write(number);
          writeWhileSpelled();
          separateUnless("none", "connector", "punctuation");
        }
      }
    }
  }
  write(at(i));
  return out;
}
