/** What is done to a folder for each of its files, once for all of them that ask for it at the same time. */
import { constants } from "node:fs";
import type { Files } from "../ports.ts";

export interface Folders {
  /** What is in it; nothing where that cannot be read. What is made or removed in the meantime may be missing. */
  names(folder: string): Promise<readonly string[]>;
  /**
   * Brings a rename to the disk. A failure is no failure of the publish: the file is in its place for every reader, and
   * after a power cut the folder holds the old one or the new one, each of them whole.
   */
  sync(folder: string): Promise<void>;
}

interface Syncs {
  readonly underWay: Promise<void>;
  next: Promise<void> | null;
}

export function createFolders(files: Pick<Files, "open" | "readdir">): Folders {
  const listings = new Map<string, Promise<readonly string[]>>();
  const syncs = new Map<string, Syncs>();

  function list(folder: string): Promise<readonly string[]> {
    const listing = files
      .readdir(folder)
      .catch(() => [])
      .finally(() => listings.delete(folder));
    listings.set(folder, listing);
    return listing;
  }

  function begin(folder: string): Promise<void> {
    const one: Syncs = {
      underWay: sync(folder, files).finally(() => {
        if (one.next === null) syncs.delete(folder);
      }),
      next: null,
    };
    syncs.set(folder, one);
    return one.underWay;
  }

  return {
    names: (folder) => listings.get(folder) ?? list(folder),
    sync(folder) {
      const last = syncs.get(folder);
      if (last === undefined) return begin(folder);
      // The one that is under way may have begun before the rename: whoever comes now shares the next one.
      last.next ??= last.underWay.then(() => begin(folder));
      return last.next;
    },
  };
}

// ---- internal ----

async function sync(folder: string, files: Pick<Files, "open">): Promise<void> {
  try {
    const handle = await files.open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch {
    // Some volumes cannot sync a folder, and a folder may be writable without being readable.
  }
}
