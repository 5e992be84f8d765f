/** Reading a time by a layout of Go's time package. */
import { encodeText } from "../go/text.ts";
import { fail } from "../go/values.ts";
import { daysInMonth } from "./civil.ts";
import { type Moment, momentOfClock } from "./moment.ts";
import { LAYOUT_PIECES, MONTHS, WEEKDAYS } from "./time-format.ts";

interface Parts {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
  nanoseconds: number;
  afternoon: boolean | undefined;
  offset: number;
  zone: string;
}

/** Throws a FunctionError with Go's message. */
export function parseTime(layout: string, text: string): Moment {
  const parts: Parts = {
    year: 0,
    month: 1,
    day: 1,
    hour: 0,
    minute: 0,
    second: 0,
    nanoseconds: 0,
    afternoon: undefined,
    offset: 0,
    zone: "UTC",
  };
  const refuse = (rest: string, piece: string): never =>
    fail(`parsing time ${quoted(text)} as ${quoted(layout)}: cannot parse ${quoted(rest)} as ${quoted(piece)}`);
  const checkRange = (range: string | undefined) => {
    if (range !== undefined) fail(`parsing time ${quoted(text)}: ${range} out of range`);
  };
  let at = 0;
  let layoutAt = 0;
  const skipLiteral = (literal: string) => {
    for (const [part] of literal.matchAll(/ +|[^ ]/g)) {
      // Any number of spaces stands for any number of them, also for none at the end.
      if (part.startsWith(" ") ? at < text.length && text[at] !== " " : text[at] !== part) {
        refuse(text.slice(at), literal);
      }
      if (part.startsWith(" ")) while (text[at] === " ") at++;
      else at++;
    }
  };
  for (const match of layout.matchAll(LAYOUT_PIECES)) {
    skipLiteral(layout.slice(layoutAt, match.index));
    layoutAt = match.index + match[0].length;
    const length = readPiece(match[0], text.slice(at), parts);
    if (length === undefined) refuse(text.slice(at), match[0]);
    else at += length;
    checkRange(outOfRange(parts));
  }
  skipLiteral(layout.slice(layoutAt));
  if (at < text.length) fail(`parsing time ${quoted(text)}: extra text: ${quoted(text.slice(at))}`);
  if (parts.afternoon !== undefined) parts.hour = (parts.hour % 12) + (parts.afternoon ? 12 : 0);
  checkRange(parts.day < 1 || parts.day > daysInMonth(parts.year, parts.month) ? "day" : undefined);
  const seconds = parts.hour * 3600 + parts.minute * 60 + parts.second;
  return momentOfClock(parts, seconds, parts.nanoseconds, parts.offset, parts.zone);
}

/** How much of `text` the piece took; undefined where it does not fit. */
function readPiece(piece: string, text: string, parts: Parts): number | undefined {
  const digits = (pattern: RegExp, set: (value: number) => void): number | undefined => {
    const found = pattern.exec(text)?.[0];
    if (found === undefined) return undefined;
    set(Number(found));
    return found.length;
  };
  const name = (names: readonly string[], length: number | undefined, set: (index: number) => void) => {
    const index = names.findIndex((one) => text.toLowerCase().startsWith(one.slice(0, length).toLowerCase()));
    if (index < 0) return undefined;
    set(index);
    return names[index]!.slice(0, length).length;
  };
  switch (piece) {
    case "2006":
      return digits(/^\d{4}/, (value) => {
        parts.year = value;
      });
    case "06":
      return digits(/^\d\d/, (value) => {
        parts.year = value + (value >= 69 ? 1900 : 2000);
      });
    case "01":
      return digits(/^\d\d/, (value) => {
        parts.month = value;
      });
    case "1":
      return digits(/^\d\d?/, (value) => {
        parts.month = value;
      });
    case "January":
      return name(MONTHS, undefined, (index) => {
        parts.month = index + 1;
      });
    case "Jan":
      return name(MONTHS, 3, (index) => {
        parts.month = index + 1;
      });
    case "Monday":
      return name(WEEKDAYS, undefined, () => {});
    case "Mon":
      return name(WEEKDAYS, 3, () => {});
    case "02":
      return digits(/^\d\d/, (value) => {
        parts.day = value;
      });
    case "2":
    case "_2":
      return digits(/^ ?\d\d?/, (value) => {
        parts.day = value;
      });
    case "15":
    case "03":
      return digits(/^\d\d/, (value) => {
        parts.hour = value;
      });
    case "3":
      return digits(/^\d\d?/, (value) => {
        parts.hour = value;
      });
    case "04":
      return digits(/^\d\d/, (value) => {
        parts.minute = value;
      });
    case "4":
      return digits(/^\d\d?/, (value) => {
        parts.minute = value;
      });
    case "05":
    case "5": {
      const taken = digits(piece === "05" ? /^\d\d/ : /^\d\d?/, (value) => {
        parts.second = value;
      });
      const fraction = taken === undefined ? undefined : /^[.,]\d+/.exec(text.slice(taken))?.[0];
      if (fraction !== undefined) parts.nanoseconds = Number(fraction.slice(1, 10).padEnd(9, "0"));
      return taken === undefined ? undefined : taken + (fraction?.length ?? 0);
    }
    case "PM":
    case "pm":
      return name(["AM", "PM"], undefined, (index) => {
        parts.afternoon = index === 1;
      });
    case "MST": {
      const zone = /^(?:UTC|[A-Z]{3,4}|[+-]\d\d)/.exec(text)?.[0];
      if (zone !== undefined) parts.zone = zone;
      return zone?.length;
    }
  }
  if (/^[.,][09]/.test(piece)) return /^[.,]\d+/.test(text) ? undefined : 0;
  return readOffset(piece, text, parts);
}

function readOffset(piece: string, text: string, parts: Parts): number | undefined {
  if (piece.startsWith("Z") && text.startsWith("Z")) return 1;
  const tail = piece.slice(3);
  const pattern = tail.startsWith(":") ? /^([+-])(\d\d):(\d\d)/ : tail === "" ? /^([+-])(\d\d)/ : /^([+-])(\d\d)(\d\d)/;
  const match = pattern.exec(text);
  if (match === null) return undefined;
  parts.offset = (match[1] === "-" ? -1 : 1) * (Number(match[2]) * 3600 + Number(match[3] ?? 0) * 60);
  if (parts.zone === "UTC" && parts.offset !== 0) parts.zone = "";
  return match[0].length;
}

function outOfRange({ month, hour, minute, second }: Parts): string | undefined {
  if (month < 1 || month > 12) return "month";
  if (hour > 23) return "hour";
  if (minute > 59) return "minute";
  return second > 59 ? "second" : undefined;
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
