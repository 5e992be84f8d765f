/** Regular expressions. */
import { define, type TemplateFunction } from "../go/function.ts";
import { fail } from "../go/values.ts";
import { translateRegex } from "./regex-syntax.ts";

export const REGEX_FUNCTIONS: readonly TemplateFunction[] = [
  define("regexReplaceAll", ["string", "string", "string"], ([pattern, replacement, text]) =>
    replaceMatches(compileRegex(pattern), text, (match) => expand(replacement, match)),
  ),
  define("regexMatch", ["string", "string"], ([pattern, text]) => compileRegex(pattern).test(text)),
];

/** Without the g flag; throws a FunctionError with RE2's message. */
export function compileRegex(pattern: string): RegExp {
  const source = translateRegex(pattern);
  try {
    return new RegExp(source, "u");
  } catch {
    return fail(`error parsing regexp: invalid or unsupported syntax: \`${pattern}\``);
  }
}

/** All matches, at most `limit` (negative: all); like Go, none that is empty right behind another. */
export function findMatches(regex: RegExp, text: string, limit = -1): RegExpExecArray[] {
  const matches: RegExpExecArray[] = [];
  let end = -1;
  for (const match of text.matchAll(new RegExp(regex.source, "gu"))) {
    if (limit >= 0 && matches.length >= limit) break;
    if (match[0] === "" && match.index === end) continue;
    matches.push(match);
    end = match.index + match[0].length;
  }
  return matches;
}

export function replaceMatches(regex: RegExp, text: string, replace: (match: RegExpExecArray) => string): string {
  let out = "";
  let at = 0;
  for (const match of findMatches(regex, text)) {
    out += text.slice(at, match.index) + replace(match);
    at = match.index + match[0].length;
  }
  return out + text.slice(at);
}

/** `$1`, `$name`, `${name}` and `$$`; a name is as long as it can be, an unknown one is empty. */
export function expand(replacement: string, match: RegExpExecArray): string {
  return replacement.replace(/\$(?:\$|\{(\w+)\}|(\w+))/g, (whole, braced?: string, bare?: string) => {
    const name = braced ?? bare;
    if (name === undefined) return whole === "$$" ? "$" : whole;
    return (/^\d+$/.test(name) ? match[Number(name)] : match.groups?.[name]) ?? "";
  });
}
