/** Names of users and groups, looked up in the files where a container has them. */
import { PublishError } from "../errors.ts";
import type { Files } from "../ports.ts";

/** Numbers as the kernel knows them; absent is as it is. */
export interface Owner {
  readonly uid?: number;
  readonly gid?: number;
}

/** Rejects with a PublishError where a name is not known here. */
export async function resolveOwner(
  wanted: { readonly destination: string; readonly user?: string; readonly group?: string },
  files: Files,
): Promise<Owner> {
  const [uid, gid] = await Promise.all([
    lookUp("user", "/etc/passwd", wanted.user, wanted.destination, files),
    lookUp("group", "/etc/group", wanted.group, wanted.destination, files),
  ]);
  return { ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) };
}

async function lookUp(
  kind: "user" | "group",
  table: string,
  name: string | undefined,
  destination: string,
  files: Files,
): Promise<number | undefined> {
  if (name === undefined || name === "") return undefined;
  if (/^\d+$/.test(name)) return Number(name);
  const text = await files.readFile(table, "utf8").catch(() => "");
  for (const line of text.split("\n")) {
    const [entry, , id] = line.split(":");
    if (entry === name && id !== undefined && /^\d+$/.test(id)) return Number(id);
  }
  throw new PublishError(`cannot write ${destination}: no ${kind} "${name}" in ${table}`, [], {
    hint: `give the ${kind}'s number, or add the ${kind} to the image`,
  });
}
