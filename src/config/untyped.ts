/**
 * Values that Vault Agent reads before it knows what they should be, as Go's map[string]interface{} has them. A key that
 * stands several times has the last value, of the kind that the first one has set.
 */
import type { Item, ListValue, Value } from "./hcl/ast.ts";
import { readInteger, readNumber } from "./numbers.ts";
import { type Attribute, describeValue, withoutLabels } from "./reader.ts";

type Report = (message: string, hint: string, line: number) => void;

/** The value of a key that stands once or more; a fault is reported, and then there is none. */
export function settled(name: string, found: readonly Attribute[], report: Report): Attribute | undefined {
  let result: Attribute | undefined;
  for (const { value, line } of found) {
    const outcome = result === undefined ? checked(value) : together(result.value, value);
    if ("fault" in outcome) {
      const before = result === undefined ? "" : `, after ${describeValue(result.value)} in line ${result.line}`;
      report(outcome.fault.replace("%", name), `got ${describeValue(value)}${before}`, line);
      return undefined;
    }
    result = { value: outcome.value, line };
  }
  return result;
}

/** Blocks and lists inside of a map are lists of maps, numbers are numbers. */
export function untypedMap(items: readonly Item[], report: Report): Readonly<Record<string, unknown>> {
  const names = [...new Set(items.map(({ keys }) => keys[0]!.text))];
  return Object.fromEntries(
    names.map((name) => {
      const found = items
        .filter(({ keys }) => keys[0]!.text === name)
        .map((item) => ({ value: withoutLabels(item), line: item.keys[0]!.position.line }));
      const attribute = settled(name, found, report);
      return [name, attribute && plain(attribute.value, report)];
    }),
  );
}

type Outcome = { readonly value: Value } | { readonly fault: string };

/** A number has to be one that Go's types hold. */
function checked(value: Value): Outcome {
  if (value.kind !== "integer" && value.kind !== "float") return { value };
  const number = readNumber(value);
  return "fault" in number ? number : { value };
}

/** What comes later, read as what stands there already. */
function together(first: Value, next: Value): Outcome {
  const { position } = next;
  switch (first.kind) {
    case "bool":
      return next.kind === "bool" ? { value: next } : UNKNOWN;
    case "float":
      if (next.kind !== "float" && next.kind !== "integer") return UNKNOWN;
      return checked({ kind: "float", text: next.text, position });
    case "integer": {
      if (next.kind !== "integer" && next.kind !== "string" && next.kind !== "null") return UNKNOWN;
      const text = next.kind === "null" ? "" : next.text;
      const number = readInteger(text);
      return "fault" in number ? number : { value: { kind: "integer", text, position } };
    }
    case "string":
    case "null":
      if (next.kind === "null") return { value: next };
      return next.kind === "string" || next.kind === "integer"
        ? { value: { kind: "string", text: next.text, position } }
        : { fault: "%: unknown type for string" };
    default:
      return next.kind === "list" || next.kind === "object"
        ? { value: { kind: "list", elements: [...elementsOf(first), ...elementsOf(next)], position } }
        : { fault: "%: unknown slice type" };
  }
}

const UNKNOWN: Outcome = { fault: "%: unknown type" };

function elementsOf(value: ListValue | (Value & { readonly kind: "object" })): readonly Value[] {
  return value.kind === "list" ? value.elements : [value];
}

function plain(value: Value, report: Report): unknown {
  switch (value.kind) {
    case "object":
      return [untypedMap(value.items, report)];
    case "list":
      return value.elements.map((element) =>
        element.kind === "object" ? untypedMap(element.items, report) : plain(element, report),
      );
    case "string":
      return value.text;
    case "integer":
    case "float": {
      const number = readNumber(value);
      if ("value" in number) return number.value;
      report(number.fault, "", value.position.line);
      return undefined;
    }
    case "bool":
      return value.value;
    case "null":
      return "";
  }
}
