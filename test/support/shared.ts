/** The texts and vectors that are not part of the repository. Suites that need them are skipped where they are absent. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";

/** From LESSEE_SHARED; default `../shared` beside the repository. */
const sharedPath = resolve(import.meta.dirname, "../..", process.env.LESSEE_SHARED ?? "../shared");

export const sharedAvailable = existsSync(sharedPath);

/** A file below the shared folder. */
export function sharedFile(...parts: readonly string[]): string {
  return resolve(sharedPath, ...parts);
}
