/** What a command is given to read: a file, or `-` for standard input. */
import { LesseeError } from "../errors.ts";
import type { World } from "../ports.ts";

/** Rejects with a LesseeError for a file that cannot be read; whoever asked for it knows its name. */
export async function readInput(path: string, { files, stdin }: Pick<World, "files" | "stdin">): Promise<string> {
  if (path !== "-") {
    return files.readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      throw new LesseeError("usage", `cannot be read: ${error.code ?? error.message}`);
    });
  }
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of stdin) text += typeof piece === "string" ? piece : decoder.decode(piece, { stream: true });
  return text + decoder.decode();
}
