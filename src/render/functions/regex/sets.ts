/** Sets of characters, written so that they can stand inside the brackets of one of JavaScript's classes (with the u flag). */

/** What `\s` is to RE2. */
export const SPACE_CLASS = "\\t\\n\\f\\r ";

/** What `[:name:]` stands for. */
export const POSIX: Readonly<Record<string, string>> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  ascii: "\\x00-\\x7F",
  blank: "\\t ",
  cntrl: "\\x00-\\x1F\\x7F",
  digit: "0-9",
  graph: "!-~",
  lower: "a-z",
  print: " -~",
  punct: "!-\\/:-@\\[-`\\{-~",
  space: "\\t\\n\\v\\f\\r ",
  upper: "A-Z",
  word: "0-9A-Za-z_",
  xdigit: "0-9A-Fa-f",
};

/** What `\p{name}` stands for, undefined where neither a category nor a script has the name. */
export function property(name: string, positive: boolean): string | undefined {
  const value = CATEGORY.test(name) || name === "Any" ? name : `Script=${name}`;
  const set = `\\${positive ? "p" : "P"}{${value}}`;
  return isClass(set) ? set : undefined;
}

/** Everything but the set, to stand inside of brackets: only whole classes can be negated there. */
export function complement(set: string): string {
  const members = new RegExp(`[${set}]`, "u");
  const ranges: string[] = [];
  let from = 0;
  for (let code = 0; code <= 0x80; code++) {
    if (code < 0x80 && !members.test(String.fromCodePoint(code))) continue;
    if (code > from && code < 0x80) ranges.push(`${classLiteral(from)}-${classLiteral(code - 1)}`);
    if (code === 0x80) ranges.push(`${classLiteral(from)}-${classLiteral(0x10ffff)}`);
    from = code + 1;
  }
  return ranges.join("");
}

export function classLiteral(code: number): string {
  return `\\u{${code.toString(16)}}`;
}

const CATEGORY =
  /^(?:C|Cc|Cf|Co|Cs|L|Ll|Lm|Lo|Lt|Lu|M|Mc|Me|Mn|N|Nd|Nl|No|P|Pc|Pd|Pe|Pf|Pi|Po|Ps|S|Sc|Sk|Sm|So|Z|Zl|Zp|Zs)$/;

function isClass(source: string): boolean {
  try {
    return new RegExp(`[${source}]`, "u") instanceof RegExp;
  } catch {
    return false;
  }
}
