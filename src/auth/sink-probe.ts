/** Can the sinks be written at all? Asked at the start, where somebody is there to hear of it. */
import { basename, dirname, join } from "node:path";
import type { SinkConfig } from "../config/types.ts";
import { LesseeError } from "../errors.ts";
import type { Files, Random } from "../ports.ts";

/** Makes an empty file beside each sink's and removes it. Rejects with a LesseeError for the first that it cannot. */
export async function probeSinks(
  sinks: readonly SinkConfig[],
  { files, random }: { readonly files: Pick<Files, "open" | "unlink">; readonly random: Random },
): Promise<void> {
  for (const { config } of sinks) {
    const path = String(config.path);
    const suffix = Math.floor(random() * 2 ** 32).toString(16);
    const probe = join(dirname(path), `.${basename(path)}.lessee-probe-${suffix}`);
    try {
      await (await files.open(probe, "wx", 0o600)).close();
      await files.unlink(probe);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      throw new LesseeError("sink", `error creating file sink: error during write check: ${path}: ${code}`, {
        hint: "its folder has to be there, and this user needs to write to it",
        cause: error,
      });
    }
  }
}
