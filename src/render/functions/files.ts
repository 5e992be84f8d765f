/** Files, environment, clock, and what one template keeps or calls by itself. */

import { zeroOf } from "../go/convert.ts";
import type { CallContext } from "../go/function.ts";
import { define, defineVariadic, type TemplateFunction } from "../go/function.ts";
import { sortedEntries } from "../go/order.ts";
import {
  anyMap,
  anySlice,
  Channel,
  fail,
  GoMap,
  Integer,
  integerOf,
  type Method,
  type Slice,
  Struct,
  type StructType,
  stringOf,
  typeName,
  type Value,
} from "../go/values.ts";
import { momentOfMilliseconds } from "./moment.ts";
import { parseInt64 } from "./parse.ts";
import { formatTime } from "./time-format.ts";

const S = "string";
const ANY = "interface {}";

export const FILE_FUNCTIONS: readonly TemplateFunction[] = [
  define("file", [S], ([path], { session }) => {
    if (path === "") return "";
    return session.file(path.trim() || fail('file: invalid format: ""')) ?? "";
  }),
  define("env", [S], ([name], { session }) => session.host.env(name) ?? ""),
  define("mustEnv", [S], ([name], { session }) => mustEnv(name, session.host.env(name))),
  define("envOrDefault", [S, S], ([name, otherwise], { session }) => session.host.env(name) ?? otherwise),
  defineVariadic("timestamp", [], S, timestamp),
  defineVariadic("executeTemplate", [S], ANY, executeTemplate),
  defineVariadic("loop", [], ANY, loop),
  define("scratch", [], (_, { session }) => new Struct(SCRATCH, new Map(), true, session.scratch)),
];

function mustEnv(name: string, value: string | undefined): string {
  return value === undefined || value === "" ? fail(`required environment variable ${name} is empty`) : value;
}

/** In UTC, as RFC 3339 unless a layout is given; `unix` gives the seconds. */
function timestamp(args: readonly string[], { session }: CallContext): string {
  if (args.length > 1) fail(`timestamp: wrong number of arguments, expected 0 or 1, but got ${args.length}`);
  const moment = momentOfMilliseconds(session.host.now());
  const [layout = "2006-01-02T15:04:05Z07:00"] = args;
  return layout === "unix" ? moment.seconds.toString() : formatTime(moment, layout);
}

function executeTemplate(
  [name, ...data]: readonly [string, ...Value[]],
  { executeTemplate: execute }: CallContext,
): string {
  if (data.length > 1) {
    fail(`executeTemplate: wrong number of arguments, expected 1 or 2, but got ${data.length + 1}`);
  }
  return execute(name, data[0] ?? null);
}

/** `loop 3` is 0, 1, 2; `loop 5 8` is 5, 6, 7. */
function loop(args: readonly Value[]): Channel {
  if (args.length !== 1 && args.length !== 2) {
    fail(`loop: wrong number of arguments, expected 1 or 2, but got ${args.length}`);
  }
  const [from, to] = args.length === 1 ? [0n, loopBound(args[0]!)] : [loopBound(args[0]!), loopBound(args[1]!)];
  return new Channel("int64", count(from, to));
}

function loopBound(value: Value): bigint {
  const integer = integerOf(value);
  if (integer !== undefined) return integer;
  const text = stringOf(value);
  if (text === undefined) return fail(`loop: bad argument type: ${typeName(value)}`);
  return parseInt64(text);
}

function* count(from: bigint, to: bigint): Iterable<Value> {
  for (let i = from; i < to; i++) yield new Integer("int64", i);
}

/** Values that a template keeps by name; writing one prints nothing. */
const SCRATCH: StructType = {
  name: "template.Scratch",
  fields: ["once", "values"],
  methods: {
    Key: scratchMethod([S], (kept, [name]) => kept.has(name as string)),
    Get: scratchMethod([S], (kept, [name]) => kept.get(name as string) ?? null),
    Set: scratchMethod([S, ANY], (kept, [name, value]) => {
      kept.set(name as string, value ?? null);
      return "";
    }),
    SetX: scratchMethod([S, ANY], (kept, [name, value]) => {
      if (!kept.has(name as string)) kept.set(name as string, value ?? null);
      return "";
    }),
    MapSet: scratchMethod([S, S, ANY], (kept, [name, key, value]) => {
      scratchMap(kept, name as string).entries.set(key as string, value ?? null);
      return "";
    }),
    MapSetX: scratchMethod([S, S, ANY], (kept, [name, key, value]) => {
      const { entries } = scratchMap(kept, name as string);
      if (!entries.has(key as string)) entries.set(key as string, value ?? null);
      return "";
    }),
    MapValues: scratchMethod([S], (kept, [name]) => {
      const map = kept.get(name as string);
      if (!(map instanceof GoMap)) return zeroOf("[]interface {}") as Slice;
      return anySlice(sortedEntries(map).map(([, value]) => value));
    }),
  },
};

function scratchMethod(
  parameters: Method["parameters"],
  call: (kept: Map<string, Value>, args: readonly Value[]) => Value,
): Method {
  return { parameters, call: (scratch, args) => call((scratch as Struct).hidden as Map<string, Value>, args) };
}

function scratchMap(kept: Map<string, Value>, name: string): GoMap {
  const known = kept.get(name);
  if (known instanceof GoMap) return known;
  if (known !== undefined) fail(`${name} is not a map`);
  const map = anyMap();
  kept.set(name, map);
  return map;
}
