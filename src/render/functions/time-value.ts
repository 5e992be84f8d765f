/** Go's time.Time, time.Duration, time.Month and time.Weekday as values of templates. */
import { quote } from "../go/quote.ts";
import {
  Integer,
  integerOf,
  type Method,
  type NamedInteger,
  NilPointer,
  Struct,
  type StructType,
  type Value,
} from "../go/values.ts";
import { formatDuration } from "./duration.ts";
import { addDate, addNanoseconds, clocked, LOCAL, type Moment, unixNano } from "./moment.ts";
import { formatTime, MONTHS, WEEKDAYS } from "./time-format.ts";

export function timeValue(moment: Moment): Struct {
  const inUtc = moment.zone === "UTC" && moment.offset === 0;
  const fields = new Map<string, Value>([
    ["wall", new Integer("uint64", BigInt(moment.nanoseconds))],
    ["ext", new Integer("int64", moment.seconds + YEAR_1_TO_1970)],
    ["loc", inUtc ? new NilPointer(LOCATION) : locationValue(moment)],
  ]);
  return new Struct(TIME, fields, false, moment);
}

export function isTime(value: Value): value is Struct {
  return value instanceof Struct && value.type === TIME;
}

/** What a time counts from, in seconds. */
const YEAR_1_TO_1970 = 62_135_596_800n;

const LOCATION: StructType = {
  name: "time.Location",
  fields: [],
  string: (location) => location.hidden as string,
  methods: { String: { parameters: [], call: (location) => (location as Struct).hidden as string } },
};

function locationValue({ zone }: Moment): Struct {
  return new Struct(LOCATION, new Map(), true, zone);
}

export function momentOf(time: Value): Moment {
  return (time as Struct).hidden as Moment;
}

/** A time.Duration of so many nanoseconds. */
function durationValue(nanoseconds: bigint): Integer {
  return new Integer("int64", nanoseconds, DURATION);
}

const DURATION: NamedInteger = {
  name: "time.Duration",
  string: formatDuration,
  methods: {
    String: method((value: bigint) => formatDuration(value)),
    Nanoseconds: method((value: bigint) => new Integer("int64", value)),
    Microseconds: method((value: bigint) => new Integer("int64", value / 1000n)),
    Milliseconds: method((value: bigint) => new Integer("int64", value / 1_000_000n)),
    Seconds: method((value: bigint) => Number(value) / 1e9),
    Minutes: method((value: bigint) => Number(value) / 6e10),
    Hours: method((value: bigint) => Number(value) / 3.6e12),
    Abs: method((value: bigint) => durationValue(value < 0n ? -value : value)),
    Truncate: durationStep((value, step) => value - (value % step)),
    Round: durationStep((value, step) => (value < 0n ? -nearest(-value, step) : nearest(value, step))),
  },
};

const MONTH: NamedInteger = {
  name: "time.Month",
  string: monthName,
  methods: { String: method(monthName) },
};

const WEEKDAY: NamedInteger = {
  name: "time.Weekday",
  string: weekdayName,
  methods: { String: method(weekdayName) },
};

