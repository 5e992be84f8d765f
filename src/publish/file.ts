/**
 * One file, replaced in one step: whoever reads the destination sees the old content whole or the new content whole,
 * with its final owner and mode, whatever fails in between.
 */
import { constants } from "node:fs";
import { basename, dirname, join } from "node:path";
import { PublishError } from "../errors.ts";
import type { Files, Random } from "../ports.ts";
import { publishError } from "./failure.ts";
import { createFolders, type Folders } from "./folders.ts";
import { type Owner, resolveOwner } from "./owner.ts";

/** What has to stand where. `perms`, `user`, `group` and `backup` mean what they mean in a `template` block. */
export interface PublishRequest {
  readonly destination: string;
  readonly content: Uint8Array;
  /** Makes missing folders, with mode 0755. */
  readonly createDestDirs: boolean;
  /** Absent: the mode that the file has, or 0644 for a new one. */
  readonly perms?: number;
  /** A name of /etc/passwd or a number; absent: the owner that the file has, where that is allowed. */
  readonly user?: string;
  readonly group?: string;
  /** The old content stays as `DESTINATION.bak`. */
  readonly backup: boolean;
}

export interface PublishPorts {
  readonly files: Files;
  readonly random: Random;
  /** Of all who write beside each other; absent where nobody else does. */
  readonly folders?: Folders;
}

/**
 * Writes one file by the strategy `rename`; nothing is done where bytes, mode and owner are already right.
 *
 * A destination that is a symbolic link is replaced by the file, as Vault Agent does: what an application puts into
 * the folder cannot direct a secret elsewhere. Rejects with a PublishError; then the old file is whole and no
 * temporary file is left (where even removing one is refused, the next publish removes it).
 */
export async function publishFile(
  request: PublishRequest,
  ports: PublishPorts,
): Promise<{ readonly changed: boolean }> {
  const staged = await stage(request, ports);
  if (staged) await commit(staged, ports);
  return { changed: staged !== undefined };
}

/**
 * As `publishFile`, for a file that nobody but us writes, and whose content is known to be another: what stands there is
 * not looked at. On a busy machine every look costs its turn.
 */
export async function replaceFile(
  path: string,
  content: Uint8Array,
  perms: number,
  ports: PublishPorts,
): Promise<void> {
  const request = { destination: path, content, perms, createDestDirs: false, backup: false };
  const staged = await writeBeside(request, {}, undefined, ports).catch((error: unknown) => {
    throw publishError(path, error);
  });
  await commit(staged, ports);
}

/** A new content beside its destination, complete and on the disk, that one rename makes visible. */
export interface Staged {
  readonly request: PublishRequest;
  readonly temporary: string;
  readonly existing: Existing | undefined;
}

/** What stands at a destination before the publish; only a regular file counts. */
export interface Existing extends Found {
  readonly path: string;
  /** When its content was written, by the volume's clock. */
  readonly written: number;
}

