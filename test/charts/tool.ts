/** Programs that a chart is tried with, which a machine may lack. */
import { spawnSync } from "node:child_process";

/** The words for a suite's name where one is missing; empty where it is there. */
export function needs(...programs: readonly string[]): string {
  const missing = programs.filter((program) => spawnSync(program, ["--help"], { stdio: "ignore" }).error !== undefined);
  return missing.length === 0 ? "" : ` (skipped: needs ${missing.join(", ")})`;
}

export interface Said {
  readonly code: number | null;
  readonly text: string;
}

/** Both streams, in whatever order. */
export function say(program: string, args: readonly string[], input?: string): Said {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
    ...(input !== undefined && { input }),
  });
  if (error) throw error;
  return { code: status, text: stdout + stderr };
}
