/** Manifests as text: YAML of several documents, in which comments and order stay, or JSON. What is not injected stays to the byte. */
import type { Document, Node, ParsedNode } from "yaml";
import { describe } from "../errors.ts";
import { applyPatch, keysOf, type Operation } from "./json-patch.ts";
import { injectManifest, type ManifestOptions, type ManifestOutcome } from "./manifest.ts";
import { indentsLists, splice } from "./manifest-splice.ts";
import { Refusal } from "./refusal.ts";

export interface InjectedText extends Pick<ManifestOutcome, "injected" | "warnings"> {
  readonly text: string;
}

/** Throws a Refusal for a text that is neither, and for what an injection refuses. */
export async function injectText(text: string, options: ManifestOptions): Promise<InjectedText> {
  if (/^\s*[{[]/.test(text)) return injectJson(text, options);
  const yaml = await import("yaml");
  const pieces = documents(text);
  let line = 1;
  const faults: string[] = [];
  const done = pieces.flatMap((piece) => {
    const first = line;
    line += piece.split("\n").length - 1;
    try {
      return [injectPiece(yaml, piece, first, options)];
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      faults.push(describe(error));
      return [];
    }
  });
  if (faults.length > 0) throw new Refusal(faults.join("\n"));
  return {
    text: done.map((one) => one.text).join(""),
    injected: done.flatMap(({ injected }) => injected),
    warnings: done.flatMap(({ warnings }) => warnings),
  };
}

// ---- internal ----

type Yaml = typeof import("yaml");

/** With the line that parts each from the one before; directives (`%YAML 1.2`) stay with the document that they are for. */
function documents(text: string): readonly string[] {
  const pieces: string[] = [];
  for (const piece of text.split(/^(?=---(?:\s|$))/m)) {
    const last = pieces.at(-1);
    const directives = last !== undefined && /^%/m.test(last) && !/^[^%#\s]/m.test(last);
    if (directives) pieces[pieces.length - 1] += piece;
    else pieces.push(piece);
  }
  return pieces;
}

function injectJson(text: string, options: ManifestOptions): InjectedText {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Refusal(`it is neither YAML nor JSON: ${(error as Error).message}`);
  }
  const { operations, ...rest } = injectManifest(value, options);
  if (operations.length === 0) return { ...rest, text };
  const indent = /^\s*[{[][^\S\n]*\n([^\S\n]*)\S/.exec(text)?.[1];
  const end = text.endsWith("\n") ? "\n" : "";
  return { ...rest, text: `${JSON.stringify(applyPatch(value, operations), null, indent)}${end}` };
}

/** One document with the line that parts it from the one before. */
function injectPiece(yaml: Yaml, piece: string, line: number, options: ManifestOptions): InjectedText {
  const separator = /^---(?:[^\S\n]+(?:#.*)?)?(?:\n|$)/.exec(piece)?.[0] ?? "";
  const body = piece.slice(separator.length);
  const value = contentOf(yaml, body, line + (separator === "" ? 0 : 1));
  const { operations, ...rest } = injectManifest(value, options);
  if (operations.length === 0) return { ...rest, text: piece };
  const expected = applyPatch(value, operations);
  for (const attempt of [splice, edit]) {
    const edited = attempt(yaml, body, operations);
    if (edited !== undefined && isIt(yaml, edited, expected))
      return { ...rest, text: separator + (body.includes("\r\n") ? edited.replace(/\r?\n/g, "\r\n") : edited) };
  }
  const [name = "a document"] = rest.injected;
  return {
    ...rest,
    text: separator + yaml.stringify(expected, { lineWidth: 0, aliasDuplicateObjects: false }),
    warnings: [...rest.warnings, `${name}: written anew, without its comments and anchors`],
  };
}

function contentOf(yaml: Yaml, text: string, line: number): unknown {
  const counter = new yaml.LineCounter();
  const document = yaml.parseDocument(text, { merge: true, lineCounter: counter, prettyErrors: false });
  const [error] = document.errors;
  const where = (offset: number) => line - 1 + counter.linePos(offset).line;
  if (error !== undefined) throw new Refusal(`line ${where(error.pos[0])}: ${error.message}`);
  try {
    return document.toJS({ maxAliasCount: 1_000 });
  } catch (thrown) {
    throw new Refusal(`line ${line}: ${(thrown as Error).message}`);
  }
}

/**
 * The operations on the syntax tree, in which every scalar stays as it was written; undefined where a path leads
 * through an alias, which stands for more places than one.
 */
function edit(yaml: Yaml, text: string, operations: readonly Operation[]): string | undefined {
  const document = yaml.parseDocument(text, { schema: "failsafe" });
  try {
    for (const { op, path, value } of operations) {
      const keys = keysOf(path);
      if (op === "remove") document.deleteIn(keys);
      else place(yaml, document, keys, op, asWritten(yaml, value));
    }
  } catch {
    return undefined;
  }
  return document.toString({ lineWidth: 0, ...styleOf(text) });
}

function place(yaml: Yaml, document: Document.Parsed, keys: readonly string[], op: string, node: Node): void {
  const key = keys.at(-1) ?? "";
  const parent = document.getIn(keys.slice(0, -1), true);
  if (op === "replace" || !yaml.isSeq(parent)) document.setIn(keys, node);
  else parent.items.splice(key === "-" ? parent.items.length : Number(key), 0, node);
}

/** The value as nodes of the same schema, with quotes where another one would take a text for a number or a boolean. */
function asWritten(yaml: Yaml, value: unknown): ParsedNode {
  const text = yaml.stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
  return yaml.parseDocument(text, { schema: "failsafe" }).contents as ParsedNode;
}

/** How the text is indented. */
function styleOf(text: string) {
  const indent = /^( +)[^\s#-]/m.exec(text)?.[1]?.length ?? 2;
  return {
    indent: Math.min(Math.max(indent, 1), 8),
    indentSeq: indentsLists(text),
    // A text with escapes stays in its line.
    doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER,
    flowCollectionPadding: !/[[{][\w"']/.test(text),
  };
}

/** Whether the text means that, and nothing else has changed. */
function isIt(yaml: Yaml, text: string, expected: unknown): boolean {
  try {
    return JSON.stringify(contentOf(yaml, text, 1)) === JSON.stringify(expected);
  } catch {
    return false;
  }
}
