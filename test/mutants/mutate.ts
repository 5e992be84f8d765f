/** Small faults that a programmer could make: each in one place of a file, which compiles and is wrong. */
import { isNode, type Node, named, parseSource, place, walk } from "../architecture/source.ts";

export interface Mutant {
  /** `src/lease/schedule.ts:57` */
  readonly place: string;
  /** What stands there, and what stands there instead. */
  readonly from: string;
  readonly to: string;
  /** The whole file with the fault. */
  readonly text: string;
}

/** In place of an operator. */
const OPERATORS: Readonly<Record<string, readonly string[]>> = {
  "<": ["<=", ">="],
  "<=": ["<", ">"],
  ">": [">=", "<="],
  ">=": [">", "<"],
  "===": ["!=="],
  "!==": ["==="],
  "+": ["-"],
  "-": ["+"],
  "*": ["/"],
  "/": ["*"],
  "&&": ["||"],
  "||": ["&&"],
};

export function mutantsOf(path: string, text: string): readonly Mutant[] {
  const file = parseSource(path, text);
  return [...walk(file.body)].flatMap(({ node }) => {
    if (node.type.startsWith("TS")) return [];
    const from = text.slice(node.start, node.end);
    return [...replacements(node, text)]
      .filter((to) => to !== from)
      .map((to) => ({
        place: place(file, node),
        from,
        to,
        text: `${text.slice(0, node.start)}${to}${text.slice(node.end)}`,
      }));
  });
}

/** What may stand in place of a node. */
function* replacements(node: Node, text: string): Generator<string> {
  const of = (child: unknown) => (isNode(child) ? text.slice(child.start, child.end) : "");
  switch (node.type) {
    case "BinaryExpression":
    case "LogicalExpression": {
      const { left, right, operator } = node;
      for (const other of OPERATORS[String(operator)] ?? []) yield `(${of(left)} ${other} ${of(right)})`;
      // A condition that is not there.
      if (operator === "&&" || operator === "||") yield* [of(left), of(right)];
      return;
    }
    case "ConditionalExpression":
      yield* [of(node.consequent), of(node.alternate)];
      return;
    case "IfStatement": {
      const { test } = node as { test?: unknown };
      if (!isNode(test)) return;
      for (const always of ["true", "false"])
        yield `${text.slice(node.start, test.start)}${always}${text.slice(test.end, node.end)}`;
      return;
    }
    case "UnaryExpression":
      if (node.operator === "!" || node.operator === "-") yield of(node.argument);
      return;
    case "UpdateExpression":
      yield of(node.argument);
      return;
    case "Literal":
      if (typeof node.value === "number") yield* node.value === 0 ? ["1"] : ["0", `(2 * ${of(node)})`];
      if (typeof node.value === "boolean") yield String(!node.value);
      return;
    case "CallExpression": {
      const { callee } = node;
      if (!isNode(callee) || !named(callee.object, "Math")) return;
      const swapped = { "Math.min": "Math.max", "Math.max": "Math.min" }[of(callee)];
      if (swapped) yield `${swapped}${text.slice(callee.end, node.end)}`;
      return;
    }
    default:
  }
}
