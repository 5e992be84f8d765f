/** A copy of the sources, in which a mutant takes its file's place for as long as that file's tests run. */
import { type ChildProcess, fork } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Trial } from "./bench.ts";

export type Verdict = "killed" | "timed out" | "survived";

export interface Workshop {
  /** `mutant` in place of the file, before `tests` run until the first that fails. */
  try(file: string, mutant: string, tests: readonly string[]): Promise<Verdict>;
  close(): void;
}

/** The launcher and the build too: they look for the program beside themselves. */
const COPIED = ["bin", "scripts", "src", "test"];
const LEFT_OUT = [".git", "dist"];
/** Whoever needs longer than this goes round in circles. */
const PATIENCE = 90_000;
/** Of the walks of the laws: hundreds of mutants are to be tried in minutes. */
export const SHARE = "0.05";

export function openWorkshop(root: string): Workshop {
  const { folder, remove } = copySources(root);
  let bench: ChildProcess | undefined;
  return {
    try(file, mutant, tests) {
      bench ??= openBench(folder);
      const original = readFileSync(join(root, file), "utf8");
      return new Promise((resolve) => {
        const settle = (verdict: Verdict) => {
          clearTimeout(timer);
          bench?.removeAllListeners();
          if (verdict === "timed out") close();
          resolve(verdict);
        };
        const timer = setTimeout(() => settle("timed out"), PATIENCE);
        bench!.once("message", ({ noticed }: { noticed: boolean }) => settle(noticed ? "killed" : "survived"));
        bench!.once("exit", () => settle("timed out"));
        bench!.send({ file, mutant, original, tests } satisfies Trial);
      });
    },
    close() {
      close();
      remove();
    },
  };

  function close(): void {
    bench?.kill("SIGKILL");
    bench = undefined;
  }
}

/** In which files may be changed; what is not changed is linked. */
export function copySources(root: string): { readonly folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), "lessee-mutants-"));
  for (const name of readdirSync(root)) {
    if (LEFT_OUT.includes(name)) continue;
    if (COPIED.includes(name)) cpSync(join(root, name), join(folder, name), { recursive: true });
    else symlinkSync(join(root, name), join(folder, name));
  }
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

function openBench(cwd: string): ChildProcess {
  return fork(join(cwd, "test/mutants/bench.ts"), {
    cwd,
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    env: { ...process.env, LESSEE_LAWS: SHARE, CI: "" },
  });
}
