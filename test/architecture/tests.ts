/** The test files, and what they say that they test. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface TestFile {
  readonly path: string;
  /** Of `it`, `test`, `describe` and their `each`, without what is put in for `%s`. */
  readonly titles: readonly string[];
}

const root = join(import.meta.dirname, "..");
const TITLE = /\b(?:it|test|describe)(?:\.\w+)*\(\s*(["'`])(.*?)\1|\]\s*(?:as const\s*)?\)\(\s*(["'`])(.*?)\3/g;

export function readTests(): readonly TestFile[] {
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .map((path) => {
      const found = [...readFileSync(join(root, path), "utf8").matchAll(TITLE)];
      return { path, titles: found.map(([, , plain, , each]) => plain ?? each ?? "") };
    });
}
