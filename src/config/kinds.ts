/**
 * The kinds of values, as Vault Agent's HCL decoder takes them. Each function reads one key; undefined is an absent
 * key or one with a fault, which is then reported.
 */
import { formatDuration, type Nanoseconds, readDurationOrSeconds } from "./duration.ts";
import type { Item, Value } from "./hcl/ast.ts";
import { nearest } from "./nearest.ts";
import { parseInteger, readInteger } from "./numbers.ts";
import { type BlockReader, describeValue, goKind } from "./reader.ts";
import { settled, untypedMap } from "./untyped.ts";

/** A string; a whole number is taken as it is spelt, null as empty. */
export function string(block: BlockReader, key: string): string | undefined {
  return typed(block, key, (value) => textual(block, key, value, "a string"));
}

/** As string, with empty taken for absent. */
export function nonEmptyString(block: BlockReader, key: string): string | undefined {
  return string(block, key) || undefined;
}

/** true or false as a bare word, nothing else. */
export function bool(block: BlockReader, key: string): boolean | undefined {
  return typed(block, key, (value) =>
    value.kind === "bool"
      ? { value: value.value }
      : {
          fault: `${qualified(block, key)}: unknown type`,
          hint: `expected true or false without quotes, got ${describeValue(value)}`,
        },
  );
}

/** A bool, a string that means one, or a number of which only 0 is false. `context` leads a fault in. */
export function looseBool(block: BlockReader, key: string, context = ""): boolean | undefined {
  return loose(block, key, (value) => {
    const outcome = meaningOfBool(value);
    if ("value" in outcome) return outcome;
    return {
      fault: context + outcome.fault,
      hint: `${qualified(block, key)} wants true or false, got ${describeValue(value)}`,
    };
  });
}

const TRUE: ReadonlySet<string> = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const FALSE: ReadonlySet<string> = new Set(["0", "f", "F", "FALSE", "false", "False"]);

/** As Go's strconv.ParseBool; undefined is neither. */
export function parseBool(text: string): boolean | undefined {
  if (TRUE.has(text)) return true;
  return FALSE.has(text) ? false : undefined;
}

/** What a value means where a bool is wanted, or what is wrong with it in Go's words. */
export function meaningOfBool(value: Value): { readonly value: boolean } | { readonly fault: string } {
  switch (value.kind) {
    case "bool":
      return { value: value.value };
    case "null":
      return { value: false };
    case "integer":
    case "float":
      return { value: (parseInteger(value.text) ?? Number(value.text)) !== 0 };
    case "string": {
      const meaning = value.text === "" ? false : parseBool(value.text);
      if (meaning !== undefined) return { value: meaning };
      return { fault: `cannot parse '' as bool: strconv.ParseBool: parsing ${quote(value.text)}: invalid syntax` };
    }
    default:
      return { fault: `'' expected type 'bool', got unconvertible type '${goKind(value)}'` };
  }
}

/** A whole number, or a string that is one; octal and hexadecimal in Go's spelling. */
export function integer(block: BlockReader, key: string): number | undefined {
  return typed(block, key, (value) => {
    const hint = `${qualified(block, key)} wants a whole number, got ${describeValue(value)}`;
    if (value.kind !== "integer" && value.kind !== "string" && value.kind !== "null") {
      return { fault: `${qualified(block, key)}: unknown type`, hint };
    }
    return { hint, ...readInteger(textOf(value) ?? "") };
  });
}

/** As integer; a string has decimal digits alone, and an empty one is 0. `context` leads a fault in. */
export function looseInteger(block: BlockReader, key: string, context = ""): number | undefined {
  return loose(block, key, (value) => {
    const hint = `${qualified(block, key)} wants a whole number, got ${describeValue(value)}`;
    const text = textOf(value);
    if (text === undefined) return { fault: `${context}could not parse value from input`, hint };
    if (text === "") return { value: 0 };
    const outcome = readInteger(text, value.kind === "string" ? 10 : 0);
    return "fault" in outcome ? { fault: context + outcome.fault, hint } : outcome;
  });
}

/** A number with or without a fraction. */
export function float(block: BlockReader, key: string): number | undefined {
  return typed(block, key, (value) => {
    const number = Number(value.kind === "float" ? value.text : textOf(value) || Number.NaN);
    return Number.isNaN(number)
      ? { fault: `${qualified(block, key)}: unknown type`, hint: `expected a number, got ${describeValue(value)}` }
      : { value: number };
  });
}

/** A Go duration or a number of seconds, with `d` for days; a fraction of a bare number is dropped. */
export function duration(block: BlockReader, key: string, context = ""): Nanoseconds | undefined {
  return loose(block, key, (value) => {
    const hint = `${qualified(block, key)} wants a duration such as "30s", or a number of seconds`;
    const text = value.kind === "integer" ? String(parseInteger(value.text)) : textOf(value);
    if (text === undefined && value.kind !== "float") {
      return { fault: `${context}could not parse duration from input`, hint: `${hint}, got ${describeValue(value)}` };
    }
    const outcome = readDurationOrSeconds(text ?? Math.trunc(Number((value as { text: string }).text)));
    return "fault" in outcome ? { fault: context + outcome.fault, hint } : outcome;
  });
}

