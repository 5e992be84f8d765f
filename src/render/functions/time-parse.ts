/** Reading a time by a layout of Go's time package. */
import { encodeText } from "../go/text.ts";
import { fail } from "../go/values.ts";
import { dateOfDays, daysInMonth, daysOfDate } from "./civil.ts";
import { LOCAL, type Moment, momentOfClock } from "./moment.ts";
import { LAYOUT_PIECES, MONTHS, WEEKDAYS } from "./time-format.ts";

/** What has been read so far; what is undefined did not stand there. */
interface Parts {
  year: number;
  month?: number;
  day?: number;
  dayOfYear?: number;
  hour: number;
  minute: number;
  second: number;
  nanoseconds: number;
  half?: "am" | "pm";
  /** In seconds east of UTC. */
  offset?: number;
  zone?: string;
  utc: boolean;
}

/** A text that is of the right form, but says a time that there is not. */
class OutOfRange extends Error {}

/** Throws a FunctionError with Go's message. What names no zone is in the machine's own. */
export function parseTime(layout: string, text: string): Moment {
  const parts: Parts = { year: 0, hour: 0, minute: 0, second: 0, nanoseconds: 0, utc: false };
  try {
    readParts(layout, text, parts);
    return momentOfParts(parts);
  } catch (error) {
    if (!(error instanceof OutOfRange)) throw error;
    return fail(`parsing time ${quoted(text)}: ${error.message}`);
  }
}

function readParts(layout: string, text: string, parts: Parts): void {
  const refuse = (rest: string, piece: string): never =>
    fail(`parsing time ${quoted(text)} as ${quoted(layout)}: cannot parse ${quoted(rest)} as ${quoted(piece)}`);
  let rest = text;
  let layoutAt = 0;
  const readLiteral = (until: number | undefined) => {
    const literal = layout.slice(layoutAt, until);
    for (const [part] of literal.matchAll(/ +|[^ ]/gu)) {
      // Any number of spaces stands for any number of them, also for none at the end.
      if (part.startsWith(" ") ? !/^(?: |$)/.test(rest) : !rest.startsWith(part)) refuse(rest, literal);
      rest = part.startsWith(" ") ? rest.replace(/^ +/, "") : rest.slice(part.length);
    }
  };
  for (const match of layout.matchAll(LAYOUT_PIECES)) {
    readLiteral(match.index);
    const [piece] = match;
    layoutAt = match.index + piece.length;
    const length = readPiece(piece, rest, parts, layout.slice(layoutAt));
    if (length === undefined) refuse(rest, piece);
    else rest = rest.slice(length);
  }
  readLiteral(undefined);
  if (rest !== "") throw new OutOfRange(`extra text: ${quoted(rest)}`);
}

/** How much of `text` the piece took; undefined where it does not fit. `behind` is what follows in the layout. */
function readPiece(piece: string, text: string, parts: Parts, behind: string): number | undefined {
  switch (piece) {
    case "2006":
      return number(/^\d{4}/, text, (value) => {
        parts.year = value;
      });
    case "06":
      return number(/^\d\d/, text, (value) => {
        parts.year = value + (value >= 69 ? 1900 : 2000);
      });
    case "01":
    case "1":
      return number(digits(piece), text, (value) => {
        parts.month = between(1, value, 12, "month");
      });
    case "January":
    case "Jan":
      return name(MONTHS, piece.length, text, (index) => {
        parts.month = index + 1;
      });
    case "Monday":
    case "Mon":
      return name(WEEKDAYS, piece.length, text, () => {});
    case "02":
    case "2":
    case "_2":
      return number(piece === "_2" ? /^ ?\d\d?/ : digits(piece), text, (value) => {
        parts.day = value;
      });
    case "002":
    case "__2":
      return number(piece === "002" ? /^\d{3}/ : /^ {0,2}\d{1,3}/, text, (value) => {
        parts.dayOfYear = value;
      });
    case "15":
    case "03":
    case "3":
      return number(piece === "03" ? /^\d\d/ : /^\d\d?/, text, (value) => {
        parts.hour = between(0, value, piece === "15" ? 23 : 12, "hour");
      });
    case "04":
    case "4":
      return number(digits(piece), text, (value) => {
        parts.minute = between(0, value, 59, "minute");
      });
    case "05":
    case "5":
      return readSecond(piece, text, parts, behind);
    case "PM":
    case "pm": {
      const half = text.slice(0, 2);
      if (!(piece === "PM" ? ["AM", "PM"] : ["am", "pm"]).includes(half)) return undefined;
      parts.half = half.toLowerCase() as "am" | "pm";
      return 2;
    }
    case "MST":
      return readZone(text, parts);
  }
  return /^[.,]/.test(piece) ? readFraction(piece, text, parts) : readOffset(piece, text, parts);
}

function readSecond(piece: string, text: string, parts: Parts, behind: string): number | undefined {
  const length = number(digits(piece), text, (value) => {
    parts.second = between(0, value, 59, "second");
  });
  const [next = ""] = behind.match(LAYOUT_PIECES) ?? [];
  // A fraction may follow that the layout does not have.
  if (length === undefined || /^[.,]/.test(next)) return length;
  return length + (readFraction(".9", text.slice(length), parts) ?? 0);
}

