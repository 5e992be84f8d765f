/** The ways in which applications come by their user and password: from a file, or from their environment. */
import { readFile } from "node:fs/promises";

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
      loaded = Promise.resolve(await readCredential(file));
      reloadedAt = Date.now();
    },
    reloadedAt: () => reloadedAt,
  };
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

/** `username: …` and `password: …`, one a line. A half-written file is an error here, as it would be anywhere. */
async function readCredential(file: string): Promise<Credential> {
  const text = await readFile(file, "utf8");
  const username = /^username: (\S+)$/m.exec(text)?.[1];
  const password = /^password: (\S+)$/m.exec(text)?.[1];
  if (!username || !password) throw new Error(`${file} has no username or no password`);
  return { username, password };
}
