/** Tells the application by a file that it watches. */
import { constants } from "node:fs";
import { NotifyError } from "../errors.ts";
import type { Notifier } from "../ports.ts";
import type { ConfigOf, NotifyPorts } from "./ports.ts";

/**
 * Writes the time into the file itself, so that whoever watches this inode sees it. A symbolic link is not followed:
 * the folder is the application's too, and lessee may be allowed to write where the application is not.
 */
export function fileNotifier(config: ConfigOf<"file">, { files, clock }: NotifyPorts): Notifier {
  return {
    kind: "file",
    target: config.path,
    async notify() {
      try {
        const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
        const handle = await files.open(config.path, flags, 0o644);
        try {
          await handle.writeFile(`${new Date(clock.now()).toISOString()}\n`);
        } finally {
          await handle.close();
        }
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        throw new NotifyError(`cannot touch ${config.path}: ${message}`, false, {
          hint: "its folder must exist and be writable for the user that lessee runs as",
          cause: error,
        });
      }
    },
  };
}
