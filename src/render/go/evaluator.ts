/** Walks a parsed template and writes its output, as Go's text/template does. */
import { TemplateError } from "../../errors.ts";
import {
  type BranchNode,
  type CommandNode,
  type Node,
  type NumberNode,
  type Operand,
  type PipeNode,
  printNode,
  type Statement,
  type TemplateNode,
} from "./ast.ts";
import { Boxed, element, type Result, unboxed } from "./boxed.ts";
import { BUILTINS } from "./builtins.ts";
import { canBeNil, convert, zeroOf } from "./convert.ts";
import { field, type Invocation } from "./fields.ts";
import { formatPlain } from "./format.ts";
import type { CallContext, TemplateFunction } from "./function.ts";
import type { TemplateSet } from "./parser.ts";
import { quote } from "./quote.ts";
import { byteLength } from "./text.ts";
import {
  Channel,
  FunctionError,
  fail,
  GoMap,
  Integer,
  isTrue,
  type ParameterType,
  Slice,
  Struct,
  sortedEntries,
  typeName,
  type Value,
} from "./values.ts";

export interface Evaluation {
  /** The name of the source, in error messages. */
  readonly name: string;
  readonly source: string;
  readonly templates: TemplateSet;
  readonly functions: ReadonlyMap<string, TemplateFunction>;
  readonly errorOnMissingKey: boolean;
  readonly session: CallContext["session"];
}

/** The output of the main template; throws a TemplateError of the phase `execute`. */
export function evaluate(evaluation: Evaluation): string {
  return new Evaluator(evaluation, evaluation.name, { templates: 0, steps: 0, length: 0 }).run(undefined);
}

/** How deep templates may call each other; a circular one ends here. */
const MAX_TEMPLATE_DEPTH = 250;
/** How many statements one evaluation may run through, and how long its output may get (UTF-16 units). */
const MAX_STEPS = 5_000_000;
const MAX_LENGTH = 128 * 1024 * 1024;

/** Shared by everything that belongs to one evaluation. */
interface Budget {
  templates: number;
  steps: number;
  length: number;
}

interface Variable {
  readonly name: string;
  value: Result;
}

/** Where a {{break}} or {{continue}} is on its way to. */
type Flow = "next" | "break" | "continue";

const NO_ARGUMENT = Symbol("no piped argument");
type Final = Result | typeof NO_ARGUMENT;

class Evaluator {
  readonly #evaluation: Evaluation;
  readonly #templateName: string;
  readonly #budget: Budget;
  readonly #variables: Variable[] = [];
  readonly #output: string[] = [];
  #node: Node | undefined;

  constructor(evaluation: Evaluation, templateName: string, budget: Budget) {
    this.#evaluation = evaluation;
    this.#templateName = templateName;
    this.#budget = budget;
  }

  run(data: Result): string {
    const list = this.#evaluation.templates.get(this.#templateName) ?? [];
    if (++this.#budget.templates > MAX_TEMPLATE_DEPTH) {
      this.#fail(`exceeded maximum template depth (${MAX_TEMPLATE_DEPTH})`);
    }
    this.#variables.push({ name: "$", value: data });
    this.#walkList(data, list);
    this.#budget.templates--;
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
    this.#node = statement;
    this.#step();
    switch (statement.type) {
      case "text":
        this.#write(statement.text);
        return "next";
      case "action": {
        const value = this.#pipeline(dot, statement.pipe);
        if (statement.pipe.variables.length === 0) this.#print(statement, value);
        return "next";
      }
      case "break":
      case "continue":
        return statement.type;
      case "if":
      case "with":
        return this.#scoped(() => this.#branch(dot, statement));
      case "range":
        return this.#scoped(() => this.#range(dot, statement));
      case "template":
        this.#callTemplate(dot, statement);
        return "next";
    }
  }

