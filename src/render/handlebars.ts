/**
 * Handlebars as the second language of templates: the same secrets, the same functions under the same names
 * (`{{#with (secret "database/creds/pg-role")}}{{Data.username}}{{/with}}`), nothing escaped, no prototypes reached.
 */
import { TemplateError } from "../errors.ts";
import type { Excerpt } from "./excerpt.ts";
import { functionsExcept } from "./functions/catalogue.ts";
import { BUILTINS } from "./go/builtins.ts";
import type { TemplateFunction } from "./go/function.ts";
import { quote } from "./go/quote.ts";
import { type Evaluation, type Place, registerHelpers, whereOf } from "./handlebars-helpers.ts";
import { tooDeep } from "./handlebars-nesting.ts";
import { createBridge } from "./handlebars-values.ts";
import { conclude, openSession, Unfinished } from "./session.ts";
import type { Template, TemplateOptions } from "./template.ts";

type Handlebars = typeof import("handlebars");

/** Throws a TemplateError of the phase `parse`. */
export async function compileHandlebars(source: string, options: TemplateOptions): Promise<Template> {
  const { default: handlebars } = await import("handlebars");
  if ((options.leftDelimiter || "{{") !== "{{" || (options.rightDelimiter || "}}") !== "}}") {
    throw parseError(options, "Handlebars knows no other delimiters than {{ and }}");
  }
  const { program, partials } = parse(handlebars, source, options);
  const functions = named([...BUILTINS.values(), ...functionsExcept(options.functionDenylist).values()], source);
  const environment = handlebars.create();
  printTexts(environment);
  // Compiled once, and so are the helpers: which evaluation they belong to is said while it runs.
  let evaluation: Evaluation | undefined;
  const bridge = createBridge();
  registerHelpers(environment, functions, partials, () => evaluation!);
  const render = environment.compile(program, { strict: options.errorOnMissingKey });
  return {
    execute(brain, host) {
      const session = openSession(brain, host, options);
      return conclude(session, () => {
        evaluation = { session, bridge, partials: 0 };
        return run(() => render({}, SEALED), options);
      });
    },
  };
}

const SEALED: Handlebars.RuntimeOptions = {
  allowProtoMethodsByDefault: false,
  allowProtoPropertiesByDefault: false,
};

interface Parsed {
  readonly program: hbs.AST.Program;
  readonly partials: ReadonlyMap<string, Place>;
}

function parse(handlebars: Handlebars, source: string, options: TemplateOptions): Parsed {
  const deep = tooDeep(source);
  if (deep !== undefined) throw parseError(options, deep.what, `:${deep.line}`);
  try {
    const program = withoutCollisions(handlebars.parse(source), handlebars);
    return { program, partials: partialPlaces(program, handlebars) };
  } catch (error) {
    throw parseErrorOf(error, options);
  }
}

/** Those that the template can mean: Handlebars goes through all its helpers at every evaluation. */
function named(functions: readonly TemplateFunction[], source: string): TemplateFunction[] {
  const words = new Set(source.match(/\w+/g));
  return functions.filter(({ name }) => words.has(name));
}

/** `{{@index}}` is a data variable, whatever helpers there are. */
function withoutCollisions(program: hbs.AST.Program, { Visitor }: Handlebars): hbs.AST.Program {
  const visitor = new Visitor();
  visitor.MustacheStatement = ({ path }) => {
    const name = path as hbs.AST.PathExpression;
    if (name.data) name.original = `./${name.original}`;
  };
  visitor.accept(program);
  return program;
}

/** Where each partial is first asked for, by its name. */
function partialPlaces(program: hbs.AST.Program, { Visitor }: Handlebars): ReadonlyMap<string, Place> {
  const places = new Map<string, Place>();
  const visitor = new Visitor();
  const { PartialStatement, PartialBlockStatement } = visitor;
  const note = ({ name, loc }: Pick<hbs.AST.PartialStatement, "name" | "loc">) => {
    const { original } = name as hbs.AST.PathExpression;
    if (original !== undefined && !places.has(original)) places.set(original, loc.start);
  };
  visitor.PartialStatement = (partial) => {
    note(partial);
    PartialStatement.call(visitor, partial);
  };
  visitor.PartialBlockStatement = (partial) => {
    note(partial);
    PartialBlockStatement.call(visitor, partial);
  };
  visitor.accept(program);
  return places;
}

/**
 * Whatever is printed becomes text first, and nothing is escaped: with its own option `noEscape` Handlebars adds up two
 * numbers that stand beside each other.
 */
function printTexts(environment: ReturnType<Handlebars["create"]>): void {
  const Original = (environment as unknown as { JavaScriptCompiler: new () => Generator }).JavaScriptCompiler;
  function TextCompiler(): Generator {
    const generator = new Original();
    const append = () => generator.pushSource(generator.appendToBuffer(["String(", generator.popStack(), ' ?? "")']));
    return Object.assign(generator, { append, appendEscaped: append, compiler: TextCompiler });
  }
  Object.assign(environment, { JavaScriptCompiler: TextCompiler });
}

/** What Handlebars lets be replaced of the part that writes its code. */
interface Generator {
  pushSource(source: unknown): void;
  appendToBuffer(source: unknown): unknown;
  popStack(): unknown;
}

function run(render: () => string, options: TemplateOptions): string {
  try {
    return render();
  } catch (error) {
    if (error instanceof TemplateError || error instanceof Unfinished) throw error;
    const { message, place } = described(error);
    throw new TemplateError("execute", `execute: template: ${options.name}${whereOf(place)}: ${message}`);
  }
}

/** Of an error in the grammar the message holds the line, an excerpt, an arrow below it, and what was expected. */
function parseErrorOf(error: unknown, options: TemplateOptions): TemplateError {
  const grammar = /^Parse error on line (\d+):\n(.*)\n(-*)\^\n(.*)$/s.exec((error as Error).message);
  if (grammar === null) {
    const { message, place } = described(error);
    return parseError(options, message, whereOf(place));
  }
  const [, line = "", text = "", arrow = "", expected = ""] = grammar;
  return parseError(options, `parse error at ${quote(text)}: ${expected.replaceAll("'", "")}`, `:${line}`, {
    line: Number(line),
    text,
    column: arrow.length,
  });
}

function parseError(options: TemplateOptions, message: string, where = "", excerpt?: Excerpt): TemplateError {
  return new TemplateError("parse", `parse: template: ${options.name}${where}: ${message}`, { excerpt });
}

/** Handlebars appends the place to its messages. */
function described(error: unknown): { readonly message: string; readonly place?: Place } {
  if (error instanceof RangeError) return { message: "nested too deeply" };
  const { message, lineNumber: line, column } = error as Error & { lineNumber?: number; column?: number };
  if (line === undefined || column === undefined) return { message };
  return { message: message.replace(/ - \d+:\d+$/, ""), place: { line, column } };
}
