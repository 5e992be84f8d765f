/** Sprig's functions on lists. */
import type { CallContext, TemplateFunction } from "../../go/function.ts";
import { boundedSize } from "../../go/size.ts";
import { anySlice, fail, isTrue, Slice, type Value } from "../../go/values.ts";
import { listOf, listOr, textOf, toInt64 } from "./convert.ts";
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
  ...withMust(sprig("rest", [ANY], ([list]) => some(listOf(list, "find rest"), (items) => items.slice(1)))),
  ...withMust(sprig("initial", [ANY], ([list]) => some(listOf(list, "find initial"), (items) => items.slice(0, -1)))),
  ...alias(
    sprig("append", [ANY, ANY], ([list, value]) => anySlice([...listOf(list, "push"), value])),
    "push",
    "mustAppend",
    "mustPush",
  ),
  ...withMust(sprig("prepend", [ANY, ANY], ([list, value]) => anySlice([value, ...listOf(list, "prepend")]))),
  sprigVariadic("concat", [], ANY, (lists) =>
    some(
      lists.flatMap((list) => listOr(list, (kind) => `Cannot concat type ${kind} as list`)),
      (items) => items,
    ),
  ),
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
  ...withMust(
    sprig("chunk", ["int", ANY], ([size, list]) =>
      chunk(
        Number(size),
        listOr(list, (kind) => `Cannot chunk type ${kind}`),
      ),
    ),
  ),
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

/** Of an empty list Go's nil slice, which is `null` in JSON. */
function some(items: readonly Value[], take: (items: readonly Value[]) => readonly Value[]): Slice {
  return new Slice(ANY, take(items), items.length === 0);
}

function cut(list: Value, bounds: readonly Value[]): Value {
  const items = listOr(list, (kind) => `list should be type of slice or array but ${kind}`);
  if (items.length === 0) return null;
  const [from = 0, to = items.length] = bounds.slice(0, 2).map((bound) => Number(toInt64(bound)));
  if (from < 0 || to > items.length || from > to) fail("reflect.Value.Slice: slice index out of bounds");
  return new Slice(list instanceof Slice ? list.element : ANY, items.slice(from, to));
}

function chunk(size: number, items: readonly Value[]): Value {
  const count = Math.floor((items.length - 1) / size) + 1;
  if (!Number.isFinite(count) || count < 0 || (count > 0 && size < 0)) {
    fail("runtime error: makeslice: len out of range");
  }
  const chunks = Array.from({ length: count }, (_, i) => anySlice(items.slice(i * size, (i + 1) * size)));
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
  const [first = 0n, second = 0n, third = 0n] = args;
  if (args.length === 1) return counted(1n, first, first < 1n ? -1n : 1n);
  if (args.length === 2) return counted(first, second, second < first ? -1n : 1n);
  return args.length === 3 ? counted(first, third, second) : "";
}

function counted(from: bigint, to: bigint, step: bigint): string {
  return sequence(from, to + (to < from ? -1n : 1n), step)
    .items.map(textOf)
    .join(" ");
}
