/** Walks a parsed template and writes its output, as Go's text/template does. */

import type { Budget } from "../budget.ts";
import { type BranchNode, type Node, type PipeNode, printNode, type Statement, type TemplateNode } from "./ast.ts";
import { element, type Result, unboxed } from "./boxed.ts";
import { Expressions } from "./expressions.ts";
import { formatPlain } from "./format.ts";
import { type Evaluation, Frame } from "./frame.ts";
import type { CallContext } from "./function.ts";
import { dereferenced } from "./memory.ts";
import { sortedEntries } from "./order.ts";
import { quote } from "./quote.ts";
import { Channel, fail, GoMap, Integer, isTrue, Slice, type Value } from "./values.ts";

/** The output of the main template; throws a TemplateError of the phase `execute`. */
export function evaluate(evaluation: Evaluation): string {
  return new Evaluator(evaluation, evaluation.name, undefined, { templates: 0 }).run();
}

/** How deep templates may call each other; a circular one ends here. */
const MAX_TEMPLATE_DEPTH = 250;

/** How many templates are inside each other, of all in one evaluation. */
interface Shared {
  templates: number;
}

/** Where a {{break}} or {{continue}} is on its way to. */
type Flow = "next" | "break" | "continue";

class Evaluator {
  readonly #list: readonly Statement[];
  readonly #data: Result;
  readonly #shared: Shared;
  readonly #budget: Budget;
  readonly #frame: Frame;
  readonly #expressions: Expressions;
  readonly #output: string[] = [];

  constructor(evaluation: Evaluation, templateName: string, data: Result, shared: Shared) {
    this.#list = evaluation.templates.get(templateName) ?? [];
    this.#data = data;
    this.#shared = shared;
    this.#budget = evaluation.session.budget;
    this.#frame = new Frame(evaluation, templateName, data);
    this.#expressions = new Expressions(this.#frame, this.#context());
  }

  run(): string {
    if (++this.#shared.templates > MAX_TEMPLATE_DEPTH) {
      this.#frame.fail(`exceeded maximum template depth (${MAX_TEMPLATE_DEPTH})`);
    }
    try {
      this.#walkList(this.#data, this.#list);
    } catch (error) {
      this.#frame.locate(error);
    }
    this.#shared.templates--;
    return this.#output.join("");
  }

  #walkList(dot: Result, list: readonly Statement[]): Flow {
    for (const statement of list) {
      const flow = this.#walk(dot, statement);
      if (flow !== "next") return flow;
    }
    return "next";
  }

  #walk(dot: Result, statement: Statement): Flow {
    this.#frame.node = statement;
    this.#budget.step();
    switch (statement.type) {
      case "text":
        this.#write(statement.text);
        return "next";
      case "action": {
        const value = this.#expressions.pipeline(dot, statement.pipe);
        if (statement.pipe.variables.length === 0) this.#print(statement, value);
        return "next";
      }
      case "break":
      case "continue":
        return statement.type;
      case "if":
      case "with":
      case "range": {
        const { visible } = this.#frame;
        const flow = statement.type === "range" ? this.#range(dot, statement) : this.#branch(dot, statement);
        this.#frame.hide(visible);
        return flow;
      }
      case "template":
        this.#callTemplate(dot, statement);
        return "next";
    }
  }

  #branch(dot: Result, node: BranchNode): Flow {
    const value = this.#expressions.pipeline(dot, node.pipe);
    if (isTrue(unboxed(value) ?? null)) return this.#walkList(node.type === "with" ? value : dot, node.list);
    return node.otherwise === undefined ? "next" : this.#walkList(dot, node.otherwise);
  }

  #range(dot: Result, node: BranchNode): Flow {
    const over = unboxed(this.#expressions.pipeline(dot, node.pipe));
    let empty = true;
    for (const [key, value] of this.#iterate(over, node.pipe)) {
      empty = false;
      if (this.#iteration(node, key, value) === "break") break;
    }
    return empty && node.otherwise !== undefined ? this.#walkList(dot, node.otherwise) : "next";
  }

  #iteration(node: BranchNode, key: Result, value: Result): Flow {
    // Counted for every iteration too: a loop may be empty.
    this.#budget.step();
    const { variables, assigns } = node.pipe;
    const values = variables.length > 1 ? [key, value] : [value];
    const { visible } = this.#frame;
    variables.forEach((name, i) => {
      if (assigns) this.#frame.assign(name, values[i]);
      else this.#frame.declare(name, values[i]);
    });
    const flow = this.#walkList(value, node.list);
    this.#frame.hide(visible);
    return flow;
  }

  /** What a range goes over, as pairs of index or key and value. */
  *#iterate(over: Value | undefined, pipe: PipeNode): Iterable<readonly [Result, Result]> {
    if (over === undefined) return;
    const count = over instanceof Integer ? over.value : over;
    if (typeof count === "bigint") {
      if (pipe.variables.length > 1)
        this.#frame.fail(`can't use ${formatPlain(over)} to iterate over more than one variable`);
      for (let i = 0n; i < count; i++) yield [undefined, over instanceof Integer ? new Integer(over.kind, i) : i];
    } else if (over instanceof Slice) {
      for (const [i, item] of over.items.entries()) yield [BigInt(i), element(over.element, item)];
    } else if (over instanceof Channel) {
      let i = 0n;
      for (const item of over.items) yield [i++, item];
    } else if (over instanceof GoMap) {
      for (const [key, item] of sortedEntries(over)) yield [element(over.key, key), element(over.element, item)];
    } else this.#frame.fail(`range can't iterate over ${formatPlain(dereferenced(over))}`);
  }

  #callTemplate(dot: Result, node: TemplateNode): void {
    if (!this.#frame.evaluation.templates.has(node.name)) this.#frame.fail(`template ${quote(node.name)} not defined`);
    const data = node.pipe === undefined ? undefined : this.#expressions.pipeline(dot, node.pipe);
    if (this.#shared.templates >= MAX_TEMPLATE_DEPTH) {
      this.#frame.node = node;
      this.#frame.fail(`exceeded maximum template depth (${MAX_TEMPLATE_DEPTH})`);
    }
    this.#output.push(new Evaluator(this.#frame.evaluation, node.name, data, this.#shared).run());
  }

  #print(node: Node, result: Result): void {
    this.#frame.node = node;
    const value = unboxed(result);
    if (value instanceof Channel) this.#frame.fail(`can't print ${printNode(node)} of type <-chan ${value.element}`);
    const text = value === undefined ? "<no value>" : formatPlain(dereferenced(value));
    // A text of its own is there already; of everything else it is made here.
    if (typeof value === "object") this.#budget.spend(text.length / 16);
    this.#write(text);
  }

  #write(text: string): void {
    this.#budget.write(text.length);
    this.#output.push(text);
  }

  #context(): CallContext {
    return {
      session: this.#frame.evaluation.session,
      executeTemplate: (name, data) => {
        const { templates, name: main } = this.#frame.evaluation;
        if (!templates.has(name)) fail(`template: no template ${quote(name)} associated with template ${quote(main)}`);
        return new Evaluator(this.#frame.evaluation, name, data ?? undefined, this.#shared).run();
      },
    };
  }
}
