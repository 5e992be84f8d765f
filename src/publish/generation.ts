/**
 * The strategy `symlink`: the files of a folder stand in generations, and one link says which is the current one.
 *
 *     config.yaml -> ..lessee/current/config.yaml
 *     users.txt   -> ..lessee/current/users.txt
 *     ..lessee/current -> 3f9a…
 *     ..lessee/3f9a…/{config.yaml,users.txt}
 *
 * All files change together when `current` is renamed over. Every link is relative, because the application may
 * mount the volume elsewhere (rule M11).
 */
import { basename, join } from "node:path";
import type { Files } from "../ports.ts";
import { publishError } from "./failure.ts";
import {
  absent,
  discard,
  type Existing,
  examine,
  foldersOf,
  isUpToDate,
  keepBackup,
  type PublishPorts,
  type PublishRequest,
  randomName,
  sweep,
  temporaryName,
  writeNew,
} from "./file.ts";
import { type Owner, resolveOwner } from "./owner.ts";

const ROOT = "..lessee";
const CURRENT = "current";
/** Whoever has opened a generation reads all of its files in this time, however many follow it. */
const READING = 5_000;
/** Whatever the umask: who may enter the folder may enter these, and each file has its own mode. */
const FOLDER_MODE = 0o755;

/** One file of the new generation. */
interface Member {
  readonly request: PublishRequest;
  readonly name: string;
  readonly owner: Owner;
  readonly existing: Existing | undefined;
  /** When the link was made; absent where there is none. */
  readonly linked: number | undefined;
  /** The content is there, but a crash came before those who watch were told. */
  readonly untold: boolean;
  readonly upToDate: boolean;
}

/**
 * Publishes files of one folder together; those that other requests have put there stay as they are. One answer for
 * each request, in their order; rejects with a PublishError.
 */
export async function publishGeneration(
  folder: string,
  requests: readonly PublishRequest[],
  ports: PublishPorts,
): Promise<readonly { readonly changed: boolean }[]> {
  const { files } = ports;
  const root = join(folder, ROOT);
  try {
    if (requests.some((request) => request.createDestDirs)) {
      await files.mkdir(folder, { recursive: true, mode: FOLDER_MODE });
    }
    const base = await files.readlink(join(root, CURRENT)).catch(absent);
    const members: Member[] = [];
    for (const request of requests) members.push(await inspect(request, root, base, files));
    if (members.some((member) => !member.upToDate)) {
      const generation = await build(root, base, members, ports);
      await point(join(root, CURRENT), generation, ports).catch(async (error: unknown) => {
        await files.rm(join(root, generation), { recursive: true, force: true }).catch(() => undefined);
        throw error;
      });
      await foldersOf(ports).sync(root);
      // The links last: where they are new, everybody was told.
      await announce(root, base, members, files);
      await linkAll(folder, members, ports);
      await removeOthers(root, [CURRENT, generation, base], files);
    }
    return members.map((member) => ({ changed: !member.upToDate }));
  } catch (error) {
    throw publishError(requests[0]?.destination ?? folder, error);
  }
}

async function inspect(request: PublishRequest, root: string, base: string | undefined, files: Files): Promise<Member> {
  const name = basename(request.destination);
  const owner = await resolveOwner(request, files);
  const published = base === undefined ? undefined : await examine(join(root, base, name), files);
  const linked = await linkedAt(request.destination, files);
  const untold = linked !== undefined && published !== undefined && linked < published.written;
  return {
    request,
    name,
    owner,
    existing: published ?? (await examine(request.destination, files)),
    linked,
    untold,
    upToDate: linked !== undefined && !untold && published !== undefined && isUpToDate(published, request, owner),
  };
}

/** Makes the folder of a new generation, complete and on the disk before it has its name, or leaves none. */
async function build(
  root: string,
  base: string | undefined,
  members: readonly Member[],
  ports: PublishPorts,
): Promise<string> {
  const { files } = ports;
  const name = randomName(ports.random);
  const generation = join(root, unfinished(name));
  try {
    for (const folder of [root, generation]) {
      await files.mkdir(folder, { recursive: true, mode: FOLDER_MODE });
      await files.chmod(folder, FOLDER_MODE);
    }
    if (base !== undefined) await takeOver(root, base, generation, members, files);
    for (const { name: file, request, owner, existing, upToDate } of members) {
      const path = join(generation, file);
      await sweep(request.destination, ports);
      if (upToDate && existing) await files.link(existing.path, path);
      else await writeNew(path, request, owner, existing, files);
      if (request.backup && existing && !upToDate) await keepBackup(existing.path, request.destination, ports);
    }
    await foldersOf(ports).sync(generation);
    await files.rename(generation, join(root, name));
    return name;
  } catch (error) {
    await files.rm(generation, { recursive: true, force: true }).catch(() => undefined);
    // On a full disk there is room for it the next time.
    await removeOthers(root, [CURRENT, base], files);
    throw error;
  }
}

