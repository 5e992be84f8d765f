/** Sprig's regular expressions; where the pattern is none, the `must…` forms fail and the others give nothing. */
import type { TemplateFunction } from "../../go/function.ts";
import { fail, stringSlice } from "../../go/values.ts";
import { compileRegex, expand, findMatches, replaceMatches } from "../regex/regex.ts";
import { lenient, S, sprig } from "./define.ts";

export const SPRIG_REGEX: readonly TemplateFunction[] = [
  ...lenient(
    sprig("mustRegexMatch", [S, S], ([pattern, text]) => findMatches(compileRegex(pattern), text, 1).length > 0),
    "regexMatch",
    false,
  ),
  ...panicking(
    "RegexFind",
    sprig("mustRegexFind", [S, S], ([pattern, text]) => findMatches(compileRegex(pattern), text, 1)[0]?.text ?? ""),
  ),
  ...panicking(
    "RegexFindAll",
    sprig("mustRegexFindAll", [S, S, "int"], ([pattern, text, limit]) =>
      stringSlice(findMatches(compileRegex(pattern), text, Number(limit)).map((match) => match.text)),
    ),
  ),
  ...panicking(
    "RegexReplaceAll",
    sprig("mustRegexReplaceAll", [S, S, S], ([pattern, text, replacement]) =>
      replaceMatches(compileRegex(pattern), text, (match) => expand(replacement, match)),
    ),
  ),
  ...panicking(
    "RegexReplaceAllLiteral",
    sprig("mustRegexReplaceAllLiteral", [S, S, S], ([pattern, text, replacement]) =>
      replaceMatches(compileRegex(pattern), text, () => replacement),
    ),
  ),
  ...panicking(
    "RegexSplit",
    sprig("mustRegexSplit", [S, S, "int"], ([pattern, text, limit]) =>
      stringSlice(split(pattern, text, Number(limit))),
    ),
  ),
  sprig("regexQuoteMeta", [S], ([text]) => text.replace(/[\\.+*?()|[\]{}^$]/g, "\\$&")),
];

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
          const message = error instanceof Error ? error.message : String(error);
          return fail(`regexp: Compile(\`${String(args[0])}\`): ${message}`);
        }
      },
    },
  ];
}

function split(pattern: string, text: string, limit: number): string[] {
  if (limit === 0) return [];
  if (pattern !== "" && text === "") return [""];
  const parts: string[] = [];
  let at = 0;
  for (const match of findMatches(compileRegex(pattern), text)) {
    if (limit > 0 && parts.length === limit - 1) break;
    // An empty match at the very beginning splits nothing.
    if (match.end === 0) continue;
    parts.push(text.slice(at, match.start));
    at = match.end;
  }
  parts.push(text.slice(at));
  return parts;
}
