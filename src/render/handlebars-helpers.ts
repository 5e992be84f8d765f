/** The functions of templates as helpers of Handlebars, and its loops and partials within what an evaluation may cost. */
import { TemplateError } from "../errors.ts";
import { convert } from "./go/convert.ts";
import type { TemplateFunction } from "./go/function.ts";
import { quote } from "./go/quote.ts";
import { FunctionError, fail, type ParameterType, type Struct, type Value } from "./go/values.ts";
import type { Bridge } from "./handlebars-values.ts";
import type { Session } from "./session.ts";

type Environment = ReturnType<typeof Handlebars.create>;

/** What the helpers work for at the moment. */
export interface Evaluation {
  readonly session: Session;
  readonly bridge: Bridge;
  /** How many partials are inside each other. */
  partials: number;
}

export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Handlebars' own words stay its own: `with`, `each`, `if`, `unless`, `lookup`. */
export function registerHelpers(
  environment: Environment,
  functions: readonly TemplateFunction[],
  partials: ReadonlyMap<string, Place>,
  current: () => Evaluation,
): void {
  const words = environment.helpers as Record<string, Helper>;
  for (const name of ["if", "unless", "with"]) environment.registerHelper(name, blockOnly(name, words[name]!, current));
  for (const one of functions) {
    if (one.name === "call") continue; // There are no values that are functions.
    environment.registerHelper(one.name, helper(one.name === "scratch" ? scratchByName(one) : one, current));
  }
  environment.registerHelper("each", blockOnly("each", boundedEach(words.each!, current), current));
  // What is called and not there; a name alone is nothing.
  environment.registerHelper("helperMissing", (...given) => {
    const options = given.at(-1) as Options;
    return given.length > 1 ? refused(options, `Missing helper: ${quote(options.name)}`, current) : undefined;
  });
  // Handlebars' own logger is not for templates.
  environment.registerHelper("log", (...given) => refused(given.at(-1) as Options, 'Missing helper: "log"', current));
  boundPartials(environment, partials, current);
}

/** `:3:5`, or nothing where the place is not known. */
export function whereOf(place: Place | undefined): string {
  return place === undefined ? "" : `:${place.line}:${place.column}`;
}

/** A circular one ends here. */
const MAX_PARTIALS = 250;

type Helper = (this: unknown, ...given: unknown[]) => unknown;

interface Options {
  readonly name: string;
  readonly hash?: Readonly<Record<string, unknown>>;
  readonly loc?: { readonly start: Place } | undefined;
  readonly fn?: (context: unknown, options: unknown) => string;
}

/** A word of Handlebars that needs what stands between its two ends. */
function blockOnly(name: string, word: Helper, current: () => Evaluation): Helper {
  return function (...given) {
    const options = given.at(-1) as Options;
    if (options.fn === undefined) refused(options, `${quote(name)} is a block: {{#${name} …}}…{{/${name}}}`, current);
    if (given.length !== 2)
      refused(options, `wrong number of args for ${name}: want 1 got ${given.length - 1}`, current);
    return word.apply(this, given);
  };
}

function refused(options: Options, message: string, current: () => Evaluation): never {
  return placed(current().session, options, "", () => fail(message));
}

/** A helper has no methods: `scratch "Set" "key" 1` is Go's `scratch.Set "key" 1`. */
function scratchByName(one: TemplateFunction): TemplateFunction {
  return {
    name: one.name,
    parameters: ["string"],
    rest: "interface {}",
    call([name, ...args], context) {
      const scratch = one.call([], context) as Struct;
      const { methods } = scratch.type;
      if (!Object.hasOwn(methods, name as string)) fail(`there are ${Object.keys(methods).join(", ")}`);
      const { parameters, call } = methods[name as string]!;
      checkCount({ parameters, rest: undefined }, args.length);
      return call(
        scratch,
        args.map((arg, i) => convert(arg, parameters[i]!) as Value),
      );
    },
  };
}

function helper(one: TemplateFunction, current: () => Evaluation): Helper {
  return (...given) => {
    const { session, bridge } = current();
    const context = {
      session,
      executeTemplate: () => fail("executeTemplate is for Go templates; Handlebars has partials: {{> name}}"),
    };
    const options = given.at(-1) as Options;
    return placed(session, options, `error calling ${one.name}: `, () => {
      const args = given.slice(0, -1);
      checkForm(one.name, options);
      checkCount(one, args.length);
      const values = args.map((arg, i) => {
        const type = (one.parameters[i] ?? one.rest) as ParameterType;
        return convert(bridge.toGo(arg, type), type);
      });
      const result = one.call(values, context);
      session.budget.call(values, result);
      return bridge.toHandlebars(result);
    });
  };
}

function boundedEach(each: Helper, current: () => Evaluation): Helper {
  return function (...given) {
    const { session } = current();
    const { budget } = session;
    const options = given.at(-1) as Options;
    const fn = (context: unknown, frame: unknown) => {
      budget.step();
      const text = options.fn!(context, frame);
      budget.write(text.length);
      return text;
    };
    return placed(session, options, "", () => each.call(this, ...given.slice(0, -1), { ...options, fn }));
  };
}

/** Handlebars lets its runtime be replaced: of all calls of partials this is the one place. */
function boundPartials(environment: Environment, places: ReadonlyMap<string, Place>, current: () => Evaluation): void {
  const runtime = environment.VM as unknown as Runtime;
  const bounded: Runtime = {
    ...runtime,
    invokePartial(this: unknown, ...given) {
      const evaluation = current();
      const { session } = evaluation;
      const start = places.get(given[2].name);
      return placed(session, { loc: start && { start } }, "", () => {
        session.budget.step();
        if (++evaluation.partials > MAX_PARTIALS) fail(`exceeded maximum template depth (${MAX_PARTIALS})`);
        const text = orUnknown(() => runtime.invokePartial.apply(this, given));
        evaluation.partials--;
        session.budget.write(text?.length ?? 0);
        return text;
      });
    },
  };
  Object.assign(environment, { VM: bounded });
}

/** Handlebars says it without a place, and only after it has looked for a block to take instead. */
function orUnknown<T>(invoke: () => T): T {
  try {
    return invoke();
  } catch (error) {
    const { message } = error as Error;
    if (/^The partial .* could not be found$/s.test(message)) return fail(message);
    throw error;
  }
}

interface Runtime {
  invokePartial(...given: [partial: unknown, context: unknown, options: { readonly name: string }]): string | undefined;
}

/** Gives a function's failure the place of its call. */
function placed<T>({ options }: Session, { loc }: Pick<Options, "loc">, prefix: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof FunctionError)) throw error;
    const where = `${options.name}${whereOf(loc?.start)}`;
    throw new TemplateError("execute", `execute: template: ${where}: ${prefix}${error.message}`);
  }
}

/** Handlebars would pass both by in silence. */
function checkForm(name: string, { fn, hash }: Options): void {
  if (fn !== undefined) fail(`it is no block; {{#if (${name} …)}}, {{#with (…)}} and {{#each (…)}} are`);
  const [argument] = Object.keys(hash ?? {});
  if (argument !== undefined) fail(`no argument has a name; as a text it is "${argument}=…"`);
}

function checkCount({ parameters, rest }: Pick<TemplateFunction, "parameters" | "rest">, count: number): void {
  if (rest === undefined ? count === parameters.length : count >= parameters.length) return;
  fail(`wrong number of args: want ${rest === undefined ? "" : "at least "}${parameters.length} got ${count}`);
}
