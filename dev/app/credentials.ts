/** The ways in which applications come by their user and password: from a file, or from their environment. */
import { watch } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface Credential {
  readonly username: string;
  readonly password: string;
}

export interface Credentials {
  /** For a connection that is about to be opened; rejects as long as there is no file. */
  get(): Promise<Credential>;
  /** What the application does on SIGHUP. */
  reload(): Promise<void>;
  /** When connections opened earlier were asked to make room for a new credential; 0 is never. Milliseconds since 1970. */
  reloadedAt(): number;
}

/** Every connection is opened with what the file says at that moment. SIGHUP is of no use to it. */
export function filePerConnection(file: string): Credentials {
  return { get: () => readCredential(file), reload: async () => {}, reloadedAt: () => 0 };
}

/** The file is read once, and again on SIGHUP. */
export function fileOnce(file: string): Credentials {
  let loaded: Promise<Credential> | undefined;
  let reloadedAt = 0;
  return {
    async get() {
      loaded ??= readCredential(file);
      return loaded.catch((error) => {
        loaded = undefined;
        throw error;
      });
    },
    async reload() {
      const last = await loaded;
      const next = await readCredential(file);
      loaded = Promise.resolve(next);
      if (next.username !== last?.username) reloadedAt = Date.now();
    },
    reloadedAt: () => reloadedAt,
  };
}

/**
 * The file is read once, and again whenever the kernel tells of a change. A watch on a file is one on what stood there
 * when it was begun: once that is replaced it tells no more, and has to be begun anew.
 */
export function fileWatched(file: string, what: "file" | "folder"): Credentials {
  const once = fileOnce(file);
  let begun = false;

  async function follow(): Promise<void> {
    for (;;) {
      try {
        await change(what === "file" ? file : dirname(file), () => once.reload());
        await once.reload();
      } catch {
        // Between two files there may be none.
        await sleep(10, undefined, { ref: false });
      }
    }
  }

  return {
    ...once,
    async get() {
      const credential = await once.get();
      if (!begun) void follow();
      begun = true;
      return credential;
    },
  };
}

/** Resolves at the next change. What came between the last reading and the watch's begin is found by `look`. */
async function change(path: string, look: () => Promise<void>): Promise<void> {
  const watcher = watch(path, { persistent: false });
  try {
    const changed = new Promise<void>((resolve, reject) => {
      watcher.once("change", () => resolve());
      watcher.once("error", reject);
    });
    changed.catch(() => {});
    await look();
    await changed;
  } finally {
    watcher.close();
  }
}

/** What the process was started with; another one needs another process. */
export function fromEnvironment(env: NodeJS.ProcessEnv): Credentials {
  const { DB_USERNAME: username, DB_PASSWORD: password } = env;
  return {
    async get() {
      if (!username || !password) throw new Error("DB_USERNAME and DB_PASSWORD are not set");
      return { username, password };
    },
    reload: async () => {},
    reloadedAt: () => 0,
  };
}

/** For a pooler, which logs in to Postgres as somebody else. */
export function fixed(): Credentials {
  return {
    get: async () => ({ username: "application", password: "none" }),
    reload: async () => {},
    reloadedAt: () => 0,
  };
}

/** `username: …` and `password: …`, one a line. A half-written file is an error here, as it would be anywhere. */
async function readCredential(file: string): Promise<Credential> {
  const text = await readFile(file, "utf8");
  const username = /^username: (\S+)$/m.exec(text)?.[1];
  const password = /^password: (\S+)$/m.exec(text)?.[1];
  if (!username || !password) throw new Error(`${file} has no username or no password`);
  return { username, password };
}
