/** What actions say: pipelines, commands, fields, and calls with their arguments. */
import { type CommandNode, type Node, type NumberNode, type Operand, type PipeNode, printNode } from "./ast.ts";
import { type Result, unboxed } from "./boxed.ts";
import { BUILTINS } from "./builtins.ts";
import { canBeNil, convert, zeroOf } from "./convert.ts";
import { type BoundMethod, field, methodOf } from "./fields.ts";
import type { Frame } from "./frame.ts";
import type { CallContext } from "./function.ts";
import { quote } from "./quote.ts";
import { fail, Integer, isTrue, type ParameterType, stringOf, typeName, type Value } from "./values.ts";

const NO_ARGUMENT = Symbol("no piped argument");
type Final = Result | typeof NO_ARGUMENT;

export class Expressions {
  readonly #frame: Frame;
  readonly #context: CallContext;

  /** `context` is what functions are called with. */
  constructor(frame: Frame, context: CallContext) {
    this.#frame = frame;
    this.#context = context;
  }

  /** Declares or assigns the pipeline's variables too. */
  pipeline(dot: Result, pipe: PipeNode): Result {
    this.#frame.node = pipe;
    let value: Final = NO_ARGUMENT;
    for (const command of pipe.commands) {
      value = unboxed(this.#command(dot, command, value));
    }
    const result = value as Result;
    for (const name of pipe.variables) {
      if (pipe.assigns) this.#frame.assign(name, result);
      else this.#frame.declare(name, result);
    }
    return result;
  }

  #command(dot: Result, command: CommandNode, final: Final): Result {
    const { first, args } = command;
    switch (first.type) {
      case "field":
      case "chain":
      case "variable":
        return this.#fields(dot, first, args, final);
      case "identifier":
        return this.#function(dot, first, command, args, final);
      case "pipe":
        this.#forbidArguments(first, args, final);
        return this.pipeline(dot, first);
    }
    this.#frame.node = first;
    this.#forbidArguments(first, args, final);
    if (first.type === "nil") return this.#frame.fail("nil is not a command");
    return this.#literal(dot, first);
  }

