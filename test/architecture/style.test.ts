/** What every file of the program keeps to, so that a reader can rely on it. */
import { describe, expect, it } from "vitest";
import { isNode, type Node, named, parseSource, place, readSource, type SourceFile, walk } from "./source.ts";

/** Files that may be longer than LONGEST, each with the reason. */
const LONGER: Readonly<Record<string, string>> = {};
const LONGEST = 300;

const MUTATING = [
  "add",
  "clear",
  "copyWithin",
  "delete",
  "fill",
  "pop",
  "push",
  "reverse",
  "set",
  "shift",
  "sort",
].concat(["splice", "unshift"]);

describe("every file of src", () => {
  const source = readSource();

  it("exports by name, never by default", () => {
    const wrong = source.flatMap((file) =>
      file.body.filter((node) => node.type === "ExportDefaultDeclaration").map((node) => place(file, node)),
    );
    expect(wrong).toEqual([]);
  });

  it("keeps no mutable state at module level", () => {
    expect(source.flatMap(sharedState), "create it where the program is put together and hand it on").toEqual([]);
  });

  it("inherits from nothing but Error", () => {
    expect(source.flatMap(inheritance), "put parts together instead").toEqual([]);
  });

  it(`has at most ${LONGEST} lines`, () => {
    const wrong = source
      .filter((file) => file.lines > LONGEST && LONGER[file.path] === undefined)
      .map((file) => `${file.path}: ${file.lines} lines`);
    expect(wrong, "is there a second subject in it?").toEqual([]);
    const needless = Object.keys(LONGER).filter((path) => !source.some((f) => f.path === path && f.lines > LONGEST));
    expect(needless, "no longer need their exception").toEqual([]);
  });

  it("has something of its own in it: no file only passes on what others export", () => {
    const barrel = (file: SourceFile) =>
      file.body.length > 0 && file.body.every((node) => node.source && node.type.startsWith("Export"));
    expect(source.filter(barrel).map((file) => file.path)).toEqual([]);
  });
});

describe("the reader of style", () => {
  const state = (text: string) => sharedState(parseSource("src/x.ts", text));

  it.each([
    "let count = 0;",
    "export let count = 0;",
    "const cache = new Map<string, number>();",
    "const seen = new Set();",
    "const list: string[] = [];",
    "const table = {};",
    "const table = { a: 1 };\nexport function f() { table.a = 2; }",
    "const list = [1];\nexport const f = () => list.push(2);",
    "const pattern = /a/g;\nexport const f = (s: string) => pattern.test(s);",
    "export class A { static seen = 0; }",
  ])("takes %j for mutable state", (text) => {
    expect(state(text)).toHaveLength(1);
  });

  it.each([
    "const known: ReadonlySet<string> = new Set(['a']);",
    "const table = { a: 1, b: [2] } as const;",
    "export const LIMITS = [1, 2];",
    "const pattern = /a/g;\nexport const f = (s: string) => s.replace(pattern, '');",
    "const pattern = /a/y;\nexport const f = (s: string) => { pattern.lastIndex = 1; return pattern.exec(s); };",
    "export function f() { const seen = new Set(); let n = 0; seen.add(n++); return seen; }",
    "declare const VERSION: string;",
  ])("takes %j for harmless", (text) => {
    expect(state(text)).toEqual([]);
  });

  it("lets errors inherit, and nothing else", () => {
    expect(inheritance(parseSource("src/x.ts", "class A extends Error {} class B extends VaultError {}"))).toEqual([]);
    expect(inheritance(parseSource("src/x.ts", "class A extends EventEmitter {}"))).toEqual(["src/x.ts:1"]);
  });
});

/** Module-level bindings that can change: by their kind, by what they hold, or because the file changes them. */
function sharedState(file: SourceFile): readonly string[] {
  const bindings = file.body.flatMap(variables);
  const wrong = bindings
    .filter(({ kind, declarator }) => kind !== "const" || holdsMutable(declarator))
    .map(({ declarator }) => place(file, declarator));
  const statics = file.body.flatMap((node) => {
    const declared = isNode(node.declaration) ? node.declaration : node;
    if (declared.type !== "ClassDeclaration" || !isNode(declared.body)) return [];
    return (declared.body.body as readonly Node[]).filter(
      (member) => member.type === "PropertyDefinition" && member.static === true && member.readonly !== true,
    );
  });
  const changed = bindings.flatMap(({ declarator }) =>
    [...walk(file.body)].map(({ node }) => node).filter((node) => changes(node, declarator)),
  );
  return [...wrong, ...[...statics, ...changed].map((node) => place(file, node))];
}

function variables(node: Node): readonly { readonly kind: unknown; readonly declarator: Node }[] {
  const declaration = isNode(node.declaration) ? node.declaration : node;
  if (declaration.type !== "VariableDeclaration" || declaration.declare === true) return [];
  return (declaration.declarations as readonly Node[]).map((declarator) => ({ kind: declaration.kind, declarator }));
}

function holdsMutable(declarator: Node): boolean {
  const { init, id } = declarator;
  if (!isNode(init) || !isNode(id)) return false;
  const type =
    isNode(id.typeAnnotation) && isNode(id.typeAnnotation.typeAnnotation) ? id.typeAnnotation.typeAnnotation : null;
  const promisedReadonly = type !== null && (type.operator === "readonly" || /^Readonly/.test(nameOf(type.typeName)));
  if (promisedReadonly) return false;
  if (init.type === "NewExpression") return /^(Map|Set|WeakMap|WeakSet|Array)$/.test(nameOf(init.callee));
  if (init.type === "ArrayExpression") return (init.elements as unknown[]).length === 0;
  return init.type === "ObjectExpression" && (init.properties as unknown[]).length === 0;
}

/**
 * Assignments below the binding, calls of its mutating methods, and `test`/`exec`, which move a global pattern on.
 * A sticky pattern is a scanner's tool: `lastIndex` is set just before each use, so that nothing is carried over.
 */
function changes(node: Node, declarator: Node): boolean {
  const name = nameOf(declarator.id);
  const below = (target: unknown): boolean =>
    isNode(target) && target.type === "MemberExpression" && (named(target.object, name) || below(target.object));
  if (node.type === "AssignmentExpression") return below(node.left) && !regexFlags(declarator)?.includes("y");
  if (node.type === "UpdateExpression") return below(node.argument);
  if (node.type === "UnaryExpression") return node.operator === "delete" && below(node.argument);
  if (node.type !== "CallExpression" || !isNode(node.callee) || !named(node.callee.object, name)) return false;
  const method = nameOf(node.callee.property);
  const flags = regexFlags(declarator);
  return flags === undefined ? MUTATING.includes(method) : flags.includes("g") && ["test", "exec"].includes(method);
}

function regexFlags(declarator: Node): string | undefined {
  return isNode(declarator.init) ? (declarator.init.regex as { flags: string } | undefined)?.flags : undefined;
}

function inheritance(file: SourceFile): readonly string[] {
  return [...walk(file.body)]
    .map(({ node }) => node)
    .filter((node) => /^Class(Declaration|Expression)$/.test(node.type) && isNode(node.superClass))
    .filter((node) => !/Error$/.test(nameOf(node.superClass)))
    .map((node) => place(file, node));
}

function nameOf(node: unknown): string {
  return isNode(node) && node.type === "Identifier" ? String(node.name) : "";
}
