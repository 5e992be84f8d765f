import { defineConfig } from "vitest/config";

/** Against the cluster of KUBECONFIG: one test after the other, none a second time. */
export default defineConfig({
  test: {
    include: ["test/e2e/**/*.e2e.ts"],
    globalSetup: ["test/e2e/setup.ts"],
    setupFiles: ["test/support/leaks.ts"],
    pool: "forks",
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
