/** Regular expressions: what Go makes of them, and that none of them can hang. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createBudget } from "../../src/render/budget.ts";
import { compileRegex, expand, findMatches, replaceMatches } from "../../src/render/functions/regex/regex.ts";
import { FunctionError } from "../../src/render/go/values.ts";

const all = (pattern: string, text: string) =>
  findMatches(compileRegex(pattern, createBudget().spend), text).map((match) => match.text);

describe("matches as Go's regexp finds them", () => {
  const cases: readonly (readonly [pattern: string, text: string, matches: readonly string[]])[] = [
    ["a|ab", "ab", ["a"]],
    ["(?:a|ab)(?:c|bcd)", "abcd", ["abcd"]],
    ["x*", "axb", ["", "x", ""]],
    ["(|a)*", "aa", ["", "", ""]],
    ["(a*)*", "aab", ["aa", ""]],
    ["(a|b)*?c", "abc", ["abc"]],
    ["(?U)a+", "aaa", ["a", "a", "a"]],
    ["a(?i)b|c", "aB C", ["aB", "C"]],
    ["a(?i)*b", "aaB", ["aaB"]],
    ["^*a", "ba", ["a"]],
    [String.raw`(?m)^\w+$`, "ab\ncd", ["ab", "cd"]],
    [String.raw`\bfoo\b`, "foo food", ["foo"]],
    ["[^a]", "a😀b", ["😀", "b"]],
    ["(?i)k", "kK\u212a", ["k", "K", "\u212a"]],
    [String.raw`[[:^digit:]\d]+`, "a1b", ["a1b"]],
    [String.raw`\Qa.\E+`, "a.. ab", ["a.."]],
    ["a{2,3}", "aaaaa", ["aaa", "aa"]],
    ["a{,2}", "a{,2}", ["a{,2}"]],
  ];
  it.each(cases)("%s in %j", (pattern, text, matches) => expect(all(pattern, text)).toEqual(matches));

  it("takes the first group of a name that took part", () => {
    expect(replaceMatches(compileRegex("(?P<n>a)|(?P<n>b)"), "ab", (match) => expand("<$n>", match))).toBe("<a><b>");
  });
});

describe("refuses what Go refuses, in its words", () => {
  it.each([
    ["*?", "missing argument to repetition operator: `*?`"],
    ["a**", "invalid nested repetition operator: `**`"],
    ["a{1001}", "invalid repeat count: `{1001}`"],
    ["(a{100}){11}", "invalid repeat count: `{11}`"],
    ["a(?=b)", "invalid or unsupported Perl syntax: `(?=`"],
    [String.raw`(a)\1`, "invalid escape sequence: `\\1`"],
    ["[b-a]", "invalid character class range: `b-a`"],
    ["a)", "unexpected ): `a)`"],
  ])("%s", (pattern, message) => {
    expect(() => compileRegex(pattern)).toThrow(new FunctionError(`error parsing regexp: ${message}`));
  });
});

describe("a pattern that would hang a backtracking engine", () => {
  const text = `${"a".repeat(20_000)}!`;
  it.each(["(a+)+$", "(a|aa)+$", "(a*)*b", "(?:a?){30}a{30}$", ".*.*.*=", "(.*)(.*)(.*)(.*)x"])(
    "%s ends on 20 kB",
    (pattern) => expect(all(pattern, text)).toEqual([]),
  );

  it("is refused when the pattern is large too", () => {
    expect(() => all("(?:a{0,30}){0,30}b", text)).toThrow(/more than \d+ steps/);
  });

  it("is refused when its program would be", () => {
    expect(() => compileRegex(`(?:${"ab".repeat(100)}){1000}`)).toThrow(/expression too large/);
  });
});

describe("for any text and any simple pattern", () => {
  const piece = fc.constantFrom("a", "b", ".", "[ab]", "[^a]", "a*", "b+?", "(a|b)", "(?:ab)?", "(a)*", "a{1,2}", "|");
  const patterns = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(""));
  const texts = fc.string({ unit: fc.constantFrom("a", "b", "c", "é", "😀"), maxLength: 12 });

  it("the first match is the one that JavaScript finds, groups included", () => {
    fc.assert(
      fc.property(patterns, texts, (pattern, text) => {
        const [ours] = findMatches(compileRegex(pattern), text, 1);
        const theirs = new RegExp(pattern, "u").exec(text);
        expect(ours && [ours.start, ours.text]).toEqual(theirs ? [theirs.index, theirs[0]] : undefined);
      }),
      { numRuns: 2000 },
    );
  });
});
