/** JSON as it was read: numbers in the server's own spelling. */
import { JsonNumber, type JsonValue } from "../json.ts";

export function jsonText(value: JsonValue): string {
  if (value instanceof JsonNumber) return value.text;
  if (Array.isArray(value)) return `[${value.map(jsonText).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, one]) => `${JSON.stringify(key)}:${jsonText(one)}`)
    .join(",")}}`;
}
