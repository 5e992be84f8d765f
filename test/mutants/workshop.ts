/** A copy of the sources, in which a mutant takes its file's place for as long as that file's tests run. */
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type Verdict = "killed" | "timed out" | "survived";

export interface Workshop {
  /** `text` in place of the file, before `tests` run until the first that fails. */
  try(file: string, text: string, tests: readonly string[]): Promise<Verdict>;
  close(): void;
}

const COPIED = ["src", "test"];
const LEFT_OUT = [".git", "dist"];
/** Whoever needs longer than this goes round in circles. */
const PATIENCE = 90_000;
/** Of the walks of the laws: hundreds of mutants are to be tried in minutes. */
const SHARE = "0.05";

export function openWorkshop(root: string): Workshop {
  const folder = mkdtempSync(join(tmpdir(), "lessee-mutants-"));
  for (const name of readdirSync(root)) {
    if (LEFT_OUT.includes(name)) continue;
    if (COPIED.includes(name)) cpSync(join(root, name), join(folder, name), { recursive: true });
    else symlinkSync(join(root, name), join(folder, name));
  }
  return {
    async try(file, text, tests) {
      writeFileSync(join(folder, file), text);
      try {
        return await run(folder, tests);
      } finally {
        cpSync(join(root, file), join(folder, file));
      }
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function run(cwd: string, tests: readonly string[]): Promise<Verdict> {
  const vitest = join(cwd, "node_modules/vitest/vitest.mjs");
  const child = spawn(process.execPath, [vitest, "run", "--bail=1", "--maxWorkers=1", ...tests], {
    cwd,
    stdio: "ignore",
    // Its workers with it.
    detached: true,
    env: { ...process.env, LESSEE_LAWS: SHARE, CI: "" },
  });
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      process.kill(-child.pid!, "SIGKILL");
      resolve("timed out");
    }, PATIENCE);
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve(code === 0 ? "survived" : "killed");
    });
  });
}
