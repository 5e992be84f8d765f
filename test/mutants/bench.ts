/** The process in which mutants are tried, one after the other: its runner stays warm, and it may be killed. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createVitest, type Vitest } from "vitest/node";

export interface Trial {
  /** Below the folder that the bench works in. */
  readonly file: string;
  readonly mutant: string;
  readonly original: string;
  /** In this order, until the first that fails. */
  readonly tests: readonly string[];
}

const root = process.cwd();
let vitest: Vitest | undefined;

// Whoever ends the run ends the bench.
process.on("disconnect", () => process.exit());
process.on("message", async ({ file, mutant, original, tests }: Trial) => {
  vitest ??= await createVitest("test", {
    root,
    watch: false,
    pool: "threads",
    isolate: false,
    maxWorkers: 1,
    setupFiles: [],
    bail: 1,
    reporters: [{}],
  });
  const path = join(root, file);
  writeFileSync(path, mutant);
  vitest.invalidateFile(path);
  let noticed = false;
  for (const test of tests) {
    const { testModules, unhandledErrors } = await vitest.runTestSpecifications(
      await vitest.globTestSpecifications([test]),
    );
    noticed = testModules.length === 0 || unhandledErrors.length > 0 || testModules.some((module) => !module.ok());
    if (noticed) break;
  }
  writeFileSync(path, original);
  process.send!({ noticed });
});
