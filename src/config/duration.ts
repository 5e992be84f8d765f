/**
 * Go's durations. A configuration counts them in nanoseconds, because Vault Agent reads some bare numbers as such;
 * the rest of the program counts in milliseconds.
 */

import { type NumberOutcome, readInteger } from "./numbers.ts";

/** A number of nanoseconds. */
export type Nanoseconds = number;

const UNITS: Readonly<Record<string, Nanoseconds>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

export const SECOND: Nanoseconds = 1e9;

/** Go's int64. */
const LONGEST: Nanoseconds = 2 ** 63;

const PART = /(?=\.?\d)(\d*)(?:\.(\d*))?([^\d.]*)/y;

/** As time.ParseDuration: `1h30m`, `-5s`, `.5s`, `0`; undefined is not a duration. */
export function parseDuration(text: string): Nanoseconds | undefined {
  const outcome = read(text);
  return "value" in outcome ? outcome.value : undefined;
}

/** What Go says of a text that is not a duration. */
export function durationFault(text: string): string {
  const outcome = read(text);
  const fault = "fault" in outcome ? outcome.fault : "invalid";
  return `time: ${fault} duration ${JSON.stringify(text)}`;
}

function read(text: string): NumberOutcome {
  const digits = text.replace(/^[+-]/, "");
  if (digits === "0") return { value: 0 };
  if (digits === "") return { fault: "invalid" };
  let total = 0;
  for (let at = 0; at < digits.length; at = PART.lastIndex) {
    PART.lastIndex = at;
    const part = PART.exec(digits);
    if (!part) return { fault: "invalid" };
    const [, whole = "", fraction = "", name = ""] = part;
    if (name === "") return { fault: "missing unit in" };
    const unit = Object.hasOwn(UNITS, name) ? UNITS[name] : undefined;
    if (unit === undefined) return { fault: `unknown unit ${JSON.stringify(name)} in` };
    // In this order a fraction of nine digits is exact, as it is in Go.
    total += Number(whole) * unit + Math.trunc(Number(fraction) * (unit / 10 ** fraction.length));
  }
  if (total >= LONGEST) return { fault: "invalid" };
  return { value: text.startsWith("-") ? -total : total };
}

/** As Vault's ParseDurationSecond: a whole number is seconds, `d` is days, an empty text is none. */
export function readDurationOrSeconds(written: string | number): NumberOutcome {
  if (typeof written === "number") return inSeconds(written);
  if (written === "") return { value: 0 };
  const seconds = readInteger(written, 10);
  if ("value" in seconds) return inSeconds(seconds.value);
  if (!written.endsWith("d")) return parsed(written);
  const days = readInteger(written.slice(0, -1), 10);
  return "value" in days ? inSeconds(days.value * 24 * 3600) : days;
}

/** As readDurationOrSeconds, where there is nobody to tell. */
export function parseDurationOrSeconds(text: string): Nanoseconds | undefined {
  const outcome = readDurationOrSeconds(text);
  return "value" in outcome ? outcome.value : undefined;
}

function parsed(text: string): NumberOutcome {
  const outcome = read(text);
  return "fault" in outcome ? { fault: durationFault(text) } : outcome;
}

function inSeconds(count: number): NumberOutcome {
  const value = count * SECOND;
  return Math.abs(value) < LONGEST
    ? { value }
    : { fault: "multiplication of durations resulted in overflow, one operand may be too large" };
}

/** As time.Duration prints itself: `1m30s`, `24h0m0s`, `1.5ms`, `0s`. */
export function formatDuration(duration: Nanoseconds): string {
  if (duration === 0) return "0s";
  const sign = duration < 0 ? "-" : "";
  const length = Math.abs(duration);
  if (length < 1e3) return `${sign}${length}ns`;
  if (length < 1e6) return `${sign}${decimal(length, 1e3)}µs`;
  if (length < SECOND) return `${sign}${decimal(length, 1e6)}ms`;
  const minutes = Math.floor(length / 60e9);
  const seconds = `${decimal(length - minutes * 60e9, SECOND)}s`;
  if (minutes === 0) return `${sign}${seconds}`;
  const hours = Math.floor(minutes / 60);
  return hours === 0 ? `${sign}${minutes}m${seconds}` : `${sign}${hours}h${minutes % 60}m${seconds}`;
}

/** What the rest of the program counts in. */
export function toMilliseconds(duration: Nanoseconds): number {
  return duration / 1e6;
}

/** `value / unit` without the rounding of a division: whole part, then as many digits as are needed. */
function decimal(value: number, unit: number): string {
  const fraction = String(value % unit)
    .padStart(Math.log10(unit), "0")
    .replace(/0+$/, "");
  const whole = String(Math.floor(value / unit));
  return fraction === "" ? whole : `${whole}.${fraction}`;
}
