/** Regular expressions. */
import { define, type TemplateFunction } from "../go/function.ts";
import { compileRegex, expand, findMatches, replaceMatches } from "./regex/regex.ts";

export const REGEX_FUNCTIONS: readonly TemplateFunction[] = [
  define("regexReplaceAll", ["string", "string", "string"], ([pattern, replacement, text], { session }) =>
    replaceMatches(compileRegex(pattern, session.budget.spend), text, (match) => expand(replacement, match)),
  ),
  define(
    "regexMatch",
    ["string", "string"],
    ([pattern, text], { session }) => findMatches(compileRegex(pattern, session.budget.spend), text, 1).length > 0,
  ),
];
