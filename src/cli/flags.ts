/**
 * The command line as Go's flag package reads it: one dash or two, `-name=value` or `-name value`, a boolean alone or
 * with `=`, everything from the first argument that is no flag left alone. One typed table makes parser and help.
 */
import { readDurationOrSeconds } from "../config/duration.ts";
import { parseBool, quote } from "../config/kinds.ts";
import { nearest } from "../config/nearest.ts";
import { readInteger } from "../config/numbers.ts";
import type { ParsedFlags } from "../config/types.ts";

export interface FlagDefinition {
  /** Without dashes. */
  readonly name: string;
  /** A list, or pairs of `NAME=VALUE`, may stand several times; of the others the last holds. */
  readonly kind: "text" | "integer" | "duration" | "bool" | "list" | "pairs";
  readonly group: string;
  readonly help: string;
  /** What stands for the value in the help. */
  readonly placeholder?: string;
  readonly default?: string;
  /** The environment variable that means the same. */
  readonly env?: string;
  /** Accepted, and not shown. */
  readonly hidden?: true;
}

export type FlagsOutcome =
  | { readonly kind: "parsed"; readonly flags: ParsedFlags }
  | { readonly kind: "help" }
  | { readonly kind: "invalid"; readonly message: string };

export function parseFlags(args: readonly string[], table: readonly FlagDefinition[]): FlagsOutcome {
  const values = new Map<string, readonly string[]>();
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!;
    const flag = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(arg);
    if (arg === "--") return { kind: "parsed", flags: { values, positional: args.slice(at + 1) } };
    if (!arg.startsWith("-") || arg === "-") return { kind: "parsed", flags: { values, positional: args.slice(at) } };
    if (!flag) return { kind: "invalid", message: `bad flag syntax: ${arg}` };
    const name = flag[1] as string;
    const definition = table.find((candidate) => candidate.name === name);
    if (!definition && (name === "h" || name === "help")) {
      return flag[2] === undefined ? { kind: "help" } : { kind: "invalid", message: "flag: help requested" };
    }
    if (!definition) return { kind: "invalid", message: unknownFlag(name, table) };
    const value = flag[2] ?? (definition.kind === "bool" ? "true" : args[++at]);
    if (value === undefined) return { kind: "invalid", message: `flag needs an argument: -${name}` };
    const checked = check(definition, value);
    if ("message" in checked) return { kind: "invalid", message: checked.message };
    values.set(name, [...(values.get(name) ?? []), checked.value]);
  }
  return { kind: "parsed", flags: { values, positional: [] } };
}

/** The help text of a command: usage, what it does, and its flags by group, aligned. */
export function helpText(usage: string, description: string, table: readonly FlagDefinition[]): string {
  const shown = table.filter((flag) => !flag.hidden);
  const width = Math.max(...shown.map((flag) => heading(flag).length));
  const groups = [...new Set(shown.map((flag) => flag.group))].map((group) => {
    const lines = shown.filter((flag) => flag.group === group).map((flag) => entry(flag, width));
    return `${group}:\n${lines.join("\n")}`;
  });
  return `${[`Usage: ${usage}`, wrap(description, 0), ...groups].join("\n\n")}\n`;
}

function check(definition: FlagDefinition, value: string): { readonly value: string } | { readonly message: string } {
  if (definition.kind === "bool") {
    const bool = parseBool(value);
    if (bool !== undefined) return { value: String(bool) };
    const why = `strconv.ParseBool: parsing ${quote(value)}: invalid syntax`;
    return { message: `invalid boolean value ${quote(value)} for -${definition.name}: ${why}` };
  }
  const fault = faultOf(definition.kind, value);
  return fault === undefined
    ? { value }
    : { message: `invalid value ${quote(value)} for flag -${definition.name}: ${fault}` };
}

/** What is wrong with a value, in Go's words; an empty number or duration is 0. */
function faultOf(kind: FlagDefinition["kind"], value: string): string | undefined {
  if (kind === "pairs") return value.includes("=") ? undefined : `missing = in KV pair: ${quote(value)}`;
  if (value === "" || (kind !== "integer" && kind !== "duration")) return undefined;
  const outcome = kind === "integer" ? readInteger(value, 10) : readDurationOrSeconds(value);
  return "fault" in outcome ? outcome.fault : undefined;
}

function unknownFlag(name: string, table: readonly FlagDefinition[]): string {
  const likely = nearest(
    name,
    table.map((flag) => flag.name),
  );
  return `flag provided but not defined: -${name}${likely ? ` (did you mean -${likely}?)` : ""}`;
}

const HELP_WIDTH = 100;

function heading(flag: FlagDefinition): string {
  return flag.kind === "bool" ? `-${flag.name}` : `-${flag.name}=${flag.placeholder ?? "VALUE"}`;
}

function entry(flag: FlagDefinition, width: number): string {
  const notes = [
    flag.kind === "list" || flag.kind === "pairs" ? "May stand several times." : "",
    flag.default === undefined ? "" : `Default: ${flag.default}.`,
    flag.env === undefined ? "" : `Environment: ${flag.env}.`,
  ];
  const indent = width + 4;
  const text = wrap([flag.help, ...notes].filter(Boolean).join(" "), indent);
  return `  ${heading(flag).padEnd(width + 2)}${text}`;
}

/** Breaks at spaces; every line but the first is indented. */
function wrap(text: string, indent: number): string {
  const lines = [""];
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1) as string;
    if (line !== "" && indent + line.length + word.length >= HELP_WIDTH) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines.join(`\n${" ".repeat(indent)}`);
}