  /** `.A.b`, `$x.A.b` and `(…).A.b`: only the last name can be a method that takes the arguments. */
  #fields(
    dot: Result,
    node: Extract<Operand, { names: readonly string[] }>,
    args: readonly Operand[],
    final: Final,
  ): Result {
    this.#frame.node = node;
    const { names } = node;
    let receiver = dot;
    let at = 0;
    if (node.type === "variable") {
      receiver = this.#frame.variable(names[at++]!);
      if (names.length === 1) this.#forbidArguments(node, args, final);
    } else if (node.type === "chain") {
      receiver = this.#argument(dot, undefined, node.node);
    }
    const { errorOnMissingKey } = this.#frame.evaluation;
    for (; at < names.length; at++) {
      const name = names[at]!;
      const last = at === names.length - 1;
      const method = methodOf(receiver, name);
      if (method !== undefined) {
        receiver = this.#method(dot, node, name, method, last ? args : [], last ? final : NO_ARGUMENT);
      } else {
        const hasArguments = last && (args.length > 0 || final !== NO_ARGUMENT);
        receiver = field(receiver, name, errorOnMissingKey, hasArguments);
      }
    }
    return receiver;
  }

  #method(
    dot: Result,
    node: Node,
    name: string,
    { parameters, call }: BoundMethod,
    args: readonly Operand[],
    final: Final,
  ): Result {
    const values = this.#arguments(dot, { name, parameters, rest: undefined }, args, final);
    try {
      return call(values as Value[]);
    } catch (error) {
      return this.#frame.blame(error, node, name);
    }
  }

  #function(
    dot: Result,
    node: Extract<Operand, { type: "identifier" }>,
    command: Node,
    args: readonly Operand[],
    final: Final,
  ): Result {
    this.#frame.node = node;
    const name = node.name;
    if (name === "and" || name === "or") return this.#shortCircuit(dot, name, args, final);
    const called = this.#frame.evaluation.functions.get(name) ?? BUILTINS.get(name);
    if (called === undefined) return this.#frame.fail(`${quote(name)} is not a defined function`);
    const values = this.#arguments(dot, called, args, final);
    try {
      if (name === "call") {
        const callee = args[0] === undefined ? reflected(unboxed(final as Result) ?? null) : printNode(args[0]);
        return callNothing(callee, values[0]);
      }
      const result = called.call(values, this.#context);
      this.#context.session.budget.call(values, result);
      return result;
    } catch (error) {
      return this.#frame.blame(error, command, name);
    }
  }

  /** `and` and `or` return the operand that decides and do not look at those behind it. */
  #shortCircuit(dot: Result, name: "and" | "or", args: readonly Operand[], final: Final): Result {
    if (args.length === 0 && final === NO_ARGUMENT)
      this.#frame.fail(`wrong number of args for ${name}: want at least 1 got 0`);
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
      this.#frame.fail(`wrong number of args for ${name}: want ${parameters.length} got ${count}`);
    }
    if (count < parameters.length) {
      this.#frame.fail(`wrong number of args for ${name}: want at least ${parameters.length} got ${args.length}`);
    }
    const values: Result[] = [];
    for (let i = 0; i < args.length; i++) values.push(this.#argument(dot, parameters[i] ?? rest, args[i]!));
    if (final !== NO_ARGUMENT) values.push(this.#convert(final, parameters[count - 1] ?? rest));
    return values;
  }

  /** An operand as an argument; without a type wanted it is taken as it is. */
  #argument(dot: Result, wanted: ParameterType | undefined, operand: Operand): Result {
    this.#frame.node = operand;
    switch (operand.type) {
      case "dot":
        return this.#convert(dot, wanted);
      case "nil":
        if (wanted === undefined || canBeNil(wanted)) return wanted === undefined ? undefined : zeroOf(wanted);
        return this.#frame.fail(`cannot assign nil to ${wanted}`);
      case "field":
      case "variable":
      case "chain":
        return this.#convert(this.#fields(dot, operand, [], NO_ARGUMENT), wanted);
      case "pipe":
        return this.#convert(this.pipeline(dot, operand), wanted);
      case "identifier":
        return this.#convert(this.#function(dot, operand, operand, [], NO_ARGUMENT), wanted);
    }
    switch (wanted) {
      case "string":
        return operand.type === "string"
          ? operand.value
          : this.#frame.fail(`expected string; found ${printNode(operand)}`);
      case "bool":
        return operand.type === "bool" ? operand.value : this.#frame.fail(`expected bool; found ${printNode(operand)}`);
      case "int":
      case "int64":
      case "time.Duration": {
        const integer = operand.type === "number" ? operand.integer : undefined;
        if (integer === undefined) return this.#frame.fail(`expected integer; found ${printNode(operand)}`);
        return wanted === "int" ? integer : new Integer("int64", integer);
      }
      case "float64":
        return (
          (operand.type === "number" ? operand.float : undefined) ??
          this.#frame.fail(`expected float; found ${printNode(operand)}`)
        );
      case undefined:
      case "interface {}":
      case "reflect.Value":
        return this.#literal(dot, operand);
    }
    return this.#frame.fail(`can't handle ${printNode(operand)} for arg of type ${wanted}`);
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
    return this.#frame.fail(`can't evaluate command ${quote(printNode(operand))}`);
  }

  #constant(node: NumberNode): Value {
    this.#frame.node = node;
    return node.ideal === undefined ? this.#frame.fail(`${node.source} overflows int`) : node.ideal;
  }

  #convert(result: Result, wanted: ParameterType | undefined): Result {
    return wanted === undefined ? result : convert(result, wanted);
  }

  #forbidArguments(node: Node, args: readonly Operand[], final: Final): void {
    if (args.length > 0 || final !== NO_ARGUMENT)
      this.#frame.fail(`can't give argument to non-function ${printNode(node)}`);
  }
}

/** How Go's reflect prints a value that it holds. */
function reflected(value: Value): string {
  return stringOf(value) ?? `<${typeName(value)} Value>`;
}

/** There are no values that are functions, so that `call` can only refuse. */
function callNothing(callee: string, result: Result): never {
  const value = unboxed(result);
  if (value === undefined) fail("call of nil");
  fail(`non-function ${callee} of type ${typeName(value)}`);
}
