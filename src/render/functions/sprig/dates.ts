/** Sprig's dates. Zones: UTC and Local, which is UTC in a container; the database of zones is not at hand. */
import type { TemplateFunction } from "../../go/function.ts";
import { parseInteger } from "../../go/number.ts";
import { quote } from "../../go/quote.ts";
import { fail, Integer, integerOf, type Struct, stringOf, typeName, type Value } from "../../go/values.ts";
import { formatDuration, parseDuration } from "../duration.ts";
import { addNanoseconds, LOCAL, type Moment, momentOfMilliseconds, unixNano } from "../moment.ts";
import { formatTime } from "../time-format.ts";
import { parseTime } from "../time-parse.ts";
import { isTime, momentOf, timeValue } from "../time-value.ts";
import { ANY, alias, lenient, S, sprig } from "./define.ts";

const ZERO_TIME = timeValue({ seconds: -62135596800n, nanoseconds: 0, offset: 0, zone: "UTC" });
const SECOND = 1_000_000_000n;

export const SPRIG_DATES: readonly TemplateFunction[] = [
  sprig("now", [], (_, { session }) => timeValue({ ...momentOfMilliseconds(session.host.now()), zone: LOCAL })),
  sprig("date", [S, ANY], ([layout, date], { session }) => formatTime(dateOf(date, session.host.now()), layout)),
  ...alias(
    sprig("dateInZone", [S, ANY, S], ([layout, date, zone], { session }) =>
      formatTime(inZone(dateOf(date, session.host.now()), zone), layout),
    ),
    "date_in_zone",
  ),
  sprig("htmlDate", [ANY], ([date], { session }) => formatTime(dateOf(date, session.host.now()), "2006-01-02")),
  sprig("htmlDateInZone", [ANY, S], ([date, zone], { session }) =>
    formatTime(inZone(dateOf(date, session.host.now()), zone), "2006-01-02"),
  ),
  ...alias(
    sprig("mustDateModify", [S, "time.Time"], ([by, date]) => modify(by, date)),
    "must_date_modify",
  ),
  ...alias(
    sprig("dateModify", [S, "time.Time"], ([by, date]) => (parseDuration(by) === undefined ? date : modify(by, date))),
    "date_modify",
  ),
  ...lenient(
    sprig("mustToDate", [S, S], ([layout, text]) => timeValue(parseTime(layout, text))),
    "toDate",
    ZERO_TIME,
  ),
  sprig("unixEpoch", ["time.Time"], ([date]) => momentOf(date).seconds.toString()),
  sprig("ago", [ANY], ([date], { session }) => {
    const now = momentOfMilliseconds(session.host.now());
    return formatDuration(((unixNano(now) - unixNano(dateOf(date, session.host.now()))) / SECOND) * SECOND);
  }),
  sprig("duration", [ANY], ([seconds]) => formatDuration(secondsOf(seconds) * SECOND)),
  sprig("durationRound", [ANY], ([duration], { session }) => roundDuration(durationOf(duration, session.host.now()))),
];

function dateOf(date: Value, now: number): Moment {
  if (isTime(date)) return momentOf(date);
  const seconds = integerOf(date);
  return seconds === undefined ? momentOfMilliseconds(now) : { seconds, nanoseconds: 0, offset: 0, zone: LOCAL };
}

/** UTC and Local; any other zone is refused, where Sprig would quietly take UTC. */
function inZone(moment: Moment, zone: string): Moment {
  if (!["", "UTC", "Local"].includes(zone)) fail(`unknown time zone ${zone}`);
  return { ...moment, offset: 0, zone: "UTC" };
}

function modify(by: string, date: Struct): Struct {
  const duration = parseDuration(by) ?? fail(`time: invalid duration ${quote(by)}`);
  return timeValue(addNanoseconds(momentOf(date), duration));
}

function secondsOf(value: Value): bigint {
  const text = stringOf(value);
  if (text !== undefined) return parseInteger(text, 10) ?? 0n;
  return int64Of(value);
}

/** Sprig knows texts and int64 here; a number that stands in a template is an int. */
function int64Of(value: Value): bigint {
  return value instanceof Integer && typeName(value) === "int64" ? value.value : 0n;
}

function durationOf(value: Value, now: number): bigint {
  const text = stringOf(value);
  if (text !== undefined) return parseDuration(text) ?? 0n;
  if (isTime(value)) return unixNano(momentOfMilliseconds(now)) - unixNano(momentOf(value));
  return int64Of(value);
}

/** The largest unit alone: `2h`. */
function roundDuration(nanoseconds: bigint): string {
  const size = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  const units: readonly [string, bigint][] = [
    ["y", 31_536_000n],
    ["mo", 2_592_000n],
    ["d", 86_400n],
    ["h", 3_600n],
    ["m", 60n],
    ["s", 1n],
  ];
  for (const [unit, seconds] of units) if (size > seconds * SECOND) return `${size / (seconds * SECOND)}${unit}`;
  return "0s";
}
