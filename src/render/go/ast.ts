/** What a template parses into, and how Go prints a piece of it in an error message. */
import { quote } from "./quote.ts";
import type { Value } from "./values.ts";

/** Every node has the offset (in UTF-16 units) at which error messages point. */
interface Positioned {
  readonly position: number;
}

export type Operand =
  | (Positioned & { readonly type: "bool"; readonly value: boolean })
  | (Positioned & { readonly type: "string"; readonly source: string; readonly value: string })
  | NumberNode
  | (Positioned & { readonly type: "nil" })
  | (Positioned & { readonly type: "dot" })
  | (Positioned & { readonly type: "identifier"; readonly name: string })
  | (Positioned & { readonly type: "field"; readonly names: readonly string[] })
  /** `$x.A.b`: the names begin with the variable. */
  | (Positioned & { readonly type: "variable"; readonly names: readonly string[] })
  | ChainNode
  | PipeNode;

/** A constant may serve as several types; which, the place where it is used decides. */
export interface NumberNode extends Positioned {
  readonly type: "number";
  readonly source: string;
  /** What it is where any type will do; undefined when it overflows an int. */
  readonly ideal: Value | undefined;
  readonly integer: bigint | undefined;
  readonly float: number | undefined;
}

/** Fields of something in parentheses or of a function without arguments. */
export interface ChainNode extends Positioned {
  readonly type: "chain";
  readonly node: Operand;
  readonly names: readonly string[];
}

export interface PipeNode extends Positioned {
  readonly type: "pipe";
  /** `=` rather than `:=`. */
  readonly assigns: boolean;
  readonly variables: readonly string[];
  readonly commands: readonly CommandNode[];
}

export interface CommandNode extends Positioned {
  readonly type: "command";
  /** What is called, or stands for itself. */
  readonly first: Operand;
  readonly args: readonly Operand[];
}

export interface TemplateNode extends Positioned {
  readonly type: "template";
  readonly name: string;
  readonly pipe: PipeNode | undefined;
}

export interface BranchNode extends Positioned {
  readonly type: "if" | "with" | "range";
  readonly pipe: PipeNode;
  readonly list: readonly Statement[];
  readonly otherwise: readonly Statement[] | undefined;
}

export type Statement =
  | (Positioned & { readonly type: "text"; readonly text: string })
  | (Positioned & { readonly type: "action"; readonly pipe: PipeNode })
  | (Positioned & { readonly type: "break" | "continue" })
  | BranchNode
  | TemplateNode;

export type Node = Statement | Operand | CommandNode;

/** The text of a node as Go reconstructs it. */
export function printNode(node: Node): string {
  switch (node.type) {
    case "text":
      return node.text;
    case "action":
      return `{{${printNode(node.pipe)}}}`;
    case "break":
    case "continue":
      return `{{${node.type}}}`;
    case "if":
    case "with":
    case "range": {
      const otherwise = node.otherwise === undefined ? "" : `{{else}}${printList(node.otherwise)}`;
      return `{{${node.type} ${printNode(node.pipe)}}}${printList(node.list)}${otherwise}{{end}}`;
    }
    case "template":
      return `{{template ${quote(node.name)}${node.pipe ? ` ${printNode(node.pipe)}` : ""}}}`;
    case "pipe": {
      const declared = node.variables.length > 0 ? `${node.variables.join(", ")} ${node.assigns ? "=" : ":="} ` : "";
      return declared + node.commands.map(printNode).join(" | ");
    }
    case "command":
      return [node.first, ...node.args].map(printArgument).join(" ");
    case "bool":
      return String(node.value);
    case "string":
    case "number":
      return node.source;
    case "nil":
      return "nil";
    case "dot":
      return ".";
    case "identifier":
      return node.name;
    case "field":
      return node.names.map((name) => `.${name}`).join("");
    case "variable":
      return node.names.join(".");
    case "chain":
      return printArgument(node.node) + node.names.map((name) => `.${name}`).join("");
  }
}

function printArgument(node: Operand): string {
  return node.type === "pipe" ? `(${printNode(node)})` : printNode(node);
}

function printList(list: readonly Statement[]): string {
  return list.map(printNode).join("");
}
