/** The strategy for a file that cannot be replaced, because it is a mount point itself (a subPath mount, rule M11). */
import { constants } from "node:fs";
import type { Files } from "../ports.ts";
import { publishError } from "./failure.ts";
import { absent, isUpToDate, type PublishPorts, type PublishRequest, publishFile } from "./file.ts";
import { type Owner, resolveOwner } from "./owner.ts";

/**
 * Writes into the file that is there, through a symbolic link too. A reader may see half of it for a moment; after a
 * failed write the old content is put back, as far as the disk lets it. A file that is not there yet is made whole.
 */
export async function publishInPlace(
  request: PublishRequest,
  ports: PublishPorts,
): Promise<{ readonly changed: boolean }> {
  const { destination } = request;
  const { files } = ports;
  try {
    const found = await files.stat(destination).catch(absent);
    if (!found) return await publishFile(request, ports);
    const old = await files.readFile(destination);
    const existing = { content: old, mode: found.mode & 0o7777, uid: found.uid, gid: found.gid };
    const owner = await resolveOwner(request, files);
    if (isUpToDate(existing, request, owner)) return { changed: false };
    // A copy: the old file's inode is the one that is written to.
    if (request.backup) {
      const backup = { destination: `${destination}.bak`, content: old, perms: existing.mode };
      await publishFile({ ...backup, createDestDirs: false, backup: false }, ports);
    }
    await overwrite(request, owner, old, files);
    return { changed: true };
  } catch (error) {
    throw publishError(destination, error);
  }
}

async function overwrite(
  { destination, content, perms }: PublishRequest,
  owner: Owner,
  old: Uint8Array,
  files: Files,
): Promise<void> {
  const handle = await files.open(destination, constants.O_WRONLY);
  try {
    if (owner.gid !== undefined) await handle.chown(-1, owner.gid);
    if (owner.uid !== undefined) await handle.chown(owner.uid, -1);
    if (perms !== undefined) await handle.chmod(perms);
    try {
      await write(content);
    } catch (error) {
      await write(old).catch(() => undefined);
      throw error;
    }
  } finally {
    // Everything is on the disk by then, so that nothing can be wrong with it any more.
    await handle.close().catch(() => undefined);
  }

  /** The bytes first and the length after: a reader in between sees too much rather than nothing. */
  async function write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      at += (await handle.write(bytes, at, bytes.length - at, at)).bytesWritten;
    }
    await handle.truncate(bytes.length);
    await handle.sync();
  }
}
