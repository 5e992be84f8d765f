/** One template while it is walked: its variables, the node that errors name, and what all templates of the source share. */
import { TemplateError } from "../../errors.ts";
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

  /** Variables that are declared in `walk` end with it. */
  scoped<T>(walk: () => T): T {
    const visible = this.#variables.length;
    const result = walk();
    this.#variables.length = visible;
    return result;
  }

  /** Runs what may throw a FunctionError, which becomes an error at the current node, or at `node`. */
  guard<T>(run: () => T, node?: Node, prefix = ""): T {
    try {
      return run();
    } catch (error) {
      const failure =
        error instanceof TemplateError && prefix !== "" ? error.message.replace(/^execute: /, "") : undefined;
      if (failure === undefined && !(error instanceof FunctionError)) throw error;
      if (node !== undefined) this.node = node;
      return this.fail(prefix + (failure ?? (error as FunctionError).message));
    }
  }

  fail(message: string): never {
    throw new TemplateError("execute", `execute: template: ${this.#where()}${message}`);
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
    const line = before.split("\n").length;
    const column = byteLength(before.slice(lineStart));
    return `${name}:${line}:${column}: executing ${quote(this.#templateName)} at <${printNode(this.node)}>: `;
  }
}
