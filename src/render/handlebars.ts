/**
 * Handlebars as the second language of templates: the same secrets, the same functions under the same names
 * (`{{#with (secret "database/creds/pg-role")}}{{Data.username}}{{/with}}`), nothing escaped, no prototypes reached.
 */
import { TemplateError } from "../errors.ts";
import { functionsExcept } from "./functions/catalogue.ts";
import { BUILTINS } from "./go/builtins.ts";
import { convert } from "./go/convert.ts";
import type { TemplateFunction } from "./go/function.ts";
import { FunctionError, fail, type ParameterType } from "./go/values.ts";
import { type Bridge, createBridge } from "./handlebars-values.ts";
import { conclude, openSession, type Session, Unfinished } from "./session.ts";
import type { Template, TemplateOptions } from "./template.ts";

type Handlebars = typeof import("handlebars");

/** Handlebars' own words stay its own: `with`, `each`, `if`, `unless`, `lookup`, `log`. */
const EVALUATOR_ONLY: ReadonlySet<string> = new Set(["and", "or", "call"]);

/** Throws a TemplateError of the phase `parse`. */
export async function compileHandlebars(source: string, options: TemplateOptions): Promise<Template> {
  const { default: handlebars } = await import("handlebars");
  if ((options.leftDelimiter || "{{") !== "{{" || (options.rightDelimiter || "}}") !== "}}") {
    throw parseError(options, "Handlebars knows no other delimiters than {{ and }}");
  }
  const program = parse(handlebars, source, options);
  const functions = new Map([...BUILTINS, ...functionsExcept(options.functionDenylist)]);
  return {
    execute(brain, host) {
      const session = openSession(brain, host, options);
      const environment = handlebars.create();
      // What Handlebars calls itself, its logger included, is not for templates.
      environment.unregisterHelper("log");
      const bridge = createBridge();
      for (const one of functions.values()) {
        if (!EVALUATOR_ONLY.has(one.name)) environment.registerHelper(one.name, helper(one, session, bridge, options));
      }
      environment.registerHelper("and", (...args: unknown[]) =>
        args.slice(0, -1).reduce((a, b) => (bridge.isTrue(a) ? b : a)),
      );
      environment.registerHelper("or", (...args: unknown[]) =>
        args.slice(0, -1).reduce((a, b) => (bridge.isTrue(a) ? a : b)),
      );
      const render = environment.compile(program, { noEscape: true, strict: options.errorOnMissingKey });
      const sealed = { allowProtoMethodsByDefault: false, allowProtoPropertiesByDefault: false };
      return conclude(session, () => run(() => render({}, sealed), options));
    },
  };
}

function helper(one: TemplateFunction, session: Session, bridge: Bridge, options: TemplateOptions) {
  const context = {
    session,
    executeTemplate: () => fail("executeTemplate is for Go templates; Handlebars has partials: {{> name}}"),
  };
  return (...given: unknown[]): unknown => {
    const { loc } = given.at(-1) as { loc?: { start: { line: number; column: number } } };
    const where = loc === undefined ? "" : `:${loc.start.line}:${loc.start.column}`;
    try {
      const args = given.slice(0, -1);
      checkCount(one, args.length);
      const values = args.map((arg, i) => {
        const type = (one.parameters[i] ?? one.rest) as ParameterType;
        return convert(bridge.toGo(arg, type), type);
      });
      return bridge.toHandlebars(one.call(values, context));
    } catch (error) {
      if (!(error instanceof FunctionError)) throw error;
      throw new TemplateError(
        "execute",
        `execute: template: ${options.name}${where}: error calling ${one.name}: ${error.message}`,
      );
    }
  };
}

function checkCount({ parameters, rest }: TemplateFunction, count: number): void {
  if (rest === undefined ? count === parameters.length : count >= parameters.length) return;
  fail(`wrong number of args: want ${rest === undefined ? "" : "at least "}${parameters.length} got ${count}`);
}

function parse(handlebars: Handlebars, source: string, options: TemplateOptions): hbs.AST.Program {
  try {
    return handlebars.parse(source);
  } catch (error) {
    throw parseError(options, firstLine(error));
  }
}

function run(render: () => string, options: TemplateOptions): string {
  try {
    return render();
  } catch (error) {
    if (error instanceof TemplateError || error instanceof Unfinished) throw error;
    throw new TemplateError("execute", `execute: template: ${options.name}: ${firstLine(error)}`);
  }
}

function parseError(options: TemplateOptions, message: string): TemplateError {
  return new TemplateError("parse", `parse: template: ${options.name}: ${message}`);
}

/** Handlebars draws the place below its message; the message names the line. */
function firstLine(error: unknown): string {
  const [first = "", ...rest] = String(error instanceof Error ? error.message : error).split("\n");
  const expected = rest.at(-1) ?? "";
  return /^Expecting|^Invalid/.test(expected) ? `${first} ${expected}` : first;
}
