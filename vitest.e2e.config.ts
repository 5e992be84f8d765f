import { defineConfig } from "vitest/config";

/** Against the cluster of KUBECONFIG: one test after the other, none a second time. */
export default defineConfig({
  test: {
    include: ["test/e2e/**/*.e2e.ts"],
    setupFiles: ["test/support/leaks.ts"],
    pool: "forks",
    fileParallelism: false,
    bail: 1,
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
