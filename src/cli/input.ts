/** What a command is given to read: a file, or `-` for standard input. */
import type { World } from "../ports.ts";

/** Rejects as Node does for a file that cannot be read. */
export async function readInput(path: string, { files, stdin }: Pick<World, "files" | "stdin">): Promise<string> {
  if (path !== "-") return files.readFile(path, "utf8");
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of stdin) text += typeof piece === "string" ? piece : decoder.decode(piece, { stream: true });
  return text + decoder.decode();
}
