/** Sprig's functions, each under its name with `sprig_` before it. */
import { define, defineVariadic, type TemplateFunction } from "../../go/function.ts";
import { FunctionError } from "../../go/values.ts";

export const S = "string";
export const ANY = "interface {}";
export const MAP = "map[string]interface {}";

export const sprig: typeof define = (name, parameters, call) => define(`sprig_${name}`, parameters, call);

export const sprigVariadic: typeof defineVariadic = (name, parameters, rest, call) =>
  defineVariadic(`sprig_${name}`, parameters, rest, call);

/** The same function under another name, as Sprig's `must…` and its old spellings. */
export function alias(one: TemplateFunction, ...names: string[]): TemplateFunction[] {
  return [one, ...names.map((name) => ({ ...one, name: `sprig_${name}` }))];
}

/** `name`, which gives `otherwise` where `mustName` fails. */
export function lenient(
  must: TemplateFunction,
  name: string,
  otherwise: ReturnType<TemplateFunction["call"]>,
): TemplateFunction[] {
  return [
    must,
    {
      ...must,
      name: `sprig_${name}`,
      call: (args, context) => {
        try {
          return must.call(args, context);
        } catch (error) {
          if (error instanceof FunctionError) return otherwise;
          throw error;
        }
      },
    },
  ];
}
