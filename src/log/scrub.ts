/**
 * Takes secrets out of text that is about to leave the program. The first line of defence is that no secret is handed
 * to a log at all; this is the second, for texts made by others: a server's error, a URL, the stderr of a hook.
 */
import { Sensitive } from "../sensitive.ts";

export interface Scrubber {
  /** From now on this value is replaced, however it is encoded. Values shorter than 4 bytes are ignored. */
  learn(secret: string | Sensitive<string>): void;
  scrub(text: string): string;
}

const REPLACEMENT = "[redacted]";

/** Shorter values would stand in half of all words. */
const SHORTEST = 4;

/** In the spellings of all of them: some hundred kilobytes of secrets. */
const MOST_CHARACTERS = 8 * 1024 * 1024;

/** Of a longer value only itself is known: its spellings would take more memory than the rest of the program. */
const LONGEST_SPELLED = 128 * 1024;

/** Knows the last `limit` secrets it was told; the one that was not mentioned for longest is forgotten first. */
export function createScrubber(limit = 1000): Scrubber {
  const known = new Map<string, readonly string[]>();
  const index = createIndex();
  let characters = 0;

  function forget(value: string): void {
    const spellings = known.get(value) ?? [];
    for (const spelling of spellings) index.remove(spelling);
    characters -= sizeOf(spellings);
    known.delete(value);
  }

  return {
    learn(secret) {
      const value = (secret instanceof Sensitive ? secret.reveal() : secret).trim();
      if (Buffer.byteLength(value) < SHORTEST) return;
      const spellings = known.get(value) ?? (value.length > LONGEST_SPELLED ? [value] : spellingsOf(value));
      forget(value);
      known.set(value, spellings);
      for (const spelling of spellings) index.add(spelling);
      characters += sizeOf(spellings);
      for (const oldest of known.keys()) {
        if (known.size <= limit && (characters <= MOST_CHARACTERS || known.size === 1)) break;
        forget(oldest);
      }
    },
    scrub(text) {
      const found: Span[] = [];
      index.find(text, found);
      for (const shape of SHAPES) {
        for (const match of text.matchAll(shape)) found.push(match.indices?.groups?.secret ?? [0, 0]);
      }
      return found.length === 0 ? text : cover(text, found);
    },
  };
}

function sizeOf(spellings: readonly string[]): number {
  return spellings.reduce((sum, { length }) => sum + length, 0);
}

type Span = readonly [from: number, to: number];

/**
 * What is secret by its looks, whether anybody told us or not: Vault's and OpenBao's tokens, JWTs, and the password in
 * a URL. Every repetition has a bound or a character to stop at, so that no text makes them slow.
 */
const SHAPES: readonly RegExp[] = [
  /\b(?<secret>(?:hv[sbr]\.[\w-]{20,}|[sbr]\.[A-Za-z0-9]{24,}))/dg,
  /\b(?<secret>eyJ[\w-]{8,8000}\.[\w-]{8,8000}\.[\w-]*)/dg,
  /\b[a-z][a-z0-9+.-]{0,30}:\/\/[^\s:@/?#]{0,256}:(?<secret>[^\s@/]{1,256})@/dgi,
];

/** Found in the text as it was, and only then replaced: secrets may overlap, and one may be a part of "[redacted]". */
function cover(text: string, spans: Span[]): string {
  spans.sort(([a], [b]) => a - b);
  let covered = "";
  let at = 0;
  let open: [number, number] | undefined;
  for (const [from, to] of spans) {
    if (open && from <= open[1]) {
      open[1] = Math.max(open[1], to);
      continue;
    }
    if (open) {
      covered += text.slice(at, open[0]) + REPLACEMENT;
      at = open[1];
    }
    open = [from, to];
  }
  if (!open) return text;
  return covered + text.slice(at, open[0]) + REPLACEMENT + text.slice(open[1]);
}

function findAll(text: string, part: string, found: Span[]): void {
  if (part.length > text.length) return;
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + 1)) found.push([at, at + part.length]);
}

interface Index {
  add(spelling: string): void;
  remove(spelling: string): void;
  find(text: string, found: Span[]): void;
}

/** Fewer spellings are searched for one by one, which Node does faster. */
const FEW = 100;

/**
 * Spellings by their first characters, so that a text is gone over once and not once for each of thousands of them. A
 * spelling stands in it as often as secrets have it.
 */
function createIndex(): Index {
  const spellings = new Map<number, Map<string, number>>();
  let size = 0;
  /** Two units, as a number: the shortest secret may be one character of four bytes, which is two units of a text. */
  const startOf = (text: string, at: number) => text.charCodeAt(at) * 0x10000 + text.charCodeAt(at + 1);

  function count(spelling: string, by: 1 | -1): void {
    const start = startOf(spelling, 0);
    const same = spellings.get(start) ?? new Map<string, number>();
    const left = (same.get(spelling) ?? 0) + by;
    size += by;
    if (left > 0) same.set(spelling, left);
    else same.delete(spelling);
    if (same.size > 0) spellings.set(start, same);
    else spellings.delete(start);
  }
  return {
    add: (spelling) => count(spelling, 1),
    remove: (spelling) => count(spelling, -1),
    find(text, found) {
      if (size < FEW) {
        for (const same of spellings.values()) for (const spelling of same.keys()) findAll(text, spelling, found);
        return;
      }
      for (let at = 0; at + 1 < text.length; at++) {
        const same = spellings.get(startOf(text, at));
        if (same === undefined) continue;
        for (const spelling of same.keys()) {
          if (text.startsWith(spelling, at)) found.push([at, at + spelling.length]);
        }
      }
    },
  };
}

/** A value in every spelling in which servers, libraries and shells give it back. */
function spellingsOf(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  const json = JSON.stringify(value).slice(1, -1);
  const percent = encodeURIComponent(value.toWellFormed());
  const strict = percent.replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const html = value.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const inBase64 = [0, 1, 2].flatMap((shift) => base64At(bytes, shift));
  return [
    ...new Set([
      value,
      json,
      // Go's encoder escapes these three even where JSON does not ask for it.
      json.replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`),
      percent,
      strict,
      strict.replace(/%20/g, "+"),
      strict.replace(/%[0-9A-F]{2}/g, (octet) => octet.toLowerCase()),
      html.replace(/"/g, "&quot;").replace(/'/g, "&#39;"),
      html.replace(/"/g, "&#34;").replace(/'/g, "&#39;"),
      ...inBase64,
      ...inBase64.map((part) => part.replaceAll("+", "-").replaceAll("/", "_")),
      bytes.toString("hex"),
      bytes.toString("hex").toUpperCase(),
    ]),
  ];
}

/**
 * The base64 digits that depend on these bytes alone when `shift` other bytes stand before them modulo three, as the
 * user name before the password in a Basic header.
 */
function base64At(bytes: Buffer, shift: number): readonly string[] {
  const digits = Buffer.concat([Buffer.alloc(shift), bytes]).toString("base64");
  const from = Math.ceil((shift * 8) / 6);
  const to = Math.floor(((shift + bytes.length) * 8) / 6);
  return to - from >= SHORTEST ? [digits.slice(from, to)] : [];
}
