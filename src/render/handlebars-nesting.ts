/** How deep a Handlebars template nests, told before Handlebars itself reads it: that takes a minute for ten thousand blocks. */
import { lineAt } from "./excerpt.ts";

/** Far more than any text written by hand has. */
const MAX_NESTING = 500;

export interface Deep {
  readonly what: string;
  /** From 1. */
  readonly line: number;
}

/** What is too deep and where, or undefined. */
export function tooDeep(source: string): Deep | undefined {
  /** Of each block that is open, itself and its `else if`s: each is a block inside of the one before. */
  const open: number[] = [];
  let depth = 0;
  for (const { tag, position } of tagsOf(source)) {
    if (/^\{\{~?(?:#|\^\s*[^\s~}])/.test(tag)) {
      open.push(1);
      depth++;
    } else if (/^\{\{~?\//.test(tag)) depth -= open.pop() ?? 0;
    else if (open.length > 0 && /^\{\{~?\s*else\s+[^\s~}]/.test(tag)) {
      open.push(open.pop()! + 1);
      depth++;
    }
    const deep = depth > MAX_NESTING ? "blocks" : deepestParenthesis(tag) > MAX_NESTING ? "parentheses" : undefined;
    if (deep !== undefined) {
      return { what: `${deep} nested more than ${MAX_NESTING} deep`, line: lineAt(source, position) };
    }
  }
  return undefined;
}

/** All that stands in double braces, without comments; where one does not end the grammar will say so. */
function* tagsOf(source: string): Generator<{ readonly tag: string; readonly position: number }> {
  for (let at = source.indexOf("{{"); at >= 0; ) {
    const dashed = /^\{\{~?!--/.test(source.slice(at, at + 6));
    const end = source.indexOf(dashed ? "--" : "}}", at + 2 + (dashed ? 4 : 0));
    if (end < 0) return;
    if (!dashed && !/^\{\{~?!/.test(source.slice(at, at + 4))) yield { tag: source.slice(at, end + 2), position: at };
    at = source.indexOf("{{", end + 2);
  }
}

function deepestParenthesis(tag: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [token] of tag.matchAll(/"[^"]*"|'[^']*'|[()]/g)) {
    if (token === "(") deepest = Math.max(deepest, ++depth);
    else if (token === ")") depth--;
  }
  return deepest;
}
