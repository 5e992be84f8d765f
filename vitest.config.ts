import { defineConfig } from "vitest/config";

/** Where `.ci/run` wants the results as JSON. */
const report = process.env.LESSEE_TEST_REPORT;

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["test/support/leaks.ts"],
    // A process for each file: what it leaks is its own, and tests may send signals to themselves.
    pool: "forks",
    // Tests wait for events, so that most of the time nobody computes: three files share two cores well.
    maxWorkers: 3,
    // Leases of seconds, real processes and a machine that others use too: in CI a failure counts when it comes again.
    retry: process.env.CI ? 2 : 0,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: report ? ["default", ["json", { outputFile: report }]] : ["default"],
  },
});
