import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const BENCH = join(import.meta.dirname, "../../bench");
const programs = readdirSync(BENCH).filter((name) => readFileSync(join(BENCH, name), "utf8").includes("optionsOf({"));

it("each measuring program explains itself, and measures nothing when it does", () => {
  expect(programs.length).toBeGreaterThan(5);
  for (const name of programs) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(BENCH, name), "--help"], { encoding: "utf8" });
    expect([status, stderr], name).toEqual([0, ""]);
    expect(stdout, name).toMatch(/--(runs|for) /);
  }
});

it("a wrong option is named, with what there is", () => {
  const { status, stderr } = spawnSync(process.execPath, [join(BENCH, "many.ts"), "--lease", "3"], {
    encoding: "utf8",
  });
  expect(status).toBe(2);
  expect(stderr).toMatch(/^Unknown option '--lease'/);
  expect(stderr).toContain("--leases N");
});
