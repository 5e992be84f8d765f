/** A small volume of its own in a pod's folder, and what disks do to it: nothing of that is made up. */
import * as fs from "node:fs/promises";
import { join } from "node:path";
import { run } from "./process.ts";

export const DISK_FAULTS = ["disk full", "read-only", "permission"] as const;
export type DiskFault = (typeof DISK_FAULTS)[number];

export const NOBODY = 65_534;
const SIZE = "256k";
const FILLER = "filler";

/** Whether this process may mount. */
export async function mayMount(folder: string): Promise<boolean> {
  return mount(folder)
    .then(() => unmount(folder))
    .then(() => true)
    .catch(() => false);
}

export function mount(folder: string): Promise<void> {
  return run("mount", ["-t", "tmpfs", "-o", `size=${SIZE},mode=0777`, "tmpfs", folder], {});
}

/** With whatever still has a file open there. */
export function unmount(folder: string): Promise<void> {
  return run("umount", ["--lazy", folder], {});
}

export async function spoil(folder: string, fault: DiskFault): Promise<void> {
  if (fault === "read-only") return run("mount", ["-o", "remount,ro", folder], {});
  if (fault === "permission") return fs.chmod(folder, 0o555);
  const handle = await fs.open(join(folder, FILLER), "w");
  const full = await fs.writeFile(handle, Buffer.alloc(1_024 * 1_024)).catch(({ code }: { code: string }) => code);
  await handle.close();
  if (full !== "ENOSPC") throw new Error(`${folder} has room for more`);
}

export async function mend(folder: string, fault: DiskFault): Promise<void> {
  if (fault === "read-only") return run("mount", ["-o", "remount,rw", folder], {});
  if (fault === "permission") return fs.chmod(folder, 0o755);
  await fs.rm(join(folder, FILLER), { force: true });
}
