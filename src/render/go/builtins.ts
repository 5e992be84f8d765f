/** The functions that every Go template has. The evaluator itself keeps `and` and `or` short, and refuses `call`. */
import { type Result, unboxed } from "./boxed.ts";
import { equalsAny, less } from "./compare.ts";
import { escapeHtml, escapeJs, escapeQuery } from "./escape.ts";
import { sprint } from "./format.ts";
import { define, defineVariadic, type TemplateFunction } from "./function.ts";
import { index, length, slice } from "./indexing.ts";
import { sprintf } from "./printf.ts";
import { isTrue, type Value } from "./values.ts";

const V = "reflect.Value";

export const BUILTINS: ReadonlyMap<string, TemplateFunction> = new Map(
  [
    defineVariadic("and", [V], V, (values) => deciding(values, false)),
    defineVariadic("or", [V], V, (values) => deciding(values, true)),
    defineVariadic("call", [V], V, ([first]) => first),
    define("not", [V], ([value]) => !isTrue(unboxed(value) ?? null)),
    define("len", [V], ([value]) => length(value)),
    defineVariadic("index", [V], V, ([item, ...indexes]) => index(item, indexes)),
    defineVariadic("slice", [V], V, ([item, ...indexes]) => slice(item, indexes)),
    defineVariadic("print", [], "interface {}", (args) => sprint(args as readonly Value[])),
    defineVariadic("println", [], "interface {}", (args) => `${args.map((arg) => sprint([arg])).join(" ")}\n`),
    defineVariadic("printf", ["string"], "interface {}", ([format, ...args]) => sprintf(format, args)),
    defineVariadic("html", [], V, (args) => escapeHtml(args)),
    defineVariadic("js", [], V, (args) => escapeJs(args)),
    defineVariadic("urlquery", [], V, (args) => escapeQuery(args)),
    defineVariadic("eq", [V], V, ([first, ...others]) => equalsAny(first, others)),
    define("ne", [V, V], ([a, b]) => !equalsAny(a, [b])),
    define("lt", [V, V], ([a, b]) => less(a, b)),
    define("le", [V, V], ([a, b]) => less(a, b) || equalsAny(a, [b])),
    define("gt", [V, V], ([a, b]) => !(less(a, b) || equalsAny(a, [b]))),
    define("ge", [V, V], ([a, b]) => !less(a, b)),
  ].map((builtin) => [builtin.name, builtin]),
);

/** The first operand that is true, or that is not, else the last. */
function deciding(values: readonly Result[], wanted: boolean): Result {
  const found = values.findIndex((value) => isTrue(unboxed(value) ?? null) === wanted);
  return values.at(found);
}
