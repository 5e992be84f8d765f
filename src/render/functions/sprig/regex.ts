/** Sprig's regular expressions; where the pattern is none, the `must…` forms fail and the others give nothing. */
import type { TemplateFunction } from "../../go/function.ts";
import { FunctionError, fail, Slice, stringSlice } from "../../go/values.ts";
import { compileRegex, expand, findMatches, type Regex, replaceMatches } from "../regex/regex.ts";
import { lenient, S, sprig } from "./define.ts";

export const SPRIG_REGEX: readonly TemplateFunction[] = [
  ...lenient(
    sprig(
      "mustRegexMatch",
      [S, S],
      ([pattern, text], { session }) => findMatches(compileRegex(pattern, session.budget.spend), text, 1).length > 0,
    ),
    "regexMatch",
    false,
  ),
  ...panicking(
    "RegexFind",
    sprig(
      "mustRegexFind",
      [S, S],
      ([pattern, text], { session }) =>
        findMatches(compileRegex(pattern, session.budget.spend), text, 1)[0]?.text ?? "",
    ),
  ),
  ...panicking(
    "RegexFindAll",
    sprig("mustRegexFindAll", [S, S, "int"], ([pattern, text, limit], { session }) =>
      listOrNil(
        findMatches(compileRegex(pattern, session.budget.spend), text, Number(limit)).map((match) => match.text),
      ),
    ),
  ),
  ...panicking(
    "RegexReplaceAll",
    sprig("mustRegexReplaceAll", [S, S, S], ([pattern, text, replacement], { session }) =>
      replaceMatches(compileRegex(pattern, session.budget.spend), text, (match) => expand(replacement, match)),
    ),
  ),
  ...panicking(
    "RegexReplaceAllLiteral",
    sprig("mustRegexReplaceAllLiteral", [S, S, S], ([pattern, text, replacement], { session }) =>
      replaceMatches(compileRegex(pattern, session.budget.spend), text, () => replacement),
    ),
  ),
  ...panicking(
    "RegexSplit",
    sprig("mustRegexSplit", [S, S, "int"], ([pattern, text, limit], { session }) =>
      split(pattern, compileRegex(pattern, session.budget.spend), text, Number(limit)),
    ),
  ),
  sprig("regexQuoteMeta", [S], ([text]) => text.replace(/[\\.+*?()|[\]{}^$]/g, "\\$&")),
];

/** Nothing found is Go's nil, which is `null` in JSON. */
function listOrNil(found: readonly string[]): Slice {
  return new Slice("string", found, found.length === 0);
}

/** Sprig compiles these with a panic, whose text is another. */
function panicking(name: string, must: TemplateFunction): TemplateFunction[] {
  return [
    must,
    {
      ...must,
      name: `sprig_r${name.slice(1)}`,
      call: (args, context) => {
        try {
          return must.call(args, context);
        } catch (error) {
          const message = error instanceof FunctionError ? error.message : "";
          if (!message.startsWith("error parsing regexp: ")) throw error;
          return fail(`regexp: Compile(\`${String(args[0])}\`): ${message}`);
        }
      },
    },
  ];
}

/** As Go's Split; an empty match at the very beginning splits nothing off, nor does one at the end. */
function split(pattern: string, regex: Regex, text: string, limit: number): Slice {
  if (limit === 0) return new Slice("string", [], true);
  if (pattern !== "" && text === "") return stringSlice([""]);
  const parts: string[] = [];
  let from = 0;
  let to = 0;
  for (const match of findMatches(regex, text, limit)) {
    if (limit > 0 && parts.length === limit - 1) break;
    to = match.start;
    if (match.end !== 0) parts.push(text.slice(from, to));
    from = match.end;
  }
  if (to !== text.length) parts.push(text.slice(from));
  return stringSlice(parts);
}
