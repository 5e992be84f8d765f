/**
 * The kinds of values, as Vault Agent's HCL decoder takes them. Each function reads one key; undefined is an absent
 * key or one with a fault, which is then reported.
 */
import { durationFault, formatDuration, type Nanoseconds, parseDurationOrSeconds, SECOND } from "./duration.ts";
import type { Item, Value } from "./hcl/ast.ts";
import { nearest } from "./nearest.ts";
import { type BlockReader, describeValue, withoutLabels } from "./reader.ts";

/** A string; a whole number is taken as it is spelt, null as empty. */
export function string(block: BlockReader, key: string): string | undefined {
  const found = block.attribute(key);
  if (!found) return undefined;
  const text = textOf(found.value);
  if (text === undefined) {
    block.fault(
      `${qualified(block, key)}: unknown type for string`,
      `expected a string, got ${describeValue(found.value)}`,
      found.line,
    );
  }
  return text;
}

/** As string, with empty taken for absent. */
export function nonEmptyString(block: BlockReader, key: string): string | undefined {
  return string(block, key) || undefined;
}

/** true or false as a bare word, nothing else. */
export function bool(block: BlockReader, key: string): boolean | undefined {
  const found = block.attribute(key);
  if (!found) return undefined;
  if (found.value.kind === "bool") return found.value.value;
  block.fault(
    `${qualified(block, key)}: unknown type`,
    `expected true or false without quotes, got ${describeValue(found.value)}`,
    found.line,
  );
  return undefined;
}

/** A bool, a string that means one, or a number of which only 0 is false. `context` leads a fault in. */
export function looseBool(block: BlockReader, key: string, context = ""): boolean | undefined {
  const found = block.attribute(key);
  if (!found) return undefined;
  const meaning = meaningOfBool(found.value);
  if (typeof meaning === "string") {
    block.fault(
      `${context}cannot parse '' as bool: ${meaning}`,
      `${qualified(block, key)} wants true or false, got ${describeValue(found.value)}`,
      found.line,
    );
    return undefined;
  }
  return meaning;
}

const TRUE: ReadonlySet<string> = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const FALSE: ReadonlySet<string> = new Set(["0", "f", "F", "FALSE", "false", "False"]);

/** As Go's strconv.ParseBool; undefined is neither. */
export function parseBool(text: string): boolean | undefined {
  if (TRUE.has(text)) return true;
  return FALSE.has(text) ? false : undefined;
}

/** The bool, or what is wrong with it in Go's words. */
function meaningOfBool(value: Value): boolean | string {
  switch (value.kind) {
    case "bool":
      return value.value;
    case "null":
      return false;
    case "integer":
    case "float":
      return Number(value.text) !== 0;
    case "string":
      if (value.text === "") return false;
      return parseBool(value.text) ?? `strconv.ParseBool: parsing ${quote(value.text)}: invalid syntax`;
    default:
      return `expected type 'bool', got ${describeValue(value)}`;
  }
}

/** A whole number, or a string that is one; octal and hexadecimal in Go's spelling. */
export function integer(block: BlockReader, key: string): number | undefined {
  const found = block.attribute(key);
  if (!found) return undefined;
  const { kind } = found.value;
  const hint = `${qualified(block, key)} wants a whole number, got ${describeValue(found.value)}`;
  if (kind !== "integer" && kind !== "string" && kind !== "null") {
    block.fault(`${qualified(block, key)}: unknown type`, hint, found.line);
    return undefined;
  }
  const text = textOf(found.value) ?? "";
  const value = parseInteger(text);
  if (value === undefined) {
    block.fault(`strconv.ParseInt: parsing ${quote(text)}: invalid syntax`, hint, found.line);
  }
  return value;
}

/** As Go's strconv.ParseInt with base 0. */
export function parseInteger(text: string): number | undefined {
  const match = /^([+-]?)(0[xX][\da-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9]\d*)$/.exec(text);
  if (!match) return undefined;
  const digits = match[2] as string;
  const value = /^0\d/.test(digits) ? Number.parseInt(digits, 8) : Number(digits);
  return match[1] === "-" ? -value : value;
}

