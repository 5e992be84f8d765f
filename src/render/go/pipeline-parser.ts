/** What stands inside of an action: pipelines, their commands and operands. */
import type { CommandNode, NumberNode, Operand, PipeNode } from "./ast.ts";
import { parseCharacter, parseComplex, parseConstant } from "./number.ts";
import { quote, unquote } from "./quote.ts";
import type { TokenReader } from "./token-reader.ts";
import type { Token, TokenType } from "./tokens.ts";

export class PipelineParser {
  readonly #tokens: TokenReader;
  readonly #refusal: (functionName: string) => string | undefined;
  /** The variables that can be used here, the innermost last. */
  variables: string[] = ["$"];

  /** `refusal` says why a function cannot be used, and nothing when it can. */
  constructor(tokens: TokenReader, refusal: (functionName: string) => string | undefined) {
    this.#tokens = tokens;
    this.#refusal = refusal;
  }

  /** A pipeline and the token of the type `end` behind it; `context` is for error messages. */
  pipeline(context: string, end: TokenType): PipeNode {
    const position = this.#tokens.peekNonSpace().position;
    const { variables, assigns } = this.#declarations(context);
    const commands: CommandNode[] = [];
    for (;;) {
      const start = this.#tokens.at;
      const token = this.#tokens.nextNonSpace();
      if (token.type === end) break;
      if (!OPERAND_STARTS.has(token.type)) this.#tokens.unexpected(token, context);
      this.#tokens.at = start;
      commands.push(this.#command());
    }
    if (commands.length === 0) this.#tokens.fail(`missing value for ${context}`);
    const literal = commands.findIndex((command, i) => i > 0 && LITERALS.has(command.first.type));
    if (literal > 0) this.#tokens.fail(`non executable command in pipeline stage ${literal + 1}`);
    return { type: "pipe", position, assigns, variables, commands };
  }

  /** `$x :=`, `$x =` and, in a range, `$i, $x :=`. */
  #declarations(context: string): { variables: readonly string[]; assigns: boolean } {
    const variables: string[] = [];
    while (this.#tokens.peekNonSpace().type === "variable") {
      const start = this.#tokens.at;
      const variable = this.#tokens.nextNonSpace();
      const next = this.#tokens.peekNonSpace();
      const comma = next.type === "char" && next.text === ",";
      if (next.type !== "assign" && next.type !== "declare" && !comma) {
        this.#tokens.at = start;
        break;
      }
      this.#tokens.nextNonSpace();
      const name = variable.text.split(".")[0]!;
      variables.push(name);
      this.variables.push(name);
      if (!comma) return { variables, assigns: next.type === "assign" };
      if (context !== "range" || variables.length >= 2) this.#tokens.fail(`too many declarations in ${context}`);
      const after = this.#tokens.peekNonSpace().type;
      if (after !== "variable" && after !== "rightDelim" && after !== "rightParen") {
        this.#tokens.fail("range can only initialize variables");
      }
    }
    return { variables, assigns: false };
  }

  #command(): CommandNode {
    const position = this.#tokens.peekNonSpace().position;
    const operands: Operand[] = [];
    for (;;) {
      this.#tokens.peekNonSpace();
      const operand = this.#operand();
      if (operand !== undefined) operands.push(operand);
      const token = this.#tokens.next();
      if (token.type === "space") continue;
      if (token.type === "rightDelim" || token.type === "rightParen") this.#tokens.at--;
      else if (token.type !== "pipe") this.#tokens.unexpected(token, "operand");
      break;
    }
    const [first, ...args] = operands;
    if (first === undefined) return this.#tokens.fail("empty command");
    return { type: "command", position, first, args };
  }

  #operand(): Operand | undefined {
    const term = this.#term();
    if (term === undefined || this.#tokens.peek().type !== "field") return term;
    const position = this.#tokens.peek().position;
    const names: string[] = [];
    while (this.#tokens.peek().type === "field") names.push(this.#tokens.next().text.slice(1));
    if (term.type === "field" || term.type === "variable")
      return { ...term, position, names: [...term.names, ...names] };
    if (LITERALS.has(term.type)) this.#tokens.fail(`unexpected . after term ${quote(printLiteral(term))}`);
    return { type: "chain", position, node: term, names };
  }

  #term(): Operand | undefined {
    const start = this.#tokens.at;
    const token = this.#tokens.nextNonSpace();
    const { position, text } = token;
    switch (token.type) {
      case "identifier": {
        const refusal = this.#refusal(text);
        if (refusal !== undefined) this.#tokens.fail(refusal);
        return { type: "identifier", position, name: text };
      }
      case "dot":
      case "nil":
        return { type: token.type, position };
      case "variable":
        if (!this.variables.includes(text)) this.#tokens.fail(`undefined variable ${quote(text)}`);
        return { type: "variable", position, names: [text] };
      case "field":
        return { type: "field", position, names: [text.slice(1)] };
      case "bool":
        return { type: "bool", position, value: text === "true" };
      case "number":
      case "complex":
      case "charConstant":
        return this.#number(token);
      case "leftParen":
        return this.#tokens.nested(() => this.pipeline("parenthesized pipeline", "rightParen"));
      case "string":
      case "rawString":
        return { type: "string", position, source: text, value: unquote(text) ?? this.#tokens.fail("invalid syntax") };
    }
    this.#tokens.at = start;
    this.#tokens.peekNonSpace();
    return undefined;
  }

  #number(token: Token): NumberNode {
    const parse =
      token.type === "charConstant" ? parseCharacter : token.type === "complex" ? parseComplex : parseConstant;
    const constant = parse(token.text);
    if (typeof constant === "string") return this.#tokens.fail(constant);
    return { type: "number", position: token.position, source: token.text, ...constant };
  }
}

const OPERAND_STARTS: ReadonlySet<TokenType> = new Set<TokenType>([
  "bool",
  "charConstant",
  "complex",
  "dot",
  "field",
  "identifier",
  "number",
  "nil",
  "rawString",
  "string",
  "variable",
  "leftParen",
]);

const LITERALS: ReadonlySet<Operand["type"]> = new Set<Operand["type"]>(["bool", "dot", "nil", "number", "string"]);

function printLiteral(node: Operand): string {
  if (node.type === "string" || node.type === "number") return node.source;
  if (node.type === "bool") return String(node.value);
  return node.type === "dot" ? "." : "nil";
}
