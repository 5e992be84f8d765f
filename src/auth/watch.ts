/**
 * Tells when one of the files that a login or a connection reads has changed; a path that ends in a slash is a folder.
 * The folder is watched, not the file: a projected volume changes by a swap of its `..data` link, of which a watch on
 * the file sees nothing.
 */
import { dirname } from "node:path";

export interface Watch {
  /** From then on every change is told; nobody needs to wait for it to begin his work. */
  readonly ready: Promise<void>;
  /** These instead of those that were watched before. */
  follow(paths: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** `onReady` is called for each new set of folders, once nothing of them is missed any more. */
export function createWatch(onChange: () => void, onReady = () => {}): Watch {
  const ready = Promise.withResolvers<void>();
  let watched = "";
  let stop = async () => {};
  let closed = false;
  /** One change at a time: of two watchers that are made beside each other one would never be closed. */
  let turn: Promise<void> = Promise.resolve();

  async function watchOnly(folders: readonly string[]): Promise<void> {
    if (closed || folders.join("\0") === watched) return;
    watched = folders.join("\0");
    await stop();
    stop = async () => {};
    if (folders.length === 0) return;
    // Loaded by the first who has something to watch.
    const { watch } = await import("chokidar");
    const watcher = watch([...folders], { depth: 1, ignoreInitial: true, followSymlinks: true });
    stop = () => watcher.close();
    watcher.on("all", onChange);
    // A folder that cannot be watched costs only the quick retry; logins read the file anew anyway.
    watcher.on("error", () => {});
    watcher.once("ready", () => {
      ready.resolve();
      onReady();
    });
  }

  return {
    ready: ready.promise,
    follow(paths) {
      const folders = [...new Set(paths.map((path) => (path.endsWith("/") ? path : dirname(path))))].sort();
      turn = turn.then(() => watchOnly(folders));
      return turn;
    },
    close() {
      closed = true;
      turn = turn.then(() => stop());
      return turn;
    },
  };
}