/** A number with or without a fraction. */
export function float(block: BlockReader, key: string): number | undefined {
  const found = block.attribute(key);
  if (!found) return undefined;
  const value = Number(found.value.kind === "float" ? found.value.text : textOf(found.value) || Number.NaN);
  if (!Number.isNaN(value)) return value;
  block.fault(
    `${qualified(block, key)}: unknown type`,
    `expected a number, got ${describeValue(found.value)}`,
    found.line,
  );
  return undefined;
}

/** A Go duration or a number of seconds, with `d` for days; a fraction of a bare number is dropped. */
export function duration(block: BlockReader, key: string): Nanoseconds | undefined {
  const found = block.attribute(key);
  if (!found) return undefined;
  const { value, line } = found;
  const hint = `${qualified(block, key)} wants a duration such as "30s", or a number of seconds`;
  if (value.kind === "integer" || value.kind === "float") {
    const number = value.kind === "integer" ? parseInteger(value.text) : Number(value.text);
    return Math.trunc(number ?? 0) * SECOND;
  }
  const text = textOf(value);
  if (text === undefined) {
    block.fault("could not parse duration from input", `${hint}, got ${describeValue(value)}`, line);
    return undefined;
  }
  const parsed = parseDurationOrSeconds(text);
  if (parsed === undefined) block.fault(durationFault(text), hint, line);
  return parsed;
}

/** As duration, but of a length in time: not negative. */
export function positiveDuration(block: BlockReader, key: string): Nanoseconds | undefined {
  const length = duration(block, key);
  if (length === undefined || length >= 0) return length;
  block.fault(`${key} cannot be negative, got ${formatDuration(length)}`, undefined, block.attribute(key)?.line);
  return undefined;
}

/** A list of strings. */
export function strings(block: BlockReader, key: string): readonly string[] | undefined {
  const found = block.attribute(key);
  if (!found) return undefined;
  const { value, line } = found;
  if (value.kind !== "list") {
    block.fault(
      `${qualified(block, key)}: unknown slice type`,
      `expected a list of strings, got ${describeValue(value)}`,
      line,
    );
    return undefined;
  }
  const texts = value.elements.map(textOf);
  const wrong = texts.indexOf(undefined);
  if (wrong === -1) return texts as string[];
  block.fault(
    `${qualified(block, key)}: unknown type for string`,
    `expected a list of strings, got ${describeValue(value.elements[wrong]!)} in it`,
    line,
  );
  return undefined;
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
  const entries = Object.entries(found.value.kind === "object" ? plainObject(found.value.items) : {});
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

/**
 * A block without a schema, as Go's map[string]interface{} has it: blocks of one name are merged, a block inside is a
 * list of maps, numbers are numbers.
 */
export function map(block: BlockReader, key: string): Readonly<Record<string, unknown>> | undefined {
  const bodies = block.blocks(key, { notABlock: `${qualified(block, key)}: not an object type for map` });
  return bodies.length === 0 ? undefined : plainObject(bodies.flatMap((body) => body.items));
}

function plainObject(items: readonly Item[]): Record<string, unknown> {
  const result: Record<string, unknown> = Object.create(null);
  for (const item of items) {
    const name = item.keys[0]!.text;
    const before = result[name];
    const value = plain(withoutLabels(item));
    result[name] = Array.isArray(before) && Array.isArray(value) ? [...before, ...value] : value;
  }
  return { ...result };
}

function plain(value: Value): unknown {
  switch (value.kind) {
    case "object":
      return [plainObject(value.items)];
    case "list":
      return value.elements.map((element) => (element.kind === "object" ? plainObject(element.items) : plain(element)));
    case "string":
      return value.text;
    case "integer":
      return parseInteger(value.text) ?? Number(value.text);
    case "float":
      return Number(value.text);
    case "bool":
      return value.value;
    case "null":
      return "";
  }
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
