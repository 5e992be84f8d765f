/** The values of a method's `config`, which the configuration hands on unread. Faults name the key, in the real agent's words. */
import { durationFault, parseDurationOrSeconds, toMilliseconds } from "../config/duration.ts";
import { parseBool } from "../config/kinds.ts";
import { LesseeError } from "../errors.ts";

export type MethodSettings = Readonly<Record<string, unknown>>;

/** A text that must be there and not empty; `hint` says what belongs there. */
export function requiredText(config: MethodSettings, key: string, hint: string): string {
  const text = optionalText(config, key);
  if (text === undefined && config[key] === undefined) throw fault(`missing '${key}' value`, hint);
  if (text === undefined) throw fault(`'${key}' value is empty`, hint);
  return text;
}

/** An empty text is none. */
export function optionalText(config: MethodSettings, key: string): string | undefined {
  const value = config[key];
  if (value === undefined || value === "") return undefined;
  if (typeof value !== "string") throw fault(`could not convert '${key}' config value to string`, "put it into quotes");
  return value;
}

/** true, false, or a text or number that means one of them. */
export function optionalBool(config: MethodSettings, key: string, absent: boolean): boolean {
  const value = config[key];
  if (value === undefined) return absent;
  const meaning =
    typeof value === "boolean" ? value : typeof value === "number" ? value !== 0 : parseBool(String(value));
  if (meaning === undefined) throw fault(`error parsing '${key}' value`, "write true or false");
  return meaning;
}

/** Milliseconds; a number is seconds. */
export function optionalDuration(config: MethodSettings, key: string, absent: number): number {
  const value = config[key];
  if (value === undefined) return absent;
  const parsed = parseDurationOrSeconds(String(value));
  if (parsed === undefined) throw fault(`error parsing '${key}' value: ${durationFault(String(value))}`);
  if (parsed <= 0) throw fault(`'${key}' must be more than nothing`, 'as "30s"');
  return toMilliseconds(parsed);
}

function fault(message: string, hint?: string): LesseeError {
  return new LesseeError("auth", `auto_auth.method.config: ${message}`, hint === undefined ? {} : { hint });
}
