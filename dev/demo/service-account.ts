/** The token file of a pod, as kubelet keeps it: a link into a folder that is replaced whole. */
import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

export interface ProjectedToken {
  /** The path that an application is configured with. */
  readonly file: string;
  stop(): void;
}

/** kubelet replaces a token of an hour after 80 % of its life; this is often enough for that, and rare. */
const INTERVAL = 30 * 60_000;

export async function projectToken(folder: string, sign: () => string): Promise<ProjectedToken> {
  await mkdir(folder, { mode: 0o700 });
  await symlink(join("..data", "token"), join(folder, "token"));
  let generation = 0;

  async function write(): Promise<void> {
    const previous = `..${generation++}`;
    const next = `..${generation}`;
    await mkdir(join(folder, next), { mode: 0o700 });
    await writeFile(join(folder, next, "token"), sign(), { mode: 0o600 });
    await symlink(next, join(folder, "..data_tmp"));
    await rename(join(folder, "..data_tmp"), join(folder, "..data"));
    await rm(join(folder, previous), { recursive: true, force: true });
  }

  await write();
  // A failure leaves the old token, which is good for another half of its life.
  const timer = setInterval(() => void write().catch(() => {}), INTERVAL);
  return { file: join(folder, "token"), stop: () => clearInterval(timer) };
}
