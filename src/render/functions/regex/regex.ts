/** Go's regular expressions: compile, find, replace. */
import { type Captures, Matcher } from "./matcher.ts";
import { compileProgram, type Instruction } from "./program.ts";
import { parseRegex } from "./syntax.ts";

export interface Regex {
  readonly program: readonly Instruction[];
  readonly names: readonly (string | undefined)[];
  /** Told of the steps that looking for matches takes. */
  readonly spend: Spend;
}

export type Spend = (steps: number) => void;

export interface Match {
  readonly text: string;
  /** In UTF-16 units. */
  readonly start: number;
  readonly end: number;
  /** By number or name; empty for one that is not there or took no part. */
  group(name: string): string;
}

/** What is kept of a match costs as many steps. */
const MATCH = 4;

/** Throws a FunctionError with RE2's message. */
export function compileRegex(pattern: string, spend: Spend = () => {}): Regex {
  const { root, names } = parseRegex(pattern);
  const program = compileProgram(root, pattern);
  spend(program.length);
  return { program, names, spend };
}

/** All matches, at most `limit` (negative: all); like Go, none that is empty right behind another. */
export function findMatches(regex: Regex, text: string, limit = -1): Match[] {
  const matcher = new Matcher(regex.program, text, regex.spend);
  const matches: Match[] = [];
  let end = -1;
  for (let at = 0; at <= text.length && matches.length !== limit; ) {
    const captures = matcher.find(at);
    if (captures === undefined) break;
    regex.spend(MATCH);
    const match = matchOf(regex, text, captures);
    if (match.start < match.end || match.start !== end) matches.push(match);
    end = match.end;
    at = match.end > at ? match.end : at + String.fromCodePoint(text.codePointAt(at) ?? 0).length;
  }
  return matches;
}

export function replaceMatches(regex: Regex, text: string, replace: (match: Match) => string): string {
  let out = "";
  let at = 0;
  for (const match of findMatches(regex, text)) {
    out += text.slice(at, match.start) + replace(match);
    at = match.end;
  }
  return out + text.slice(at);
}

/** `$1`, `$name`, `${name}` and `$$`; a name is as long as it can be, an unknown one is empty. */
export function expand(replacement: string, match: Match): string {
  return replacement.replace(/\$(?:\$|\{(\w+)\}|(\w+))/g, (_, braced?: string, bare?: string) => {
    const name = braced ?? bare;
    return name === undefined ? "$" : match.group(name);
  });
}

function matchOf(regex: Regex, text: string, captures: Captures): Match {
  const [start = 0, end = 0] = captures;
  return {
    text: text.slice(start, end),
    start,
    end,
    group(name) {
      const numbered = /^\d+$/.test(name);
      // Several groups may have one name: the first of them that took part counts.
      const from = captures.findIndex((place, slot) => {
        const isOfGroup = numbered ? slot === 2 * Number(name) : slot % 2 === 0 && regex.names[slot / 2] === name;
        return isOfGroup && place !== undefined;
      });
      return from < 0 ? "" : text.slice(captures[from], captures[from + 1]);
    },
  };
}