const TIME: StructType = {
  name: "time.Time",
  fields: ["wall", "ext", "loc"],
  string: (time) => formatTime(momentOf(time), "2006-01-02 15:04:05.999999999 -0700 MST"),
  goString: (time) => goTime(momentOf(time)),
  json: (time) => formatTime(momentOf(time), "2006-01-02T15:04:05.999999999Z07:00"),
  methods: {
    String: timeMethod((moment) => formatTime(moment, "2006-01-02 15:04:05.999999999 -0700 MST")),
    Format: {
      parameters: ["string"],
      call: (time, [layout]) => formatTime(momentOf(time as Struct), layout as string),
    },
    Year: timeMethod((moment) => BigInt(clocked(moment).year)),
    Month: timeMethod((moment) => new Integer("int", BigInt(clocked(moment).month), MONTH)),
    Day: timeMethod((moment) => BigInt(clocked(moment).day)),
    Hour: timeMethod((moment) => BigInt(clocked(moment).hour)),
    Minute: timeMethod((moment) => BigInt(clocked(moment).minute)),
    Second: timeMethod((moment) => BigInt(clocked(moment).second)),
    Nanosecond: timeMethod((moment) => BigInt(moment.nanoseconds)),
    YearDay: timeMethod((moment) => BigInt(clocked(moment).dayOfYear)),
    Weekday: timeMethod((moment) => new Integer("int", BigInt(clocked(moment).weekday), WEEKDAY)),
    Unix: timeMethod((moment) => new Integer("int64", moment.seconds)),
    UnixMilli: timeMethod((moment) => new Integer("int64", unixNano(moment) / 1_000_000n)),
    UnixNano: timeMethod((moment) => new Integer("int64", unixNano(moment))),
    UnixMicro: timeMethod((moment) => new Integer("int64", unixNano(moment) / 1000n)),
    UTC: timeMethod((moment) => timeValue({ ...moment, offset: 0, zone: "UTC" })),
    Local: timeMethod((moment) => timeValue({ ...moment, offset: 0, zone: LOCAL })),
    Location: timeMethod(locationValue),
    AddDate: {
      parameters: ["int", "int", "int"],
      call: (time, by) => {
        const [years = 0, months = 0, days = 0] = by.map(Number);
        return timeValue(addDate(momentOf(time as Struct), years, months, days));
      },
    },
    GoString: timeMethod(goTime),
    IsDST: timeMethod(() => false),
    Truncate: timeStep((since, step) => since - (since % step)),
    Round: timeStep(nearest),
    IsZero: timeMethod((moment) => moment.seconds === -YEAR_1_TO_1970 && moment.nanoseconds === 0),
    Add: {
      parameters: ["time.Duration"],
      call: (time, [by]) => timeValue(addNanoseconds(momentOf(time as Struct), integerOf(by ?? null) ?? 0n)),
    },
    Sub: {
      parameters: ["time.Time"],
      call: (time, [other]) => durationValue(unixNano(momentOf(time as Struct)) - unixNano(momentOf(other!))),
    },
    Before: {
      parameters: ["time.Time"],
      call: (time, [other]) => unixNano(momentOf(time as Struct)) < unixNano(momentOf(other!)),
    },
    After: {
      parameters: ["time.Time"],
      call: (time, [other]) => unixNano(momentOf(time as Struct)) > unixNano(momentOf(other!)),
    },
    Equal: {
      parameters: ["time.Time"],
      call: (time, [other]) => unixNano(momentOf(time as Struct)) === unixNano(momentOf(other!)),
    },
  },
};

function monthName(value: bigint): string {
  return MONTHS[Number(value) - 1] ?? `%!Month(${value})`;
}

function weekdayName(value: bigint): string {
  return WEEKDAYS[Number(value)] ?? `%!Weekday(${value})`;
}

function goTime(moment: Moment): string {
  const { year, month, day, hour, minute, second } = clocked(moment);
  const zone = ["UTC", LOCAL].includes(moment.zone) ? `time.${moment.zone}` : `time.Location(${quote(moment.zone)})`;
  const clock = [hour, minute, second, moment.nanoseconds].join(", ");
  return `time.Date(${year}, time.${MONTHS[month - 1]}, ${day}, ${clock}, ${zone})`;
}

function method(call: (value: bigint) => Value): Method {
  return { parameters: [], call: (receiver) => call((receiver as Integer).value) };
}

/** Steps of nothing change nothing. */
function durationStep(call: (value: bigint, step: bigint) => bigint): Method {
  return {
    parameters: ["time.Duration"],
    call: (receiver, [by]) => {
      const { value } = receiver as Integer;
      const step = integerOf(by ?? null) ?? 0n;
      return durationValue(step > 0n ? call(value, step) : value);
    },
  };
}

/** As `durationStep`, for what has passed since the year 1. */
function timeStep(call: (since: bigint, step: bigint) => bigint): Method {
  return {
    parameters: ["time.Duration"],
    call: (time, [by]) => {
      const moment = momentOf(time as Struct);
      const step = integerOf(by ?? null) ?? 0n;
      const since = unixNano(moment) + YEAR_1_TO_1970 * 1_000_000_000n;
      return timeValue(step > 0n ? addNanoseconds(moment, call(since, step) - since) : moment);
    },
  };
}

/** The multiple of the step that is nearest, the larger one of two. */
function nearest(value: bigint, step: bigint): bigint {
  const rest = value % step;
  return rest * 2n < step ? value - rest : value + step - rest;
}

function timeMethod(call: (moment: Moment) => Value): Method {
  return { parameters: [], call: (receiver) => call(momentOf(receiver as Struct)) };
}
