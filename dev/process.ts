/** Running other programs, for the embedded world. */
import { type SpawnOptions, spawn } from "node:child_process";

/** Runs a program to its end; rejects with its output when it does not exit with 0. */
export async function run(command: string, args: readonly string[], options: SpawnOptions): Promise<void> {
  const output: string[] = [];
  const child = spawn(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  child.stdout?.on("data", (chunk) => output.push(String(chunk)));
  child.stderr?.on("data", (chunk) => output.push(String(chunk)));
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${command} ended with ${signal ?? code}:\n${output.join("").trim()}`));
    });
  });
}
