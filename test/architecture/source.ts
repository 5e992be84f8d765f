/** The source of the program as the compiler sees it: what each file imports, names and declares at its top level. */
import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { parseAst } from "vitest/node";

export interface Import {
  /** As written. */
  readonly specifier: string;
  /** The file inside src, from the repository root with slashes; absent for a package or a part of Node. */
  readonly file?: string;
  /** Erased when the program runs. */
  readonly typeOnly: boolean;
  /** `await import(…)`: loaded when it is needed. */
  readonly lazy: boolean;
}

export interface SourceFile {
  /** From the repository root, with slashes: `src/lease/backoff.ts`. */
  readonly path: string;
  readonly text: string;
  readonly lines: number;
  readonly body: readonly Node[];
  readonly imports: readonly Import[];
}

/** A node of the syntax tree (ESTree with TypeScript's own kinds). */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

export const root = join(import.meta.dirname, "../..");

export function readSource(pattern = "src/**/*.ts"): readonly SourceFile[] {
  return globSync(pattern, { cwd: root })
    .map((path) => path.replaceAll("\\", "/"))
    .sort()
    .map((path) => parseSource(path, readFileSync(join(root, path), "utf8")));
}

export function parseSource(path: string, text: string): SourceFile {
  const body = parseAst(text, { lang: "ts" }).body as unknown as readonly Node[];
  const lines = text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
  const imports = [...walk(body)].map(({ node }) => importOf(path, node)).filter((found) => found !== undefined);
  return { path, text, lines, body, imports };
}

/** `src/lease/backoff.ts:12`, for messages. */
export function place(file: SourceFile, node: Node): string {
  return `${file.path}:${file.text.slice(0, node.start).split("\n").length}`;
}

/** Every node below, with the node that it hangs on and the name of the property. */
export function* walk(
  value: unknown,
  parent?: Node,
  key?: string,
): Generator<{ readonly node: Node; readonly parent: Node | undefined; readonly key: string | undefined }> {
  if (Array.isArray(value)) {
    for (const element of value) yield* walk(element, parent, key);
    return;
  }
  if (!isNode(value)) return;
  yield { node: value, parent, key };
  for (const [name, child] of Object.entries(value)) {
    if (typeof child === "object" && child !== null) yield* walk(child, value, name);
  }
}

export function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";
}

/** Places that use a global by this name: it is neither a property's name, a type, nor declared in the file. */
export function usesOfGlobal(file: SourceFile, name: string): readonly Node[] {
  const all = [...walk(file.body)];
  if (all.some(({ node }) => declaredBy(node).some((id) => named(id, name)))) return [];
  return all
    .filter(({ node, parent, key }) => named(node, name) && parent !== undefined && !isName(parent, key))
    .map(({ node }) => node);
}

/** Places that use `object.property` of two globals: `Date.now`. */
export function usesOfMember(file: SourceFile, object: string, property: string): readonly Node[] {
  return [...walk(file.body)]
    .map(({ node }) => node)
    .filter((node) => node.type === "MemberExpression" && named(node.object, object) && named(node.property, property));
}

export function named(node: unknown, name: string): boolean {
  return isNode(node) && node.type === "Identifier" && node.name === name;
}

/** Whether what hangs there is a mere name: of a property or of a type. */
function isName(parent: Node, key: string | undefined): boolean {
  if (parent.type.startsWith("TS")) return !/^TS(As|Satisfies|NonNull)/.test(parent.type);
  if (parent.computed === true) return false;
  if (parent.type === "MemberExpression") return key === "property";
  return ["Property", "MethodDefinition", "PropertyDefinition"].includes(parent.type) && key === "key";
}

/** The identifiers that a declaration, a parameter list or an import brings into scope. */
function declaredBy(node: Node): readonly Node[] {
  const patterns = {
    VariableDeclarator: [node.id],
    FunctionDeclaration: [node.id, node.params],
    FunctionExpression: [node.id, node.params],
    ArrowFunctionExpression: [node.params],
    ClassDeclaration: [node.id],
    CatchClause: [node.param],
    ImportSpecifier: [node.local],
    ImportNamespaceSpecifier: [node.local],
  }[node.type];
  return patterns === undefined ? [] : [...walk(patterns)].map((found) => found.node);
}

function importOf(from: string, node: Node): Import | undefined {
  switch (node.type) {
    case "ImportDeclaration":
      return resolved(from, node.source, node.importKind === "type" || onlyTypes(node.specifiers), false);
    case "ExportNamedDeclaration":
    case "ExportAllDeclaration":
      return node.source ? resolved(from, node.source, node.exportKind === "type", false) : undefined;
    case "ImportExpression":
      return resolved(from, node.source, false, true);
    case "TSImportType":
      return resolved(from, node.source ?? node.argument, true, false);
    default:
      return undefined;
  }
}

function onlyTypes(specifiers: unknown): boolean {
  const all = specifiers as readonly Node[];
  return all.length > 0 && all.every((specifier) => specifier.importKind === "type");
}

function resolved(from: string, source: unknown, typeOnly: boolean, lazy: boolean): Import {
  const value = isNode(source)
    ? (source.value ?? (isNode(source.literal) ? source.literal.value : undefined))
    : undefined;
  if (typeof value !== "string") throw new Error(`${from}: an import whose name is computed cannot be followed`);
  const specifier = value;
  const file = specifier.startsWith(".") ? normalize(join(dirname(from), specifier)).replaceAll("\\", "/") : undefined;
  return file === undefined ? { specifier, typeOnly, lazy } : { specifier, file, typeOnly, lazy };
}