interface Found {
  /** Absent where another owner keeps it from being read, which does not keep it from being replaced. */
  readonly content: Uint8Array | undefined;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

const NEW_FILE_MODE = 0o644;
const UNTIL_COMPLETE = 0o600;

/** Resolves to undefined where nothing has to change. */
export async function stage(request: PublishRequest, ports: PublishPorts): Promise<Staged | undefined> {
  const { files } = ports;
  const { destination } = request;
  try {
    const owner = await resolveOwner(request, files);
    const existing = await examine(destination, files);
    if (existing && isUpToDate(existing, request, owner)) return undefined;
    if (request.createDestDirs) await files.mkdir(dirname(destination), { recursive: true, mode: 0o755 });
    return await writeBeside(request, owner, existing, ports);
  } catch (error) {
    throw publishError(destination, error);
  }
}

async function writeBeside(
  request: PublishRequest,
  owner: Owner,
  existing: Existing | undefined,
  ports: PublishPorts,
): Promise<Staged> {
  await sweep(request.destination, ports);
  const temporary = temporaryName(request.destination, ports.random);
  await writeNew(temporary, request, owner, existing, ports.files);
  return { request, temporary, existing };
}

export async function commit({ request, temporary, existing }: Staged, ports: PublishPorts): Promise<void> {
  const { destination } = request;
  try {
    if (request.backup && existing) await keepBackup(existing.path, destination, ports);
    await ports.files.rename(temporary, destination);
  } catch (error) {
    await discard(temporary, ports.files);
    throw publishError(destination, error);
  }
  await foldersOf(ports).sync(dirname(destination));
}

/** Removes what was staged; a failure is left to the sweep of the next publish. */
export async function discard(temporary: string, files: Files): Promise<void> {
  await files.unlink(temporary).catch(() => undefined);
}

/** Reads what stands at `path` without following a link. Anything but a file, a link or nothing is refused. */
export async function examine(path: string, files: Files): Promise<Existing | undefined> {
  const found = await files.lstat(path).catch(absent);
  if (!found || found.isSymbolicLink()) return undefined;
  if (!found.isFile()) {
    const kind = found.isDirectory() ? "a folder" : "not a regular file";
    throw new PublishError(`cannot write ${path}: it is ${kind}`, [], { hint: "name a file as destination" });
  }
  const content = await files.readFile(path).catch(() => undefined);
  return { path, content, mode: found.mode & 0o7777, uid: found.uid, gid: found.gid, written: found.mtimeMs };
}

export function isUpToDate(existing: Found, request: PublishRequest, owner: Owner): boolean {
  return (
    existing.content !== undefined &&
    Buffer.compare(existing.content, request.content) === 0 &&
    (request.perms ?? existing.mode) === existing.mode &&
    (owner.uid ?? existing.uid) === existing.uid &&
    (owner.gid ?? existing.gid) === existing.gid
  );
}

/**
 * Makes a new file at `path` and brings it to the disk, or leaves none. It belongs to its owner before it has any
 * content, and is readable for nobody else before it is complete.
 */
export async function writeNew(
  path: string,
  request: PublishRequest,
  owner: Owner,
  existing: Existing | undefined,
  files: Files,
): Promise<void> {
  const handle = await files.open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, UNTIL_COMPLETE);
  try {
    try {
      // The group first: after the file was given away its group can no longer be changed.
      if (owner.gid !== undefined) await handle.chown(-1, owner.gid);
      else if (existing) await handle.chown(-1, existing.gid).catch(() => undefined);
      if (owner.uid !== undefined) await handle.chown(owner.uid, -1);
      else if (existing) await handle.chown(existing.uid, -1).catch(() => undefined);
      await handle.writeFile(request.content);
      await handle.chmod(request.perms ?? existing?.mode ?? NEW_FILE_MODE);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    await discard(path, files);
    throw error;
  }
}

/** Hard-links the old file to `DESTINATION.bak`, replacing an older one in one step. */
export async function keepBackup(path: string, destination: string, ports: PublishPorts): Promise<void> {
  const temporary = temporaryName(destination, ports.random);
  await ports.files.link(path, temporary);
  try {
    await ports.files.rename(temporary, `${destination}.bak`);
  } finally {
    // A rename between two links of one file does nothing and leaves both.
    await discard(temporary, ports.files);
  }
}

export function temporaryName(destination: string, random: Random): string {
  return join(dirname(destination), temporaryPrefix(destination) + randomName(random));
}

export function randomName(random: Random): string {
  return Math.floor(random() * 2 ** 48)
    .toString(16)
    .padStart(12, "0");
}

/** Removes what a killed process left of this destination: it may hold a secret. */
export async function sweep(destination: string, ports: PublishPorts): Promise<void> {
  const folder = dirname(destination);
  const prefix = temporaryPrefix(destination);
  for (const name of await foldersOf(ports).names(folder))
    if (name.startsWith(prefix)) await discard(join(folder, name), ports.files);
}

export function foldersOf({ files, folders }: PublishPorts): Folders {
  return folders ?? createFolders(files);
}

export function absent(error: unknown): undefined {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
  throw error;
}

function temporaryPrefix(destination: string): string {
  return `.${basename(destination)}.lessee-`;
}
