/** RFC 6902: what an annotation wants changed in a container. */
import { shapeOf } from "./json-shape.ts";
import { isObject, type Loose } from "./loose.ts";
import { Refusal } from "./refusal.ts";

export interface Operation {
  readonly op: string;
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

/** Reads the text of an annotation. Throws a Refusal. */
export function parsePatch(text: string): readonly Operation[] {
  if (shapeOf(text).depth > DEEPEST) throw new Refusal(`the patch is nested more than ${DEEPEST} deep`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Refusal(jsonFault(text), 'a list of operations, as [{"op": "add", "path": "/env/-", "value": {…}}]');
  }
  if (!Array.isArray(value))
    throw new Refusal(`json: cannot unmarshal ${jsonKind(value)} into Go value of type jsonpatch.Patch`);
  return value.map((operation, at) => {
    if (typeof operation !== "object" || operation === null || Array.isArray(operation))
      throw new Refusal(`operation ${at} of the patch must be an object`);
    const { op, path, from } = operation as Record<string, unknown>;
    if (typeof op !== "string" || typeof path !== "string" || (from !== undefined && typeof from !== "string"))
      throw new Refusal(`operation ${at} of the patch needs "op" and "path"`);
    return operation as Operation;
  });
}

/** The document after the operations, which itself stays as it is. Throws a Refusal for one that cannot be done. */
export function applyPatch(document: unknown, operations: readonly Operation[]): unknown {
  let copied = 0;
  return operations.reduce((before, operation) => {
    // What is copied over and over doubles each time.
    if (operation.op === "copy") copied += sizeOf(valueAt(before, keysOf(operation.from ?? ""))?.value, MOST_COPIED);
    if (copied >= MOST_COPIED) throw new Refusal("failed to apply JSON patch: it copies too much");
    return applyOperation(before, operation);
  }, document);
}

/** The parts of a JSON pointer. */
export function keysOf(pointer: string): readonly string[] {
  if (pointer === "") return [];
  return pointer
    .split("/")
    .slice(1)
    .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
}

// ---- internal ----

const DEEPEST = 100;

/** Values of all copies together; an injector's container has some hundred. */
const MOST_COPIED = 10_000;

/** How many values there are in it, counted no further than to `most`. */
function sizeOf(value: unknown, most: number): number {
  const left = [value];
  let size = 0;
  while (left.length > 0 && size < most) {
    size++;
    const one = left.pop();
    if (typeof one === "object" && one !== null) for (const inner of Object.values(one)) left.push(inner);
  }
  return size;
}

function applyOperation(document: unknown, operation: Operation): unknown {
  const { op, path } = operation;
  const missing = (words: string) => new Refusal(`failed to apply JSON patch: ${words}`);
  const lost = (at: string) => missing(`${op} operation does not apply: doc is missing path: "${at}": missing value`);
  const read = (at: string) => {
    const found = valueAt(document, keysOf(at));
    if (found === undefined) throw lost(at);
    return found.value;
  };
  const change = (what: (parent: unknown, key: string) => unknown) =>
    edited(document, keysOf(path), () => lost(path), what);
  switch (op) {
    case "add":
      return change((parent, key) => inserted(parent, key, operation.value));
    case "remove":
      return change((parent, key) => {
        if (has(parent, key)) return without(parent, key);
        throw missing(`error in remove for path: '${path}': Unable to remove nonexistent key: ${key}: missing value`);
      });
    case "replace":
      return change((parent, key) => {
        if (has(parent, key)) return assigned(parent, key, operation.value);
        throw missing(`replace operation does not apply: doc is missing key: ${path}: missing value`);
      });
    case "test":
      if (JSON.stringify(sorted(read(path))) === JSON.stringify(sorted(operation.value))) return document;
      throw missing(`testing value ${path} failed: test failed`);
    case "copy":
      return applyOperation(document, { op: "add", path, value: read(operation.from ?? "") });
    case "move": {
      const value = read(operation.from ?? "");
      const left = applyOperation(document, { op: "remove", path: operation.from ?? "" });
      return applyOperation(left, { op: "add", path, value });
    }
    default:
      throw missing(`Unexpected kind: ${op}`);
  }
}

function valueAt(document: unknown, keys: readonly string[]): { readonly value: unknown } | undefined {
  let value = document;
  for (const key of keys) {
    if (!has(value, key)) return undefined;
    value = (value as Loose)[key];
  }
  return { value };
}

/** A copy of the document in which what holds the last key is what `change` makes of it. */
function edited(
  document: unknown,
  [key, ...rest]: readonly string[],
  lost: () => Refusal,
  change: (parent: unknown, key: string) => unknown,
): unknown {
  if (key === undefined) throw lost();
  if (rest.length === 0) {
    if (typeof document !== "object" || document === null) throw lost();
    return change(document, key);
  }
  if (!has(document, key)) throw lost();
  return assigned(document, key, edited((document as Loose)[key], rest, lost, change));
}

function has(parent: unknown, key: string): boolean {
  if (Array.isArray(parent)) return /^(0|[1-9]\d*)$/.test(key) && Number(key) < parent.length;
  return isObject(parent) && Object.hasOwn(parent, key);
}

function assigned(parent: unknown, key: string, value: unknown): unknown {
  if (Array.isArray(parent)) return parent.with(Number(key), value);
  const entries = Object.entries(parent as Loose);
  return Object.fromEntries(
    has(parent, key)
      ? entries.map(([name, inner]) => [name, name === key ? value : inner])
      : [...entries, [key, value]],
  );
}

function inserted(parent: unknown, key: string, value: unknown): unknown {
  if (!Array.isArray(parent)) return assigned(parent, key, value);
  if (key !== "-" && !(/^(0|[1-9]\d*)$/.test(key) && Number(key) <= parent.length))
    throw new Refusal(`failed to apply JSON patch: Unable to access invalid index: ${key}: invalid index referenced`);
  return parent.toSpliced(key === "-" ? parent.length : Number(key), 0, value);
}

function without(parent: unknown, key: string): unknown {
  if (Array.isArray(parent)) return parent.toSpliced(Number(key), 1);
  return Object.fromEntries(Object.entries(parent as Loose).filter(([name]) => name !== key));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}

function jsonKind(value: unknown): string {
  return value === null ? "null" : typeof value === "boolean" ? "bool" : typeof value;
}

/** What Go says of the first character that cannot be JSON, where that is easily told. */
function jsonFault(text: string): string {
  const trimmed = text.trimStart();
  const [first = ""] = trimmed;
  if (trimmed === "") return "unexpected end of JSON input";
  for (const literal of ["null", "true", "false"]) {
    if (literal[0] !== first) continue;
    const at = [...literal].findIndex((character, i) => trimmed[i] !== character);
    if (at === -1) break;
    if (trimmed[at] === undefined) return "unexpected end of JSON input";
    return `invalid character '${trimmed[at]}' in literal ${literal} (expecting '${literal[at]}')`;
  }
  return /[[{"\d-]/.test(first)
    ? "it is not valid JSON"
    : `invalid character '${first}' looking for beginning of value`;
}
