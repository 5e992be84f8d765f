/** The pid file of Vault Agent's configuration: there while the agent runs, decimal, without a line feed, mode 0600. */
import { describe, LesseeError } from "../errors.ts";
import type { Files } from "../ports.ts";

export interface PidFile {
  remove(): Promise<void>;
}

/** @throws LesseeError where it cannot be written: whoever asked for it relies on it. */
export async function writePidFile(
  path: string | undefined,
  pid: number,
  files: Pick<Files, "open" | "rm">,
): Promise<PidFile> {
  if (path === undefined || path === "") return { remove: async () => {} };
  try {
    const handle = await files.open(path, "w", 0o600);
    await handle.writeFile(String(pid));
    await handle.close();
  } catch (error) {
    throw new LesseeError("pid-file", `pid_file: cannot write ${path}: ${describe(error)}`, {
      hint: "name a folder that this user may write to",
    });
  }
  return { remove: () => files.rm(path, { force: true }) };
}
