/** Tokens into a tree, with the error texts of Go's text/template. */
import { TemplateError } from "../../errors.ts";
import type { CommandNode, NumberNode, Operand, PipeNode, Statement, TemplateNode } from "./ast.ts";
import { describeToken, type Token, type TokenType, tokenize } from "./lexer.ts";
import { parseCharacter, parseComplex, parseConstant } from "./number.ts";
import { quote, unquote } from "./quote.ts";

export interface ParseOptions {
  readonly name: string;
  readonly leftDelimiter: string;
  readonly rightDelimiter: string;
  /** Why the function of this name cannot be used; undefined when it can. */
  refusal(functionName: string): string | undefined;
}

/** The templates of one source by name; the main one has the source's own name. */
export type TemplateSet = ReadonlyMap<string, readonly Statement[]>;

/** Parses a template and everything that it defines; throws a TemplateError of the phase `parse`. */
export function parseTemplate(source: string, options: ParseOptions): TemplateSet {
  return new Parser(source, options).run();
}

/** Control structures and parentheses inside each other: far more than any text written by hand has. */
const MAX_NESTING = 200;

/** How an {{end}} or {{else}} is handed to the structure that it belongs to. */
interface Terminator {
  readonly type: "end" | "else";
}

class Parser {
  readonly #options: ParseOptions;
  readonly #tokens: readonly Token[];
  readonly #templates = new Map<string, readonly Statement[]>();
  #at = 0;
  /** How far tokens were looked at; errors name the line of the furthest. */
  #seen = 0;
  #variables: string[] = ["$"];
  #rangeDepth = 0;
  #nesting = 0;
  /** Where the action that is being read began, 0 outside of one. */
  #actionLine = 0;

  constructor(source: string, options: ParseOptions) {
    this.#options = options;
    this.#tokens = tokenize(source, options.leftDelimiter || "{{", options.rightDelimiter || "}}");
  }

  run(): TemplateSet {
    const root: Statement[] = [];
    while (this.#peek().type !== "EOF") {
      if (this.#takeDefinition()) continue;
      const statement = this.#textOrAction();
      if (isTerminator(statement)) this.#fail(`unexpected {{${statement.type}}}`);
      root.push(statement);
    }
    this.#add(this.#options.name, root);
    return this.#templates;
  }

  #takeDefinition(): boolean {
    if (this.#peek().type !== "leftDelim") return false;
    const start = this.#at++;
    if (this.#nextNonSpace().type === "define") {
      this.#definition();
      return true;
    }
    this.#at = start;
    return false;
  }

  #definition(): void {
    const context = "define clause";
    const name = this.#templateName(this.#nextNonSpace(), context);
    this.#expect("rightDelim", context);
    this.#add(name, this.#separateTemplate(context));
  }

  /** The body of a {{define}} or {{block}}: variables and loops around it do not reach into it. */
  #separateTemplate(context: string): readonly Statement[] {
    const outer = { variables: this.#variables, rangeDepth: this.#rangeDepth };
    this.#variables = ["$"];
    this.#rangeDepth = 0;
    const { list, terminator } = this.#nested(() => this.#itemList());
    if (terminator.type !== "end") this.#fail(`unexpected {{else}} in ${context}`);
    this.#variables = outer.variables;
    this.#rangeDepth = outer.rangeDepth;
    return list;
  }

