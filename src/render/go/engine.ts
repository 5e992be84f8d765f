/** Go's text/template in the dialect of consul-template. */

import { functionsExcept } from "../functions/catalogue.ts";
import { refusal } from "../functions/refusal.ts";
import { conclude, openSession } from "../session.ts";
import type { Template, TemplateOptions } from "../template.ts";
import { BUILTINS } from "./builtins.ts";
import { evaluate } from "./evaluator.ts";
import { parseTemplate } from "./parser.ts";

/** Throws a TemplateError of the phase `parse`. */
export function compileGoTemplate(source: string, options: TemplateOptions): Template {
  const functions = functionsExcept(options.functionDenylist);
  const { name } = options;
  const templates = parseTemplate(source, {
    name,
    leftDelimiter: options.leftDelimiter,
    rightDelimiter: options.rightDelimiter,
    refusal: (called) => (functions.has(called) || BUILTINS.has(called) ? undefined : refusal(called)),
  });
  return {
    execute(brain, host) {
      const session = openSession(brain, host, options);
      const { errorOnMissingKey } = options;
      return conclude(session, () => evaluate({ name, source, templates, functions, errorOnMissingKey, session }));
    },
  };
}
