/**
 * Tells when one of the files that a login or a connection reads has changed; a path that ends in a slash is a folder.
 * The folder is watched, not the file: a projected volume changes by a swap of its `..data` link, of which a watch on
 * the file sees nothing. What else happens in the folder is nobody's business.
 */
import { dirname, resolve } from "node:path";
import type { Files } from "../ports.ts";

export interface Watch {
  /** From then on every change is told; nobody needs to wait for it to begin his work. */
  readonly ready: Promise<void>;
  /** These instead of those that were watched before. */
  follow(paths: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** `onReady` is called for each new set of folders, once nothing of them is missed any more. */
export function createWatch(files: Pick<Files, "stat">, onChange: () => void, onReady = () => {}): Watch {
  const ready = Promise.withResolvers<void>();
  let followed: readonly string[] = [];
  let watched = "";
  let stop = async () => {};
  let closed = false;
  /** One change at a time: of two watchers that are made beside each other one would never be closed. */
  let turn: Promise<void> = Promise.resolve();
  const seen = new Map<string, string>();
  let asked = 0;

  /** Others may be busy in the same folder. One look at a time, and another where something happened meanwhile. */
  async function look(): Promise<void> {
    if (asked++ > 0) return;
    for (let answered = 0; answered < asked; ) {
      answered = asked;
      const states = await statesOf(followed, files);
      if (states.some(([path, state]) => seen.has(path) && seen.get(path) !== state) && !closed) onChange();
      for (const [path, state] of states) seen.set(path, state);
    }
    asked = 0;
  }

  async function watchOnly(paths: readonly string[]): Promise<void> {
    if (closed) return;
    // What has changed since it was looked at last is still to be told.
    const unseen = await statesOf(
      paths.filter((path) => !followed.includes(path)),
      files,
    );
    for (const [path, state] of unseen) seen.set(path, state);
    followed = paths;
    const folders = [...new Set(paths.map((path) => (isFolder(path) ? path : dirname(path))))].sort();
    if (folders.join("\0") === watched) return;
    watched = folders.join("\0");
    await stop();
    stop = async () => {};
    if (folders.length === 0) return;
    // Loaded by the first who has something to watch.
    const { watch } = await import("chokidar");
    const watcher = watch(folders, { depth: 1, ignoreInitial: true, followSymlinks: true });
    stop = () => watcher.close();
    watcher.on("all", (_what, path) => {
      if (followed.some((one) => isFolder(one) && isBelow(path, one))) onChange();
      else void look();
    });
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
      turn = turn.then(() => watchOnly(paths));
      return turn;
    },
    close() {
      closed = true;
      turn = turn.then(() => stop());
      return turn;
    },
  };
}

// ---- internal ----

function isFolder(path: string): boolean {
  return path.endsWith("/");
}

function isBelow(path: string, folder: string): boolean {
  return `${resolve(path)}/`.startsWith(`${resolve(folder)}/`);
}

/** What tells one content of a file from another without reading it, at the end of all links. */
function statesOf(paths: readonly string[], files: Pick<Files, "stat">): Promise<[path: string, state: string][]> {
  const states = paths.map(async (path): Promise<[string, string]> => {
    const found = await files.stat(path, { bigint: true }).catch(() => null);
    return [path, found ? [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(":") : ""];
  });
  return Promise.all(states);
}
