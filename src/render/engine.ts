/** From the text of a template to something that can be evaluated, whatever its language. */
import { compileGoTemplate } from "./go/engine.ts";
import { compileHandlebars } from "./handlebars.ts";
import { redacting } from "./redact.ts";
import type { Template, TemplateOptions } from "./template.ts";

/** Throws a TemplateError of the phase `parse` where the text is no template. */
export async function compileTemplate(
  engine: "go" | "handlebars",
  source: string,
  options: TemplateOptions,
): Promise<Template> {
  const template = engine === "go" ? compileGoTemplate(source, options) : await compileHandlebars(source, options);
  // A comment that names it costs two requests.
  return { ...redacting(template), printsHorizon: source.includes("lesseeHorizon") };
}
