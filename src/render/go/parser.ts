/** Tokens into a tree, with the error texts of Go's text/template. */
import type { Statement, TemplateNode } from "./ast.ts";
import { tokenize } from "./lexer.ts";
import { PipelineParser } from "./pipeline-parser.ts";
import { quote, unquote } from "./quote.ts";
import { TokenReader } from "./token-reader.ts";
import type { Token } from "./tokens.ts";

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

/** How an {{end}} or {{else}} is handed to the structure that it belongs to. */
interface Terminator {
  readonly type: "end" | "else";
}

class Parser {
  readonly #name: string;
  readonly #tokens: TokenReader;
  readonly #pipelines: PipelineParser;
  readonly #templates = new Map<string, readonly Statement[]>();
  #rangeDepth = 0;

  constructor(source: string, options: ParseOptions) {
    const tokens = tokenize(source, options.leftDelimiter || "{{", options.rightDelimiter || "}}");
    this.#name = options.name;
    this.#tokens = new TokenReader(tokens, options.name, source);
    this.#pipelines = new PipelineParser(this.#tokens, options.refusal);
  }

  run(): TemplateSet {
    const root: Statement[] = [];
    while (this.#tokens.peek().type !== "EOF") {
      if (this.#takeDefinition()) continue;
      const statement = this.#textOrAction();
      if (isTerminator(statement)) this.#tokens.fail(`unexpected {{${statement.type}}}`);
      root.push(statement);
    }
    this.#add(this.#name, root);
    return this.#templates;
  }

  #takeDefinition(): boolean {
    if (this.#tokens.peek().type !== "leftDelim") return false;
    const start = this.#tokens.at++;
    if (this.#tokens.nextNonSpace().type === "define") {
      this.#definition();
      return true;
    }
    this.#tokens.at = start;
    return false;
  }

  #definition(): void {
    const context = "define clause";
    const name = this.#templateName(this.#tokens.nextNonSpace(), context);
    this.#tokens.expect("rightDelim", context);
    this.#add(name, this.#separateTemplate(context));
  }

  /** The body of a {{define}} or {{block}}: variables and loops around it do not reach into it. */
  #separateTemplate(context: string, place?: Token): readonly Statement[] {
    const outer = { variables: this.#pipelines.variables, rangeDepth: this.#rangeDepth };
    this.#pipelines.variables = ["$"];
    this.#rangeDepth = 0;
    const { list, terminator } = this.#tokens.nested(() => this.#itemList());
    if (terminator.type !== "end") this.#tokens.fail(`unexpected {{else}} in ${context}`, place);
    this.#pipelines.variables = outer.variables;
    this.#rangeDepth = outer.rangeDepth;
    return list;
  }

  /** An empty template does not count as one that is defined already. */
  #add(name: string, list: readonly Statement[]): void {
    const known = this.#templates.get(name);
    if (known === undefined || isEmpty(known)) this.#templates.set(name, list);
    else if (!isEmpty(list)) this.#tokens.fail(`template: multiple definition of template ${quote(name)}`);
  }

  #itemList(): { list: readonly Statement[]; terminator: Terminator } {
    const list: Statement[] = [];
    while (this.#tokens.peekNonSpace().type !== "EOF") {
      const statement = this.#textOrAction();
      if (isTerminator(statement)) return { list, terminator: statement };
      list.push(statement);
    }
    return this.#tokens.fail("unexpected EOF");
  }

  #textOrAction(): Statement | Terminator {
    const token = this.#tokens.nextNonSpace();
    if (token.type === "text") return { type: "text", position: token.position, text: token.text };
    if (token.type !== "leftDelim") return this.#tokens.unexpected(token, "input");
    this.#tokens.actionLine = token.line;
    const statement = this.#action();
    this.#tokens.actionLine = 0;
    return statement;
  }

  #action(): Statement | Terminator {
    const start = this.#tokens.at;
    const token = this.#tokens.nextNonSpace();
    switch (token.type) {
      case "block":
        return this.#block();
      case "break":
      case "continue":
        this.#tokens.expect("rightDelim", `{{${token.type}}}`);
        if (this.#rangeDepth === 0) this.#tokens.fail(`{{${token.type}}} outside {{range}}`);
        return { type: token.type, position: token.position };
      case "else": {
        const next = this.#tokens.peekNonSpace().type;
        if (next !== "if" && next !== "with") this.#tokens.expect("rightDelim", "else");
        return { type: "else" };
      }
      case "end":
        this.#tokens.expect("rightDelim", "end");
        return { type: "end" };
      case "if":
      case "range":
      case "with":
        return this.#tokens.nested(() => this.#branch(token.type as "if" | "range" | "with"));
      case "template":
        return this.#template();
    }
    this.#tokens.at = start;
    const position = this.#tokens.peekNonSpace().position;
    return { type: "action", position, pipe: this.#pipelines.pipeline("command", "rightDelim") };
  }

  #branch(type: "if" | "range" | "with"): Statement {
    const visible = this.#pipelines.variables.length;
    const pipe = this.#pipelines.pipeline(type, "rightDelim");
    if (type === "range") this.#rangeDepth++;
    const { list, terminator } = this.#itemList();
    if (type === "range") this.#rangeDepth--;
    const otherwise = terminator.type === "else" ? this.#otherwise(type) : undefined;
    this.#pipelines.variables.length = visible;
    return { type, position: pipe.position, pipe, list, otherwise };
  }

  #otherwise(type: "if" | "range" | "with"): readonly Statement[] {
    if ((type === "if" || type === "with") && this.#tokens.peekNonSpace().type === type) {
      this.#tokens.nextNonSpace();
      return [this.#tokens.nested(() => this.#branch(type))];
    }
    const { list, terminator } = this.#itemList();
    if (terminator.type !== "end") this.#tokens.fail("expected end; found {{else}}");
    return list;
  }

  #block(): TemplateNode {
    const context = "block clause";
    const token = this.#tokens.nextNonSpace();
    const name = this.#templateName(token, context);
    const pipe = this.#pipelines.pipeline(context, "rightDelim");
    // What reads the block's body is another parser, whose lines this one does not know.
    this.#add(name, this.#separateTemplate(context, this.#tokens.seen));
    return { type: "template", position: token.position, name, pipe };
  }

  #template(): TemplateNode {
    const context = "template clause";
    const token = this.#tokens.nextNonSpace();
    const name = this.#templateName(token, context);
    if (this.#tokens.peekNonSpace().type === "rightDelim") {
      this.#tokens.nextNonSpace();
      return { type: "template", position: token.position, name, pipe: undefined };
    }
    return { type: "template", position: token.position, name, pipe: this.#pipelines.pipeline(context, "rightDelim") };
  }

  #templateName(token: Token, context: string): string {
    if (token.type !== "string" && token.type !== "rawString") this.#tokens.unexpected(token, context);
    return unquote(token.text) ?? this.#tokens.fail("invalid syntax");
  }
}

function isTerminator(statement: Statement | Terminator): statement is Terminator {
  return statement.type === "end" || statement.type === "else";
}

function isEmpty(list: readonly Statement[]): boolean {
  return list.every((statement) => statement.type === "text" && /^[ \t\r\n]*$/.test(statement.text));
}
