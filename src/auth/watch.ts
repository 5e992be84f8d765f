/**
 * Tells when one of the files that a login reads has changed. The folder is watched, not the file: a projected volume
 * changes by a swap of its `..data` link, of which a watch on the file sees nothing.
 */
import { dirname } from "node:path";

export interface Watch {
  /** From then on every change is told; nobody needs to wait for it to begin his work. */
  readonly ready: Promise<void>;
  close(): Promise<void>;
}

export async function watchFiles(paths: readonly string[], onChange: () => void): Promise<Watch> {
  if (paths.length === 0) return { ready: Promise.resolve(), close: async () => {} };
  const { watch } = await import("chokidar");
  const watcher = watch([...new Set(paths.map((path) => dirname(path)))], {
    depth: 1,
    ignoreInitial: true,
    followSymlinks: true,
  });
  watcher.on("all", onChange);
  // A folder that cannot be watched costs only the quick retry; logins read the file anew anyway.
  watcher.on("error", () => {});
  const ready = new Promise<void>((resolve) => void watcher.once("ready", resolve));
  return { ready, close: () => watcher.close() };
}