  /** An empty template does not count as one that is defined already. */
  #add(name: string, list: readonly Statement[]): void {
    const known = this.#templates.get(name);
    if (known === undefined || isEmpty(known)) this.#templates.set(name, list);
    else if (!isEmpty(list)) this.#fail(`template: multiple definition of template ${quote(name)}`);
  }

  #itemList(): { list: readonly Statement[]; terminator: Terminator } {
    const list: Statement[] = [];
    while (this.#peekNonSpace().type !== "EOF") {
      const statement = this.#textOrAction();
      if (isTerminator(statement)) return { list, terminator: statement };
      list.push(statement);
    }
    return this.#fail("unexpected EOF");
  }

  #textOrAction(): Statement | Terminator {
    const token = this.#nextNonSpace();
    if (token.type === "text") return { type: "text", position: token.position, text: token.text };
    if (token.type !== "leftDelim") return this.#unexpected(token, "input");
    this.#actionLine = token.line;
    const statement = this.#action();
    this.#actionLine = 0;
    return statement;
  }

  #action(): Statement | Terminator {
    const start = this.#at;
    const token = this.#nextNonSpace();
    switch (token.type) {
      case "block":
        return this.#block();
      case "break":
      case "continue":
        this.#expect("rightDelim", `{{${token.type}}}`);
        if (this.#rangeDepth === 0) this.#fail(`{{${token.type}}} outside {{range}}`);
        return { type: token.type, position: token.position };
      case "else": {
        const next = this.#peekNonSpace().type;
        if (next !== "if" && next !== "with") this.#expect("rightDelim", "else");
        return { type: "else" };
      }
      case "end":
        this.#expect("rightDelim", "end");
        return { type: "end" };
      case "if":
      case "range":
      case "with":
        return this.#nested(() => this.#branch(token.type as "if" | "range" | "with"));
      case "template":
        return this.#template();
    }
    this.#at = start;
    const position = this.#peekNonSpace().position;
    return { type: "action", position, pipe: this.#pipeline("command", "rightDelim") };
  }

  #branch(type: "if" | "range" | "with"): Statement {
    const visible = this.#variables.length;
    const pipe = this.#pipeline(type, "rightDelim");
    if (type === "range") this.#rangeDepth++;
    const { list, terminator } = this.#itemList();
    if (type === "range") this.#rangeDepth--;
    const otherwise = terminator.type === "else" ? this.#otherwise(type) : undefined;
    this.#variables.length = visible;
    return { type, position: pipe.position, pipe, list, otherwise };
  }

  #otherwise(type: "if" | "range" | "with"): readonly Statement[] {
    if ((type === "if" || type === "with") && this.#peekNonSpace().type === type) {
      this.#nextNonSpace();
      return [this.#nested(() => this.#branch(type))];
    }
    const { list, terminator } = this.#itemList();
    if (terminator.type !== "end") this.#fail("expected end; found {{else}}");
    return list;
  }

  #block(): TemplateNode {
    const context = "block clause";
    const token = this.#nextNonSpace();
    const name = this.#templateName(token, context);
    const pipe = this.#pipeline(context, "rightDelim");
    this.#add(name, this.#separateTemplate(context));
    return { type: "template", position: token.position, name, pipe };
  }

  #template(): TemplateNode {
    const context = "template clause";
    const token = this.#nextNonSpace();
    const name = this.#templateName(token, context);
    if (this.#peekNonSpace().type === "rightDelim") {
      this.#nextNonSpace();
      return { type: "template", position: token.position, name, pipe: undefined };
    }
    return { type: "template", position: token.position, name, pipe: this.#pipeline(context, "rightDelim") };
  }

  #templateName(token: Token, context: string): string {
    if (token.type !== "string" && token.type !== "rawString") this.#unexpected(token, context);
    return unquote(token.text) ?? this.#fail("invalid syntax");
  }

  #pipeline(context: string, end: TokenType): PipeNode {
    const position = this.#peekNonSpace().position;
    const { variables, assigns } = this.#declarations(context);
    const commands: CommandNode[] = [];
    for (;;) {
      const start = this.#at;
      const token = this.#nextNonSpace();
      if (token.type === end) break;
      if (!OPERAND_STARTS.has(token.type)) this.#unexpected(token, context);
      this.#at = start;
      commands.push(this.#command());
    }
    if (commands.length === 0) this.#fail(`missing value for ${context}`);
    const literal = commands.findIndex((command, i) => i > 0 && LITERALS.has(command.operands[0].type));
    if (literal > 0) this.#fail(`non executable command in pipeline stage ${literal + 1}`);
    return { type: "pipe", position, assigns, variables, commands };
  }

  /** `$x :=`, `$x =` and, in a range, `$i, $x :=`. */
  #declarations(context: string): { variables: readonly string[]; assigns: boolean } {
    const variables: string[] = [];
    while (this.#peekNonSpace().type === "variable") {
      const start = this.#at;
      const variable = this.#nextNonSpace();
      const next = this.#peekNonSpace();
      const comma = next.type === "char" && next.text === ",";
      if (next.type !== "assign" && next.type !== "declare" && !comma) {
        this.#at = start;
        break;
      }
      this.#nextNonSpace();
      const name = variable.text.split(".")[0]!;
      variables.push(name);
      this.#variables.push(name);
      if (!comma) return { variables, assigns: next.type === "assign" };
      if (context !== "range" || variables.length >= 2) this.#fail(`too many declarations in ${context}`);
      const after = this.#peekNonSpace().type;
      if (after !== "variable" && after !== "rightDelim" && after !== "rightParen") {
        this.#fail("range can only initialize variables");
      }
    }
    return { variables, assigns: false };
  }

  #command(): CommandNode {
    const position = this.#peekNonSpace().position;
    const operands: Operand[] = [];
    for (;;) {
      this.#peekNonSpace();
      const operand = this.#operand();
      if (operand !== undefined) operands.push(operand);
      const token = this.#next();
      if (token.type === "space") continue;
      if (token.type === "rightDelim" || token.type === "rightParen") this.#at--;
      else if (token.type !== "pipe") this.#unexpected(token, "operand");
      break;
    }
    const [first, ...rest] = operands;
    if (first === undefined) return this.#fail("empty command");
    return { type: "command", position, operands: [first, ...rest] };
  }

  #operand(): Operand | undefined {
    const term = this.#term();
    if (term === undefined || this.#peek().type !== "field") return term;
    const position = this.#peek().position;
    const names: string[] = [];
    while (this.#peek().type === "field") names.push(this.#next().text.slice(1));
    if (term.type === "field" || term.type === "variable")
      return { ...term, position, names: [...term.names, ...names] };
    if (LITERALS.has(term.type)) this.#fail(`unexpected . after term ${quote(printLiteral(term))}`);
    return { type: "chain", position, node: term, names };
  }

  #term(): Operand | undefined {
    const start = this.#at;
    const token = this.#nextNonSpace();
    const { position, text } = token;
    switch (token.type) {
      case "identifier": {
        const refusal = this.#options.refusal(text);
        if (refusal !== undefined) this.#fail(refusal);
        return { type: "identifier", position, name: text };
      }
      case "dot":
      case "nil":
        return { type: token.type, position };
      case "variable":
        if (!this.#variables.includes(text)) this.#fail(`undefined variable ${quote(text)}`);
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
        return this.#nested(() => this.#pipeline("parenthesized pipeline", "rightParen"));
      case "string":
      case "rawString":
        return { type: "string", position, source: text, value: unquote(text) ?? this.#fail("invalid syntax") };
    }
    this.#at = start;
    this.#peekNonSpace();
    return undefined;
  }

  #number(token: Token): NumberNode {
    const parse =
      token.type === "charConstant" ? parseCharacter : token.type === "complex" ? parseComplex : parseConstant;
    const constant = parse(token.text);
    if (typeof constant === "string") return this.#fail(constant);
    return { type: "number", position: token.position, source: token.text, ...constant };
  }

  #nested<T>(parse: () => T): T {
    if (++this.#nesting > MAX_NESTING) this.#fail(`nested more than ${MAX_NESTING} deep`);
    const parsed = parse();
    this.#nesting--;
    return parsed;
  }

  #peek(): Token {
    this.#seen = Math.max(this.#seen, this.#at);
    return this.#tokens[this.#at] ?? this.#tokens.at(-1)!;
  }

  #next(): Token {
    const token = this.#peek();
    this.#at++;
    return token;
  }

  #peekNonSpace(): Token {
    while (this.#peek().type === "space") this.#at++;
    return this.#peek();
  }

  #nextNonSpace(): Token {
    const token = this.#peekNonSpace();
    this.#at++;
    return token;
  }

  #expect(type: TokenType, context: string): Token {
    const token = this.#nextNonSpace();
    return token.type === type ? token : this.#unexpected(token, context);
  }

  #unexpected(token: Token, context: string): never {
    if (token.type !== "error") this.#fail(`unexpected ${describeToken(token)} in ${context}`);
    if (this.#actionLine === 0 || this.#actionLine === token.line) this.#fail(token.text);
    const where = ` started at ${this.#options.name}:${this.#actionLine}`;
    this.#fail(token.text.endsWith(" action") ? token.text + where : `${token.text} in action${where}`);
  }

  #fail(message: string): never {
    const line = (this.#tokens[this.#seen] ?? this.#tokens.at(-1)!).line;
    throw new TemplateError("parse", `parse: template: ${this.#options.name}:${line}: ${message}`);
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

function isTerminator(statement: Statement | Terminator): statement is Terminator {
  return statement.type === "end" || statement.type === "else";
}

function isEmpty(list: readonly Statement[]): boolean {
  return list.every((statement) => statement.type === "text" && /^[ \t\r\n]*$/.test(statement.text));
}
