/** Layouts of Go's time package: the reference time `Mon Jan 2 15:04:05 MST 2006` says how a time is written. */
import { clocked, LOCAL, type Moment } from "./moment.ts";

export const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
] as const;

export const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"] as const;

/**
 * The pieces of a layout that stand for a part of the time, longest first where one begins another. "Jan" is none where a
 * small letter follows, as in "Janet", and the line of "_2006" stands for itself.
 */
export const LAYOUT_PIECES =
  /January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|002|01|02|03|04|05|06|2006|__2|_2(?!006)|15|-07:00:00|-070000|-07:00|-0700|-07|Z07:00:00|Z070000|Z07:00|Z0700|Z07|PM|pm|[.,](?:0+|9+)(?![0-9])|1|2|3|4|5/g;

export function formatTime(moment: Moment, layout: string): string {
  const at = clocked(moment);
  const month = MONTHS[at.month - 1]!;
  const weekday = WEEKDAYS[at.weekday]!;
  const hour12 = at.hour % 12 === 0 ? 12 : at.hour % 12;
  return layout.replace(LAYOUT_PIECES, (piece) => {
    switch (piece) {
      case "January":
        return month;
      case "Jan":
        return month.slice(0, 3);
      case "Monday":
        return weekday;
      case "Mon":
        return weekday.slice(0, 3);
      case "MST":
        return (moment.zone === LOCAL ? "UTC" : moment.zone) || zoneOffset(moment.offset, "00");
      case "2006":
        return padded(at.year, 4);
      case "06":
        return padded(at.year % 100, 2);
      case "01":
        return padded(at.month, 2);
      case "1":
        return String(at.month);
      case "02":
        return padded(at.day, 2);
      case "_2":
        return String(at.day).padStart(2, " ");
      case "2":
        return String(at.day);
      case "002":
        return padded(at.dayOfYear, 3);
      case "__2":
        return String(at.dayOfYear).padStart(3, " ");
      case "15":
        return padded(at.hour, 2);
      case "03":
        return padded(hour12, 2);
      case "3":
        return String(hour12);
      case "04":
        return padded(at.minute, 2);
      case "4":
        return String(at.minute);
      case "05":
        return padded(at.second, 2);
      case "5":
        return String(at.second);
      case "PM":
        return at.hour >= 12 ? "PM" : "AM";
      case "pm":
        return at.hour >= 12 ? "pm" : "am";
    }
    if (piece.startsWith("Z")) return moment.offset === 0 ? "Z" : zoneOffset(moment.offset, piece.slice(3));
    if (piece.startsWith("-07")) return zoneOffset(moment.offset, piece.slice(3));
    return fraction(moment.nanoseconds, piece);
  });
}

/** `.000` writes so many digits, `.999` leaves zeros at the end out. */
function fraction(nanoseconds: number, piece: string): string {
  const digits = padded(nanoseconds, 9).slice(0, piece.length - 1);
  if (piece[1] === "0") return piece[0] + digits;
  const trimmed = digits.replace(/0+$/, "");
  return trimmed === "" ? "" : piece[0] + trimmed;
}

/** `tail` is what the layout has behind `-07`: nothing, `00`, `:00`, `0000` or `:00:00`. */
function zoneOffset(offset: number, tail: string): string {
  const size = Math.abs(offset);
  const parts = [Math.floor(size / 3600), Math.floor(size / 60) % 60, size % 60].map((part) => padded(part, 2));
  const separator = tail.startsWith(":") ? ":" : "";
  const shown = tail.replaceAll(":", "").length / 2 + 1;
  return (offset < 0 ? "-" : "+") + parts.slice(0, shown).join(separator);
}

function padded(value: number, width: number): string {
  return value < 0 ? `-${String(-value).padStart(width, "0")}` : String(value).padStart(width, "0");
}
