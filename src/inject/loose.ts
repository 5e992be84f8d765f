/** JSON that nobody has looked at yet. */

export type Loose = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Loose {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function asObject(value: unknown): Loose | undefined {
  return isObject(value) ? value : undefined;
}