  #branch(dot: Result, node: BranchNode): Flow {
    const value = this.#pipeline(dot, node.pipe);
    if (isTrue(unboxed(value) ?? null)) return this.#walkList(node.type === "with" ? value : dot, node.list);
    return node.otherwise === undefined ? "next" : this.#walkList(dot, node.otherwise);
  }

  #range(dot: Result, node: BranchNode): Flow {
    const over = unboxed(this.#pipeline(dot, node.pipe));
    let empty = true;
    for (const [key, value] of this.#iterate(over, node.pipe)) {
      empty = false;
      if (this.#iteration(node, key, value) === "break") break;
    }
    return empty && node.otherwise !== undefined ? this.#walkList(dot, node.otherwise) : "next";
  }

  /** Counted for every iteration too: a loop may be empty. */
  #step(): void {
    if (++this.#budget.steps > MAX_STEPS) this.#fail(`more than ${MAX_STEPS} steps`);
  }

  #iteration(node: BranchNode, key: Result, value: Result): Flow {
    this.#step();
    const { variables, assigns } = node.pipe;
    const values = variables.length > 1 ? [key, value] : [value];
    return this.#scoped(() => {
      variables.forEach((name, i) => {
        if (assigns) this.#assign(name, values[i]);
        else this.#variables.push({ name, value: values[i] });
      });
      return this.#walkList(value, node.list);
    });
  }

  /** What a range goes over, as pairs of index or key and value. */
  *#iterate(over: Value | undefined, pipe: PipeNode): Iterable<readonly [Result, Result]> {
    if (over === undefined) return;
    const count = over instanceof Integer ? over.value : over;
    if (typeof count === "bigint") {
      if (pipe.variables.length > 1) this.#fail(`can't use ${count} to iterate over more than one variable`);
      for (let i = 0n; i < count; i++) yield [undefined, over instanceof Integer ? new Integer(over.kind, i) : i];
    } else if (over instanceof Slice) {
      for (const [i, item] of over.items.entries()) yield [BigInt(i), element(over.element, item)];
    } else if (over instanceof Channel) {
      let i = 0n;
      for (const item of over.items) yield [i++, item];
    } else if (over instanceof GoMap) {
      for (const [key, item] of sortedEntries(over)) yield [element(over.key, key), element(over.element, item)];
    } else this.#fail(`range can't iterate over ${formatPlain(over)}`);
  }

  #callTemplate(dot: Result, node: TemplateNode): void {
    if (!this.#evaluation.templates.has(node.name)) this.#fail(`template ${quote(node.name)} not defined`);
    const data = node.pipe === undefined ? undefined : this.#pipeline(dot, node.pipe);
    if (this.#budget.templates >= MAX_TEMPLATE_DEPTH) {
      this.#node = node;
      this.#fail(`exceeded maximum template depth (${MAX_TEMPLATE_DEPTH})`);
    }
    this.#output.push(new Evaluator(this.#evaluation, node.name, this.#budget).run(data));
  }

  #scoped(walk: () => Flow): Flow {
    const visible = this.#variables.length;
    const flow = walk();
    this.#variables.length = visible;
    return flow;
  }

  #pipeline(dot: Result, pipe: PipeNode): Result {
    this.#node = pipe;
    let value: Final = NO_ARGUMENT;
    for (const command of pipe.commands) {
      const result: Result = this.#command(dot, command, value);
      value = result instanceof Boxed ? unboxed(result) : result;
    }
    const result = value as Result;
    for (const name of pipe.variables) {
      if (pipe.assigns) this.#assign(name, result);
      else this.#variables.push({ name, value: result });
    }
    return result;
  }

  #command(dot: Result, command: CommandNode, final: Final): Result {
    const [first, ...args] = command.operands;
    switch (first.type) {
      case "field":
      case "chain":
      case "variable":
        return this.#fields(dot, first, args, final);
      case "identifier":
        return this.#function(dot, first, command, args, final);
      case "pipe":
        this.#forbidArguments(first, args, final);
        return this.#pipeline(dot, first);
    }
    this.#node = first;
    this.#forbidArguments(first, args, final);
    if (first.type === "nil") return this.#fail("nil is not a command");
    return this.#literal(dot, first);
  }

  /** `.A.b`, `$x.A.b` and `(…).A.b`: only the last name can be a method that takes the arguments. */
  #fields(
    dot: Result,
    node: Extract<Operand, { names: readonly string[] }>,
    args: readonly Operand[],
    final: Final,
  ): Result {
    this.#node = node;
    let receiver = dot;
    let names = node.names;
    if (node.type === "variable") {
      receiver = this.#variable(names[0]!);
      names = names.slice(1);
      if (names.length === 0) {
        this.#forbidArguments(node, args, final);
        return receiver;
      }
    } else if (node.type === "chain") {
      receiver = this.#argument(dot, undefined, node.node);
    }
    names.forEach((name, i) => {
      const last = i === names.length - 1;
      const invocation: Invocation = {
        errorOnMissingKey: this.#evaluation.errorOnMissingKey,
        hasArguments: last && (args.length > 0 || final !== NO_ARGUMENT),
        call: (parameters, call) =>
          this.#method(dot, node, name, parameters, call, last ? args : [], last ? final : NO_ARGUMENT),
      };
      receiver = this.#guard(() => field(receiver, name, invocation));
    });
    return receiver;
  }

  #method(
    dot: Result,
    node: Node,
    name: string,
    parameters: readonly ParameterType[],
    call: (args: readonly Value[]) => Value,
    args: readonly Operand[],
    final: Final,
  ): Result {
    const values = this.#arguments(dot, { name, parameters, rest: undefined }, args, final);
    return this.#guard(() => call(values as Value[]), node, `error calling ${name}: `);
  }

  #function(
    dot: Result,
    node: Extract<Operand, { type: "identifier" }>,
    command: Node,
    args: readonly Operand[],
    final: Final,
  ): Result {
    this.#node = node;
    const name = node.name;
    if (name === "and" || name === "or") return this.#shortCircuit(dot, name, args, final);
    const called = this.#evaluation.functions.get(name) ?? BUILTINS.get(name);
    if (called === undefined) return this.#fail(`${quote(name)} is not a defined function`);
    const values = this.#arguments(dot, called, args, final);
    if (name === "call") {
      const callee = args[0] === undefined ? formatPlain(unboxed(final as Result) ?? null) : printNode(args[0]);
      return this.#guard(() => callNothing(callee, values[0]), command, "error calling call: ");
    }
    return this.#guard(() => called.call(values, this.#context()), command, `error calling ${name}: `);
  }

  /** `and` and `or` return the operand that decides and do not look at those behind it. */
  #shortCircuit(dot: Result, name: "and" | "or", args: readonly Operand[], final: Final): Result {
    if (args.length === 0 && final === NO_ARGUMENT)
      this.#fail(`wrong number of args for ${name}: want at least 1 got 0`);
    let value: Result;
    for (const operand of args) {
      value = this.#argument(dot, "reflect.Value", operand);
      if (isTrue(unboxed(value) ?? null) === (name === "or")) return value;
    }
    return final === NO_ARGUMENT ? value : final;
  }

  #arguments(
    dot: Result,
    signature: {
      readonly name: string;
      readonly parameters: readonly ParameterType[];
      readonly rest: ParameterType | undefined;
    },
    args: readonly Operand[],
    final: Final,
  ): Result[] {
    const { name, parameters, rest } = signature;
    const count = args.length + (final === NO_ARGUMENT ? 0 : 1);
    if (rest === undefined && count !== parameters.length) {
      this.#fail(`wrong number of args for ${name}: want ${parameters.length} got ${count}`);
    }
    if (count < parameters.length) {
      this.#fail(`wrong number of args for ${name}: want at least ${parameters.length} got ${args.length}`);
    }
    const values = args.map((operand, i) => this.#argument(dot, parameters[i] ?? rest, operand));
    if (final !== NO_ARGUMENT) values.push(this.#convert(final, parameters[count - 1] ?? rest));
    return values;
  }

  /** An operand as an argument; without a type wanted it is taken as it is. */
  #argument(dot: Result, wanted: ParameterType | undefined, operand: Operand): Result {
    this.#node = operand;
    switch (operand.type) {
      case "dot":
        return this.#convert(dot, wanted);
      case "nil":
        if (wanted === undefined || canBeNil(wanted)) return wanted === undefined ? undefined : zeroOf(wanted);
        return this.#fail(`cannot assign nil to ${wanted}`);
      case "field":
      case "variable":
      case "chain":
        return this.#convert(this.#fields(dot, operand, [], NO_ARGUMENT), wanted);
      case "pipe":
        return this.#convert(this.#pipeline(dot, operand), wanted);
      case "identifier":
        return this.#convert(this.#function(dot, operand, operand, [], NO_ARGUMENT), wanted);
    }
    switch (wanted) {
      case "string":
        return operand.type === "string" ? operand.value : this.#fail(`expected string; found ${printNode(operand)}`);
      case "bool":
        return operand.type === "bool" ? operand.value : this.#fail(`expected bool; found ${printNode(operand)}`);
      case "int":
      case "int64": {
        const integer = operand.type === "number" ? operand.integer : undefined;
        if (integer === undefined) return this.#fail(`expected integer; found ${printNode(operand)}`);
        return wanted === "int" ? integer : new Integer("int64", integer);
      }
      case "float64":
        return (
          (operand.type === "number" ? operand.float : undefined) ??
          this.#fail(`expected float; found ${printNode(operand)}`)
        );
      case undefined:
      case "interface {}":
      case "reflect.Value":
        return this.#literal(dot, operand);
    }
    return this.#fail(`can't handle ${printNode(operand)} for arg of type ${wanted}`);
  }

  #literal(dot: Result, operand: Operand): Result {
    switch (operand.type) {
      case "dot":
        return dot;
      case "bool":
      case "string":
        return operand.value;
      case "number":
        return this.#constant(operand);
    }
    return this.#fail(`can't evaluate command ${quote(printNode(operand))}`);
  }

  #constant(node: NumberNode): Value {
    this.#node = node;
    return node.ideal === undefined ? this.#fail(`${node.source} overflows int`) : node.ideal;
  }

  #convert(result: Result, wanted: ParameterType | undefined): Result {
    return wanted === undefined ? result : this.#guard(() => convert(result, wanted));
  }

  #forbidArguments(node: Node, args: readonly Operand[], final: Final): void {
    if (args.length > 0 || final !== NO_ARGUMENT) this.#fail(`can't give argument to non-function ${printNode(node)}`);
  }

  #variable(name: string): Result {
    return this.#find(name).value;
  }

  #assign(name: string, value: Result): void {
    this.#find(name).value = value;
  }

  #find(name: string): Variable {
    return this.#variables.findLast((variable) => variable.name === name) ?? this.#fail(`undefined variable: ${name}`);
  }

  #print(node: Node, result: Result): void {
    this.#node = node;
    const value = unboxed(result);
    if (value instanceof Channel) this.#fail(`can't print ${printNode(node)} of type chan ${value.element}`);
    this.#write(value === undefined ? "<no value>" : formatPlain(dereference(value)));
  }

  #write(text: string): void {
    this.#budget.length += text.length;
    if (this.#budget.length > MAX_LENGTH) this.#fail(`more than ${MAX_LENGTH} characters of output`);
    this.#output.push(text);
  }

  #context(): CallContext {
    return {
      session: this.#evaluation.session,
      executeTemplate: (name, data) => {
        const { templates, name: main } = this.#evaluation;
        if (!templates.has(name)) fail(`template: no template ${quote(name)} associated with template ${quote(main)}`);
        return new Evaluator(this.#evaluation, name, this.#budget).run(data ?? undefined);
      },
    };
  }

  /** Runs what may throw a FunctionError, which becomes an error at the current node, or at `node`. */
  #guard<T>(run: () => T, node?: Node, prefix = ""): T {
    try {
      return run();
    } catch (error) {
      const failure =
        error instanceof TemplateError && prefix !== "" ? error.message.replace(/^execute: /, "") : undefined;
      if (failure === undefined && !(error instanceof FunctionError)) throw error;
      if (node !== undefined) this.#node = node;
      return this.#fail(prefix + (failure ?? (error as FunctionError).message));
    }
  }

  #fail(message: string): never {
    throw new TemplateError("execute", `execute: template: ${this.#where()}${message}`);
  }

  /** `:3:5: executing "" at <.Data.x>: `; columns count bytes from 0. */
  #where(): string {
    const { name, source } = this.#evaluation;
    if (this.#node === undefined) return `${this.#templateName}: `;
    const before = source.slice(0, this.#node.position);
    const lineStart = before.lastIndexOf("\n") + 1;
    const line = before.split("\n").length;
    const column = byteLength(before.slice(lineStart));
    return `${name}:${line}:${column}: executing ${quote(this.#templateName)} at <${printNode(this.#node)}>: `;
  }
}

/** There are no values that are functions, so that `call` can only refuse. */
function callNothing(callee: string, result: Result): never {
  const value = unboxed(result);
  if (value === undefined) fail("call of nil");
  fail(`non-function ${callee} of type ${typeName(value)}`);
}

/** A pointer prints as what it points to. */
function dereference(value: Value): Value {
  return value instanceof Struct && value.pointer ? new Struct(value.type, value.fields, false, value.hidden) : value;
}
