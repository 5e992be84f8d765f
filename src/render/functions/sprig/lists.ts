/** Sprig's functions on lists. */
import type { CallContext, TemplateFunction } from "../../go/function.ts";
import { boundedSize } from "../../go/size.ts";
import { anySlice, fail, isTrue, Slice, type Value } from "../../go/values.ts";
import { listOf, textOf, toInt64 } from "./convert.ts";
import { ANY, alias, sprig, sprigVariadic } from "./define.ts";
import { deepEqual } from "./equality.ts";

/** Longer sequences are not made. */
const MAX_COUNT = 1_000_000n;

export const SPRIG_LISTS: readonly TemplateFunction[] = [
  ...alias(
    sprigVariadic("list", [], ANY, (values) => anySlice(values)),
    "tuple",
  ),
  ...withMust(sprig("first", [ANY], ([list]) => listOf(list, "find first")[0] ?? null)),
  ...withMust(sprig("last", [ANY], ([list]) => listOf(list, "find last").at(-1) ?? null)),
  ...withMust(sprig("rest", [ANY], ([list]) => anySlice(listOf(list, "find rest").slice(1)))),
  ...withMust(sprig("initial", [ANY], ([list]) => anySlice(listOf(list, "find initial").slice(0, -1)))),
  ...alias(
    sprig("append", [ANY, ANY], ([list, value]) => anySlice([...listOf(list, "push"), value])),
    "push",
    "mustAppend",
    "mustPush",
  ),
  ...withMust(sprig("prepend", [ANY, ANY], ([list, value]) => anySlice([value, ...listOf(list, "prepend")]))),
  sprigVariadic("concat", [], ANY, (lists) => anySlice(lists.flatMap((list) => listOf(list, "concat type")))),
  ...withMust(sprig("reverse", [ANY], ([list]) => anySlice([...listOf(list, "find reverse")].reverse()))),
  ...withMust(
    sprig("uniq", [ANY], ([list], context) => anySlice(distinct(listOf(list, "find uniq"), comparing(list, context)))),
  ),
  ...withMust(
    sprigVariadic("without", [ANY], ANY, ([list, ...omitted], context) => {
      const spend = comparing(anySlice([list, ...omitted]), context);
      return anySlice(
        listOf(list as Value, "find without").filter((item) => {
          spend(omitted.length);
          return !omitted.some((value) => deepEqual(value, item));
        }),
      );
    }),
  ),
  ...withMust(
    sprig("has", [ANY, ANY], ([value, list], context) => {
      comparing(anySlice([value, list]), context);
      return list !== null && listOf(list, "find has").some((item) => deepEqual(item, value));
    }),
  ),
  ...withMust(sprig("compact", [ANY], ([list]) => anySlice(listOf(list, "compact").filter(isTrue)))),
  ...withMust(sprigVariadic("slice", [ANY], ANY, ([list, ...bounds]) => cut(list as Value, bounds))),
  ...withMust(sprig("chunk", ["int", ANY], ([size, list]) => chunk(Number(size), listOf(list, "chunk type")))),
  sprig("until", ["int"], ([count]) => sequence(0n, count, count < 0n ? -1n : 1n)),
  sprig("untilStep", ["int", "int", "int"], ([from, to, step]) => sequence(from, to, step)),
  sprigVariadic("seq", [], "int", (args) => inclusive(args)),
];

function withMust(one: TemplateFunction): TemplateFunction[] {
  const bare = one.name.slice("sprig_".length);
  return alias(one, `must${bare[0]!.toUpperCase()}${bare.slice(1)}`);
}

/** What is compared has to be bounded, and every comparison is work. */
function comparing(values: Value, { session }: CallContext): (comparisons: number) => void {
  session.budget.spend(boundedSize(values) / 4);
  return (comparisons) => session.budget.spend(comparisons / 4);
}

function distinct(items: readonly Value[], spend: (comparisons: number) => void): Value[] {
  const kept: Value[] = [];
  for (const item of items) {
    spend(kept.length);
    if (!kept.some((known) => deepEqual(known, item))) kept.push(item);
  }
  return kept;
}

function cut(list: Value, bounds: readonly Value[]): Value {
  const items = listOf(list, "slice");
  const [from = 0, to = items.length] = bounds.map((bound) => Number(toInt64(bound)));
  if (from < 0 || to > items.length || from > to) fail("reflect.Value.Slice: slice index out of bounds");
  return new Slice(list instanceof Slice ? list.element : ANY, items.slice(from, to));
}

function chunk(size: number, items: readonly Value[]): Value {
  if (size < 1) fail("runtime error: integer divide by zero");
  const chunks: Value[] = [];
  for (let at = 0; at < items.length; at += size) chunks.push(anySlice(items.slice(at, at + size)));
  return new Slice("[]interface {}", chunks);
}

function sequence(from: bigint, to: bigint, step: bigint): Slice {
  if (step === 0n || (to - from) / step < 0n) return new Slice("int", []);
  if ((to - from) / step > MAX_COUNT) fail(`more than ${MAX_COUNT} elements`);
  const items: bigint[] = [];
  for (let i = from; step > 0n ? i < to : i > to; i += step) items.push(i);
  return new Slice("int", items);
}

/** As the command seq, separated by spaces. */
function inclusive(args: readonly bigint[]): string {
  if (args.length === 0 || args.length > 3) return "";
  const [from, step, to] =
    args.length === 1
      ? [1n, undefined, args[0]!]
      : args.length === 2
        ? [args[0]!, undefined, args[1]!]
        : [args[0]!, args[1]!, args[2]!];
  const by = step ?? (to < from ? -1n : 1n);
  if (by === 0n || (step !== undefined && by > 0n !== to >= from && to !== from)) return "";
  return sequence(from, to + (by > 0n ? 1n : -1n), by)
    .items.map(textOf)
    .join(" ");
}
