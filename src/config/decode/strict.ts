/**
 * The kinds of values in `template`, `env_template` and `exec`, which Vault Agent hands to a second, stricter decoder
 * with rules of its own: a bare number is a duration in nanoseconds, a string is a list cut at its commas.
 */
import { durationFault, type Nanoseconds, parseDuration } from "../duration.ts";
import type { Value } from "../hcl/ast.ts";
import { quote } from "../kinds.ts";
import { nearest } from "../nearest.ts";
import { parseInteger } from "../numbers.ts";
import { type BlockReader, goKind } from "../reader.ts";
import { settled } from "../untyped.ts";
import { SIGNAL_NAMES, type SignalName, signalNamed } from "./signals.ts";

/** A value, or what is wrong with it in the words of the decoder. */
type Outcome<T> = { readonly value: T } | { readonly fault: string; readonly hint?: string };

export function strictString(block: BlockReader, key: string): string | undefined {
  return decode(block, key, stringOf);
}

export function strictBool(block: BlockReader, key: string): boolean | undefined {
  return decode(block, key, (value) =>
    value.kind === "bool" ? { value: value.value } : unconvertible("bool", value, "true or false without quotes"),
  );
}

export function strictInteger(block: BlockReader, key: string): number | undefined {
  return decode(block, key, (value) =>
    value.kind === "integer" || value.kind === "float"
      ? { value: numberOf(value) }
      : unconvertible("int", value, "a number without quotes"),
  );
}

/** A Go duration; a bare number counts nanoseconds. */
export function strictDuration(block: BlockReader, key: string): Nanoseconds | undefined {
  return decode(block, key, (value) => {
    if (value.kind === "integer" || value.kind === "float") return { value: numberOf(value) };
    const text = stringOf(value);
    if ("fault" in text) return unconvertible("time.Duration", value, 'a duration such as "30s"');
    const parsed = parseDuration(text.value);
    return parsed === undefined ? { fault: durationFault(text.value) } : { value: parsed };
  });
}

/** A list of strings, or a string that is cut at its commas. */
export function strictStrings(block: BlockReader, key: string): readonly string[] | undefined {
  return decode(block, key, (value) => {
    if (value.kind === "null") return { value: [] };
    if (value.kind === "string") return { value: value.text === "" ? [] : value.text.split(",") };
    if (value.kind !== "list") {
      return {
        fault: `source data must be an array or slice, got ${goKind(value)}`,
        hint: "expected a list of strings",
      };
    }
    const texts = value.elements.map(stringOf);
    const wrong = texts.find((text) => "fault" in text);
    return wrong ?? { value: texts.flatMap((text) => ("value" in text ? [text.value] : [])) };
  });
}

/** A file mode: octal digits in a string, or a number, which HCL reads as octal when it begins with 0. */
export function strictMode(block: BlockReader, key: string): number | undefined {
  return decode(block, key, (value) => {
    if (value.kind === "integer" || value.kind === "float") return { value: numberOf(value) };
    const text = stringOf(value);
    if ("fault" in text) return unconvertible("fs.FileMode", value, 'an octal mode such as "0640"');
    if (!/^[0-7]+$/.test(text.value)) {
      return {
        fault: `strconv.ParseUint: parsing ${quote(text.value)}: invalid syntax`,
        hint: 'an octal mode such as "0640"',
      };
    }
    const mode = Number.parseInt(text.value, 8);
    return mode > 0o7777
      ? { fault: `strconv.ParseUint: parsing ${quote(text.value)}: value out of range`, hint: "at most 7777" }
      : { value: mode };
  });
}

export function strictSignal(block: BlockReader, key: string): SignalName | undefined {
  return decode(block, key, (value) => {
    const text = stringOf(value);
    if ("fault" in text) return unconvertible("os.Signal", value, 'a name such as "SIGTERM"');
    const signal = signalNamed(text.value);
    if (signal) return { value: signal };
    const likely = nearest(text.value, SIGNAL_NAMES);
    return {
      fault: `invalid signal ${quote(text.value)} - valid signals are [${SIGNAL_NAMES.map(quote).join(" ")}]`,
      ...(likely ? { hint: `did you mean ${likely}?` } : {}),
    };
  });
}

/** Reads one key by a rule and reports what the rule finds wrong. */
export function decode<T>(block: BlockReader, key: string, rule: (value: Value) => Outcome<T>): T | undefined {
  const found = settled(key, block.attributes(key), block.fault);
  if (!found) return undefined;
  const outcome = rule(found.value);
  if ("value" in outcome) return outcome.value;
  block.fault(`'${key}' ${outcome.fault}`, outcome.hint, found.line);
  return undefined;
}

function stringOf(value: Value): Outcome<string> {
  if (value.kind === "null") return { value: "" };
  return value.kind === "string" ? { value: value.text } : unconvertible("string", value, "a string in quotes");
}

function unconvertible(type: string, value: Value, expected: string): { fault: string; hint: string } {
  return { fault: `expected type '${type}', got unconvertible type '${goKind(value)}'`, hint: `expected ${expected}` };
}

function numberOf(value: Value & { readonly text: string }): number {
  return Math.trunc(parseInteger(value.text) ?? Number(value.text));
}
