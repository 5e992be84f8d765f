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

/** One that somebody has written: nothing in it is looked at before its turn has come. */
export interface GivenOperation {
  readonly op?: unknown;
  readonly path?: unknown;
  readonly from?: unknown;
  readonly value?: unknown;
}

/** Reads the text of an annotation. Throws a Refusal. */
export function parsePatch(text: string): readonly GivenOperation[] {
  if (shapeOf(text).depth > DEEPEST) throw new Refusal(`the patch is nested more than ${DEEPEST} deep`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Refusal(jsonFault(text), EXAMPLE);
  }
  if (value === null) return [];
  if (!Array.isArray(value)) throw unreadable(value, "jsonpatch.Patch");
  return value.map((operation) => {
    if (operation === null) return {};
    if (!isObject(operation)) throw unreadable(operation, "jsonpatch.Operation");
    return operation;
  });
}

/** The document after the operations, which itself stays as it is. Throws a Refusal for one that cannot be done. */
export function applyPatch(document: unknown, operations: readonly GivenOperation[]): unknown {
  let copied = 0;
  return operations.reduce((before, operation) => {
    // What is copied over and over doubles each time.
    if (operation.op === "copy") copied += sizeOf(valueAt(before, String(operation.from)), MOST_COPIED);
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

/** As evanphx/json-patch does it: a missing key of an object is nothing, and may be replaced; indices count from the end. */
function applyOperation(document: unknown, operation: GivenOperation): unknown {
  const { op, value = null } = operation;
  const path = () => pointer(operation, "path", String(op));
  switch (op) {
    case "add":
      return added(document, path(), value, (at) => `add operation does not apply: doc is missing path: "${at}"`);
    case "remove":
      return removed(document, path(), (at) => `remove operation does not apply: doc is missing path: "${at}"`);
    case "replace":
      return replaced(document, path(), value);
    case "test": {
      const at = path();
      const missing = () => failure(`test operation does not apply: is missing path: ${at}`, MISSING);
      const found = at === "" ? document : get(holder(document, at, missing), `error in test for path: '${at}'`);
      if (JSON.stringify(sorted(found)) === JSON.stringify(sorted(value))) return document;
      throw failure(`testing value ${at} failed`, "test failed");
    }
    case "copy": {
      const from = pointer(operation, "from", op);
      const missing = () => failure(`copy operation does not apply: doc is missing from path: ${from}`, MISSING);
      const found = get(holder(document, from, missing), `error in copy for from: '${from}'`);
      return added(
        document,
        path(),
        found,
        (at) => `copy operation does not apply: doc is missing destination path: ${at}`,
      );
    }
    case "move": {
      const from = pointer(operation, "from", op);
      const missing = (at: string) => `move operation does not apply: doc is missing from path: ${at}`;
      const place = holder(document, from, () => failure(missing(from), MISSING));
      const found = get(place, `error in move for path: '${place.key}'`);
      const left = removed(document, from, missing, `error in move for path: '${place.key}'`);
      return added(
        left,
        path(),
        found,
        (at) => `move operation does not apply: doc is missing destination path: ${at}`,
      );
    }
    default:
      throw failure(`Unexpected kind: ${typeof op === "string" ? op : "unknown"}`);
  }
}

function added(document: unknown, path: string, value: unknown, missing: (path: string) => string): unknown {
  return edited(document, path, missing, (parent, key) => {
    if (!Array.isArray(parent)) return { ...parent, [key]: value };
    if (key === "-") return [...parent, value];
    const words = `error in add for path: '${path}'`;
    if (!INDEX.test(key)) throw failure(`${words}: value was not a proper array index: '${key}'`, notANumber(key));
    return parent.toSpliced(indexIn(key, parent.length + 1, words), 0, value);
  });
}

function removed(
  document: unknown,
  path: string,
  missing: (path: string) => string,
  words = `error in remove for path: '${path}'`,
): unknown {
  return edited(document, path, missing, (parent, key) => {
    if (Array.isArray(parent)) return parent.toSpliced(indexIn(key, parent.length, words), 1);
    if (!Object.hasOwn(parent, key)) throw failure(`${words}: Unable to remove nonexistent key: ${key}`, MISSING);
    return Object.fromEntries(Object.entries(parent).filter(([name]) => name !== key));
  });
}

function replaced(document: unknown, path: string, value: unknown): unknown {
  if (path === "") {
    if (isObject(value) || Array.isArray(value)) return value;
    throw failure("replace operation value must be object or array");
  }
  const missing = (at: string) => `replace operation does not apply: doc is missing path: ${at}`;
  return edited(document, path, missing, (parent, key) => {
    if (!Array.isArray(parent)) return { ...parent, [key]: value };
    if (place(key, parent.length) === undefined)
      throw failure(`replace operation does not apply: doc is missing key: ${path}`, MISSING);
    return parent.with(indexIn(key, parent.length, ""), value);
  });
}

type Parent = Loose | readonly unknown[];

interface Place {
  readonly parent: Parent;
  readonly key: string;
}

/** What holds the last key of a path. */
function holder(document: unknown, path: string, missing: () => Refusal): Place {
  const keys = keysOf(path);
  const key = keys.at(-1);
  if (key === undefined) throw missing();
  let parent = document;
  for (const step of keys.slice(0, -1)) parent = child(parent, step);
  if (!isObject(parent) && !Array.isArray(parent)) throw missing();
  return { parent, key };
}

function child(parent: unknown, key: string): unknown {
  if (Array.isArray(parent)) return parent[place(key, parent.length) ?? -1];
  return isObject(parent) && Object.hasOwn(parent, key) ? parent[key] : undefined;
}

function valueAt(document: unknown, path: string): unknown {
  return keysOf(path).reduce(child, document);
}

/** Null where an object has no such key. */
function get({ parent, key }: Place, words: string): unknown {
  return (Array.isArray(parent) ? parent[indexIn(key, parent.length, words)] : child(parent, key)) ?? null;
}

/** A copy of the document in which what holds the last key is what `change` makes of it. */
function edited(
  document: unknown,
  path: string,
  missing: (path: string) => string,
  change: (parent: Parent, key: string) => unknown,
): unknown {
  holder(document, path, () => failure(missing(path), MISSING));
  const inside = (outer: Parent, [key = "", ...rest]: readonly string[]): unknown => {
    if (rest.length === 0) return change(outer, key);
    const inner = inside(child(outer, key) as Parent, rest);
    return Array.isArray(outer) ? outer.with(place(key, outer.length) ?? 0, inner) : { ...outer, [key]: inner };
  };
  return inside(document as Parent, keysOf(path));
}

const INDEX = /^[+-]?\d+$/;

/** Where a key points to in a list: -1 is the last. */
function place(key: string, length: number): number | undefined {
  const index = INDEX.test(key) ? Number(key) : Number.NaN;
  const at = index < 0 ? index + length : index;
  return at >= 0 && at < length ? at : undefined;
}

function indexIn(key: string, length: number, words: string): number {
  if (!INDEX.test(key)) throw failure(words, notANumber(key));
  const at = place(key, length);
  if (at !== undefined) return at;
  throw failure(`${words}: Unable to access invalid index: ${Number(key)}`, "invalid index referenced");
}

function notANumber(key: string): string {
  return `strconv.Atoi: parsing ${JSON.stringify(key)}: invalid syntax`;
}

const MISSING = "missing value";

function failure(...words: readonly string[]): Refusal {
  return new Refusal(`failed to apply JSON patch: ${words.join(": ")}`, EXAMPLE);
}

/** Says what is wrong with one that is no text. */
function pointer(operation: GivenOperation, field: "path" | "from", op: string): string {
  const value = operation[field] ?? undefined;
  if (typeof value === "string") return value;
  const absent = field === "path" ? "operation missing path field" : "operation, missing from field";
  const why = value === undefined ? [absent, MISSING] : [unreadable(value, "string").message];
  // Some of the operations keep the reason for themselves.
  const isBrief = field === "path" && ["add", "remove", "copy"].includes(op);
  throw failure(`${op} operation failed to decode ${field}`, ...(isBrief ? [MISSING] : why));
}

function unreadable(value: unknown, type: string): Refusal {
  return new Refusal(`json: cannot unmarshal ${jsonKind(value)} into Go value of type ${type}`, EXAMPLE);
}

const EXAMPLE = 'a list of operations, as [{"op": "add", "path": "/env/-", "value": {…}}]';

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}

/** As Go calls it. */
export function jsonKind(value: unknown): string {
  if (Array.isArray(value)) return "array";
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
