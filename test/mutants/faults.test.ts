/** The faults of faults.ts are tried by `npm run mutants -- --rules`; here is seen only that this can be done. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { root } from "../architecture/source.ts";
import { FAULTS } from "./faults.ts";
import { testsNaming, withFault } from "./named.ts";

it("each fault has its one place in the source: where that was changed the fault is to be changed with it, or taken away", () => {
  const lost = FAULTS.filter((fault) => withFault(fault, readFileSync(join(root, fault.file), "utf8")) === null);
  expect(lost.map(({ file, rule, what }) => `${file}: ${rule}: ${what}`)).toEqual([]);
});

it("each has another text there, is told apart from the others, and has tests that could notice", () => {
  const told = FAULTS.map(({ file, rule, what }) => `${rule} ${file}: ${what}`);
  expect(new Set(told).size).toBe(told.length);
  expect(FAULTS.filter(({ from, to }) => from === to)).toEqual([]);
  const rules = [...new Set(FAULTS.map(({ rule }) => rule))];
  expect(rules.filter((rule) => testsNaming(rule).length === 0)).toEqual([]);
});