/** `.000` wants so many digits, `.999` takes as many as there are, also none. */
function readFraction(piece: string, text: string, parts: Parts): number | undefined {
  const exact = piece[1] === "0";
  const found = (exact ? new RegExp(`^[.,]\\d{${piece.length - 1}}`) : /^[.,]\d+/).exec(text)?.[0];
  if (found === undefined) return exact ? undefined : 0;
  parts.nanoseconds = Number(found.slice(1, 10).padEnd(9, "0"));
  return found.length;
}

/** An abbreviation: three letters; four or five that end in T; a few by name; an offset in hours. */
function readZone(text: string, parts: Parts): number | undefined {
  if (text.startsWith("UTC")) {
    parts.utc = true;
    return 3;
  }
  const zone =
    /^(?:ChST|MeST|WITA(?![A-Z])|GMT(?:[+-](?:2[0-3]|[01]?\d)(?!\d))?|[+-](?:2[0-3]|[01]?\d)(?!\d)|[A-Z]{3,4}T(?![A-Z])|[A-Z]{3}(?![A-Z]))/.exec(
      text,
    )?.[0];
  if (zone !== undefined && text.length >= 3) parts.zone = zone;
  return zone !== undefined && text.length >= 3 ? zone.length : undefined;
}

/** `-07` and the like, and `Z07`, for which Z stands, too. */
function readOffset(piece: string, text: string, parts: Parts): number | undefined {
  if (piece.startsWith("Z") && text.startsWith("Z")) {
    parts.utc = true;
    return 1;
  }
  const tail = piece.slice(3).replaceAll(/\d\d/g, "(\\d\\d)");
  const match = new RegExp(`^([+-])(\\d\\d)${tail}`).exec(text);
  if (match === null) return undefined;
  const [hours = 0, minutes = 0, seconds = 0] = match.slice(2).map(Number);
  between(0, hours, 24, "time zone offset hour");
  between(0, minutes, 60, "time zone offset minute");
  between(0, seconds, 60, "time zone offset second");
  parts.offset = (match[1] === "-" ? -1 : 1) * (hours * 3600 + minutes * 60 + seconds);
  return match[0].length;
}

function momentOfParts(parts: Parts): Moment {
  const { year, minute, second, nanoseconds, utc } = parts;
  const hour =
    parts.half === "pm" && parts.hour < 12
      ? parts.hour + 12
      : parts.half === "am" && parts.hour === 12
        ? 0
        : parts.hour;
  const { month, day } = dateOfParts(parts);
  const secondOfDay = hour * 3600 + minute * 60 + second;
  const at = (offset: number, zone: string) =>
    momentOfClock({ year, month, day }, secondOfDay, nanoseconds, offset, zone);
  const { offset, zone = "" } = parts;
  if (utc) return at(0, "UTC");
  if (offset !== undefined) return offset === 0 && zone === "" ? at(0, LOCAL) : at(offset, zone);
  if (zone === "") return at(0, LOCAL);
  // The clock is not moved by the hours of GMT+3; they are only shown.
  return { ...at(0, zone), offset: zone.startsWith("GMT") ? Number(zone.slice(3)) * 3600 : 0 };
}

function dateOfParts({ year, month, day, dayOfYear }: Parts): { readonly month: number; readonly day: number } {
  if (dayOfYear === undefined) {
    const date = { month: month ?? 1, day: day ?? 1 };
    between(1, date.day, daysInMonth(year, date.month), "day");
    return date;
  }
  between(1, dayOfYear, daysInMonth(year, 2) + 337, "day-of-year");
  const date = dateOfDays(daysOfDate({ year, month: 1, day: 1 }) + dayOfYear - 1);
  if (month !== undefined && month !== date.month) throw new OutOfRange("day-of-year does not match month");
  if (day !== undefined && day !== date.day) throw new OutOfRange("day-of-year does not match day");
  return date;
}

/** Two digits, or where the piece has but one, also one. */
function digits(piece: string): RegExp {
  return piece.length === 2 ? /^\d\d/ : /^\d\d?/;
}

function number(pattern: RegExp, text: string, set: (value: number) => void): number | undefined {
  const found = pattern.exec(text)?.[0];
  if (found !== undefined) set(Number(found));
  return found?.length;
}

/** One of the names, or of their first `length` letters where the piece is short. */
function name(
  names: readonly string[],
  length: number,
  text: string,
  set: (index: number) => void,
): number | undefined {
  const shown = names.map((one) => (length === 3 ? one.slice(0, 3) : one));
  const index = shown.findIndex((one) => text.slice(0, one.length).toLowerCase() === one.toLowerCase());
  if (index < 0) return undefined;
  set(index);
  return shown[index]!.length;
}

function between(least: number, value: number, most: number, what: string): number {
  if (value < least || value > most) throw new OutOfRange(`${what} out of range`);
  return value;
}

/** Package time has its own: everything beyond ASCII byte by byte. */
function quoted(text: string): string {
  const escaped = text.replace(/["\\]|[^\x20-\x7f]/gu, (character) =>
    character === '"' || character === "\\"
      ? `\\${character}`
      : Array.from(encodeText(character), (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join(""),
  );
  return `"${escaped}"`;
}