/** As duration, but of a length in time: not negative. */
export function positiveDuration(block: BlockReader, key: string, context = ""): Nanoseconds | undefined {
  const length = duration(block, key, context);
  if (length === undefined || length >= 0) return length;
  block.fault(`${key} cannot be negative, got ${formatDuration(length)}`, undefined, block.attribute(key)?.line);
  return undefined;
}

/** A list of strings; several lists of one name are put together. */
export function strings(block: BlockReader, key: string): readonly string[] | undefined {
  let all: readonly string[] = [];
  return typed(block, key, (value) => {
    if (value.kind !== "list") {
      return {
        fault: `${qualified(block, key)}: unknown slice type`,
        hint: `expected a list of strings, got ${describeValue(value)}`,
      };
    }
    for (const element of value.elements) {
      const text = textual(block, key, element, "a list of strings");
      if ("fault" in text) return text;
      all = [...all, text.value];
    }
    return { value: all };
  });
}

type Outcome<T> = { readonly value: T } | { readonly fault: string; readonly hint?: string };

/** Reads each value of a key by a rule: the last one holds, and what is wrong with any is reported. */
function typed<T>(block: BlockReader, key: string, rule: (value: Value) => Outcome<T>): T | undefined {
  let result: T | undefined;
  for (const { value, line } of block.attributes(key)) {
    const outcome = rule(value);
    if ("fault" in outcome) {
      block.fault(outcome.fault, outcome.hint, line);
      return undefined;
    }
    result = outcome.value;
  }
  return result;
}

/** Reads a key that takes values of several kinds. */
export function loose<T>(block: BlockReader, key: string, rule: (value: Value) => Outcome<T>): T | undefined {
  const found = settled(qualified(block, key), block.attributes(key), block.fault);
  if (!found) return undefined;
  const outcome = rule(found.value);
  if ("value" in outcome) return outcome.value;
  block.fault(outcome.fault, outcome.hint, found.line);
  return undefined;
}

function textual(block: BlockReader, key: string, value: Value, expected: string): Outcome<string> {
  const text = textOf(value);
  return text === undefined
    ? {
        fault: `${qualified(block, key)}: unknown type for string`,
        hint: `expected ${expected}, got ${describeValue(value)}`,
      }
    : { value: text };
}

/** One of a few words. */
export function choice<const T extends string>(block: BlockReader, key: string, words: readonly T[]): T | undefined {
  const text = string(block, key);
  if (text === undefined) return undefined;
  const word = words.find((candidate) => candidate === text);
  if (word === undefined) {
    const likely = nearest(text, words);
    const hint = likely ? `did you mean ${quote(likely)}?` : undefined;
    block.fault(`${key} must be ${oneOf(words)}, got ${quote(text)}`, hint, block.attribute(key)?.line);
  }
  return word;
}

/** A block of strings by name. */
export function stringMap(block: BlockReader, key: string): Readonly<Record<string, string>> | undefined {
  const found = block.attribute(key);
  if (!found) return undefined;
  const entries = Object.entries(found.value.kind === "object" ? untypedMap(found.value.items, block.fault) : {});
  if (found.value.kind !== "object" || entries.some(([, value]) => typeof value === "object")) {
    block.fault(
      `${qualified(block, key)}: not an object type for map`,
      `expected a block of strings, as { NAME = "value" }, got ${describeValue(found.value)}`,
      found.line,
    );
    return undefined;
  }
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
}

/** A block without a schema; blocks of one name are merged, and the label of one is a key. */
export function map(block: BlockReader, key: string): Readonly<Record<string, unknown>> | undefined {
  const bodies = block.blocks(key, { notABlock: `${qualified(block, key)}: not an object type for map` });
  if (bodies.length === 0) return undefined;
  const labelled = bodies.filter(({ labels }) => labels.length > 0);
  const items = [
    ...labelled.map(({ labels, items, place }) => labelledItem(labels, items, place.line)),
    ...bodies.filter((body) => !labelled.includes(body)).flatMap((body) => body.items),
  ];
  return untypedMap(items, block.fault);
}

function labelledItem(labels: readonly string[], items: readonly Item[], line: number): Item {
  const position = { line, column: 1 };
  return { keys: labels.map((text) => ({ text, position })), value: { kind: "object", items, position } };
}

function textOf(value: Value): string | undefined {
  switch (value.kind) {
    case "string":
    case "integer":
      return value.text;
    case "null":
      return "";
    default:
      return undefined;
  }
}

/** `"…"` as Go's %q prints it. */
export function quote(text: string): string {
  return JSON.stringify(text);
}

export function oneOf(words: readonly string[]): string {
  const quoted = words.map(quote);
  return quoted.length < 2 ? quoted.join("") : `${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}`;
}

function qualified(block: BlockReader, key: string): string {
  return block.name ? `${block.name}.${key}` : key;
}