/** Links the files of the last generation that are still in use and not of this publish. */
async function takeOver(
  root: string,
  base: string,
  generation: string,
  members: readonly Member[],
  files: Files,
): Promise<void> {
  for (const name of await files.readdir(join(root, base))) {
    if (members.some((member) => member.name === name)) continue;
    const linked = await linkedAt(join(root, "..", name), files);
    if (linked !== undefined) await files.link(join(root, base, name), join(generation, name));
  }
}

/**
 * The first time they lead nowhere yet. Later they are made anew, to where they led before: the folder in which an
 * application waits for a change shows none of what happens below it.
 */
async function linkAll(folder: string, members: readonly Member[], ports: PublishPorts): Promise<void> {
  // Those that were linked before have changed with the generation.
  const written = members.filter((member) => member.linked !== undefined && !member.upToDate).map(destinationOf);
  for (const member of members) {
    if (member.upToDate) continue;
    try {
      await point(member.request.destination, `${ROOT}/${CURRENT}/${member.name}`, ports);
      if (member.linked === undefined) written.push(destinationOf(member));
    } catch (error) {
      throw publishError(destinationOf(member), error, written);
    }
  }
  await foldersOf(ports).sync(folder);
}

/**
 * Who watches the file itself watches what stood at the end of the links, to which nothing happens when they lead
 * elsewhere. Its mode is set to what it is: the kernel tells of that.
 */
async function announce(
  root: string,
  base: string | undefined,
  members: readonly Member[],
  files: Files,
): Promise<void> {
  for (const { name, existing, untold, upToDate } of members) {
    if (upToDate || !existing || base === undefined) continue;
    const watched = untold ? await generationsIn(root, files) : [base];
    for (const generation of watched)
      await files.chmod(join(root, generation, name), existing.mode).catch(() => undefined);
  }
}

function destinationOf(member: Member): string {
  return member.request.destination;
}

async function linkedAt(destination: string, files: Files): Promise<number | undefined> {
  const target = await files.readlink(destination).catch(() => undefined);
  if (target !== `${ROOT}/${CURRENT}/${basename(destination)}`) return undefined;
  return (await files.lstat(destination)).mtimeMs;
}

/** Lets a link point elsewhere in one step. */
async function point(link: string, target: string, ports: PublishPorts): Promise<void> {
  const temporary = temporaryName(link, ports.random);
  try {
    await ports.files.symlink(target, temporary);
    await ports.files.rename(temporary, link);
  } catch (error) {
    await discard(temporary, ports.files);
    throw error;
  }
}

/**
 * Those that a reader may be on its way into stay: the last, and whichever were replaced a moment ago, as when several
 * credentials of one folder change together. A failure is no failure of the publish; the next one tries again.
 */
async function removeOthers(root: string, keep: readonly (string | undefined)[], files: Files): Promise<void> {
  const now = (await files.lstat(root).catch(() => undefined))?.mtimeMs ?? 0;
  const found: { readonly name: string; readonly made: number }[] = [];
  for (const name of await files.readdir(root).catch(() => [])) {
    const stat = await files.lstat(join(root, name)).catch(() => undefined);
    if (stat) found.push({ name, made: isUnfinished(name) ? 0 : stat.mtimeMs });
  }
  found.sort((a, b) => b.made - a.made);
  for (const [i, { name }] of found.entries()) {
    // Each was replaced when the next one was made.
    const replaced = found[i - 1]?.made ?? now;
    if (keep.includes(name) || (!isUnfinished(name) && replaced > now - READING)) continue;
    await files.rm(join(root, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

/** What a crash left of a link or a generation: nobody has ever been led there. */
function unfinished(name: string): string {
  return `.${name}`;
}

function isUnfinished(name: string): boolean {
  return name.startsWith(".");
}

async function generationsIn(root: string, files: Files): Promise<readonly string[]> {
  return (await files.readdir(root).catch(() => [])).filter((name) => name !== CURRENT && !isUnfinished(name));
}
