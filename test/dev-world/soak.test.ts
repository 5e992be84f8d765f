/** The soak: how it judges, and a short one from beginning to end. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { faultsOf, formatTable, type SoakOutcome } from "../../dev/soak/table.ts";

const MAIN = new URL("../../dev/soak/main.ts", import.meta.url).pathname;

const memory = (grows: number) =>
  Array.from({ length: 120 }, (_, i) => ({ at: i * 5_000, rss: 60, anonymous: 20 + (i % 7) / 5 + grows * i }));

const good: SoakOutcome = {
  pods: [
    {
      name: "0 sighup",
      rotationsBegun: 9,
      rotationsCompleted: 9,
      requests: 120,
      ok: 4_000,
      failed: 0,
      lastFailure: null,
      lost: 0,
      killed: 2,
    },
  ],
  troubles: { "503 sealed": 3 },
  mostUsers: 3,
  usersLeft: [],
  memory: memory(0),
  faults: [],
};

describe("the soak", () => {
  it("is good without a failed query, without a user left, and with memory that stays where it is", () => {
    expect(faultsOf(good)).toEqual([]);
    expect(formatTable(good)).toMatch(/0 sighup +9 +4,000 +0 +0 +2 +120/);
    // 0.1 MB in every 5 s.
    expect(formatTable({ ...good, memory: memory(0.1) })).toMatch(/, \+7\d\.\d MB an hour/);
    expect(formatTable({ ...good, memory: [] })).toMatch(/slope not measured/);
  });

  it.each([
    ["a failed query", { pods: [{ ...good.pods[0]!, failed: 1, lastFailure: "28P01" }] }, /1 queries failed.*28P01/],
    ["a user that is left", { usersLeft: ["v-1"] }, /users were left: v-1/],
    ["memory that grows all the while", { memory: memory(0.1) }, /not flat/],
    ["a process that ended by itself", { faults: ["pod 0: lessee ended with exit code 1"] }, /exit code 1/],
  ] as const)("is none with %s", (_, change, words) => {
    expect(faultsOf({ ...good, ...change }).join("\n")).toMatch(words);
  });

  it("runs: pods, troubles, table, exit code", { timeout: 150_000 }, async () => {
    const args = [MAIN, "--for", "15s", "--pods", "2", "--seed", "7"];
    const { stdout } = await promisify(execFile)(process.execPath, args, { env: { PATH: process.env.PATH } });
    expect(stdout).toMatch(/1 sighup +\d+ +[\d,]+ +0 /);
    expect(stdout).toMatch(/users left +0/);
  });
});
