/** A point in time and the zone in which it is shown. */
import { type CivilDate, dateOfDays, daysInMonth, daysOfDate } from "./civil.ts";

/** A moment, and the zone in which it is shown. */
export interface Moment {
  /** Since 1970. */
  readonly seconds: bigint;
  readonly nanoseconds: number;
  /** Of the zone, in seconds east of UTC. */
  readonly offset: number;
  /** Its name; empty where only the offset is known. */
  readonly zone: string;
}

/** The machine's own zone, which is UTC in a container, and shown so. */
export const LOCAL = "Local";

export interface Clocked extends CivilDate {
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  /** 0 is Sunday. */
  readonly weekday: number;
  /** 1 to 366. */
  readonly dayOfYear: number;
}

/** The moment that a clock of milliseconds shows, in UTC. */
export function momentOfMilliseconds(milliseconds: number): Moment {
  const seconds = Math.floor(milliseconds / 1000);
  return {
    seconds: BigInt(seconds),
    nanoseconds: Math.round((milliseconds - seconds * 1000) * 1e6),
    offset: 0,
    zone: "UTC",
  };
}

export function clocked(moment: Moment): Clocked {
  const local = Number(moment.seconds) + moment.offset;
  const days = Math.floor(local / 86400);
  const second = local - days * 86400;
  const date = dateOfDays(days);
  return {
    ...date,
    hour: Math.floor(second / 3600),
    minute: Math.floor(second / 60) % 60,
    second: second % 60,
    weekday: (((days + 4) % 7) + 7) % 7,
    dayOfYear: days - daysOfDate({ year: date.year, month: 1, day: 1 }) + 1,
  };
}

/** The moment of a date and time of day shown in a zone. */
export function momentOfClock(
  date: CivilDate,
  secondOfDay: number,
  nanoseconds: number,
  offset: number,
  zone: string,
): Moment {
  return { seconds: BigInt(daysOfDate(date) * 86400 + secondOfDay - offset), nanoseconds, offset, zone };
}

/** As RFC 3339; undefined where it is none. */
export function parseRfc3339(text: string): Moment | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (!match) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month) || hour > 23 || minute > 59 || second > 59)
    return undefined;
  const nanoseconds = Number((match[7] ?? "").slice(0, 9).padEnd(9, "0"));
  const zone = match[8]!;
  const offset =
    zone === "Z" ? 0 : (zone[0] === "-" ? -1 : 1) * (Number(zone.slice(1, 3)) * 3600 + Number(zone.slice(4)) * 60);
  return momentOfClock(
    { year, month, day },
    hour * 3600 + minute * 60 + second,
    nanoseconds,
    offset,
    zone === "Z" ? "UTC" : offset === 0 ? LOCAL : "",
  );
}

/** So many years, months and days later by the calendar; the 31st of a shorter month is a day of the next one. */
export function addDate(moment: Moment, years: number, months: number, days: number): Moment {
  const at = clocked(moment);
  const month = at.month - 1 + months;
  const first = daysOfDate({
    year: at.year + years + Math.floor(month / 12),
    month: (((month % 12) + 12) % 12) + 1,
    day: 1,
  });
  return { ...moment, seconds: moment.seconds + BigInt((first + at.day - 1 + days - daysOfDate(at)) * 86400) };
}

/** Nanoseconds since 1970. */
export function unixNano(moment: Moment): bigint {
  return moment.seconds * 1_000_000_000n + BigInt(moment.nanoseconds);
}

export function addNanoseconds(moment: Moment, by: bigint): Moment {
  const total = unixNano(moment) + by;
  const seconds = total >= 0n ? total / 1_000_000_000n : (total - 999_999_999n) / 1_000_000_000n;
  return { ...moment, seconds, nanoseconds: Number(total - seconds * 1_000_000_000n) };
}
