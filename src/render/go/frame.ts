/** One template while it is walked: its variables, the node that errors name, and what all templates of the source share. */
import { TemplateError } from "../../errors.ts";
import { excerptOf, lineAt } from "../excerpt.ts";
import { type Node, printNode, type Statement } from "./ast.ts";
import type { Result } from "./boxed.ts";
import type { CallContext, TemplateFunction } from "./function.ts";
import { quote } from "./quote.ts";
import { byteLength } from "./text.ts";
import { FunctionError } from "./values.ts";

export interface Evaluation {
  /** The name of the source, in error messages. */
  readonly name: string;
  readonly source: string;
  readonly templates: ReadonlyMap<string, readonly Statement[]>;
  readonly functions: ReadonlyMap<string, TemplateFunction>;
  readonly errorOnMissingKey: boolean;
  readonly session: CallContext["session"];
}

interface Variable {
  readonly name: string;
  value: Result;
}

/** Whatever else is thrown is no fault of the template. */
function messageOf(error: unknown): string {
  if (error instanceof FunctionError) return error.message;
  // Of the engine: the stack is used up, or a text would be longer than any can be.
  if (error instanceof RangeError) return "nested too deeply, or too long";
  throw error;
}

export class Frame {
  readonly evaluation: Evaluation;
  readonly #templateName: string;
  readonly #variables: Variable[] = [];
  /** What is being evaluated. */
  node: Node | undefined;

  /** `data` is what `$` stands for. */
  constructor(evaluation: Evaluation, templateName: string, data: Result) {
    this.evaluation = evaluation;
    this.#templateName = templateName;
    this.declare("$", data);
  }

  variable(name: string): Result {
    return this.#find(name).value;
  }

  declare(name: string, value: Result): void {
    this.#variables.push({ name, value });
  }

  assign(name: string, value: Result): void {
    this.#find(name).value = value;
  }

  /** How many variables can be seen. */
  get visible(): number {
    return this.#variables.length;
  }

  /** Those that were declared since then end. */
  hide(visible: number): void {
    this.#variables.length = visible;
  }

  /** What was thrown while `node` called a function of this name. */
  blame(error: unknown, node: Node, name: string): never {
    const failure = error instanceof TemplateError ? error.message.replace(/^execute: /, "") : messageOf(error);
    this.node = node;
    return this.fail(`error calling ${name}: ${failure}`);
  }

  /** What was thrown while the current node was looked at. */
  locate(error: unknown): never {
    if (error instanceof TemplateError) throw error;
    return this.fail(messageOf(error));
  }

  fail(message: string): never {
    const { node } = this;
    throw new TemplateError("execute", `execute: template: ${this.#where()}${message}`, {
      excerpt: node === undefined ? undefined : excerptOf(this.evaluation.source, node.position),
    });
  }

  #find(name: string): Variable {
    return this.#variables.findLast((variable) => variable.name === name) ?? this.fail(`undefined variable: ${name}`);
  }

  /** `:3:5: executing "" at <.Data.x>: `; columns count bytes from 0. */
  #where(): string {
    const { name, source } = this.evaluation;
    if (this.node === undefined) return `${this.#templateName}: `;
    const before = source.slice(0, this.node.position);
    const lineStart = before.lastIndexOf("\n") + 1;
    const line = lineAt(source, this.node.position);
    const column = byteLength(before.slice(lineStart));
    return `${name}:${line}:${column}: executing ${quote(this.#templateName)} at <${printNode(this.node)}>: `;
  }
}
