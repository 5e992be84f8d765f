/** What is left of a process group. */
import type { Files, Kill } from "../ports.ts";

export interface GroupPorts {
  readonly kill: Kill;
  readonly files: Pick<Files, "readdir" | "readFile">;
}

/** To a process, or with its number below 0 to a whole group. False when nobody is there to be signalled. */
export function trySignal(to: number, signal: NodeJS.Signals | 0, kill: Kill): boolean {
  try {
    return kill(to, signal);
  } catch {
    return false;
  }
}

/**
 * Whether anything of it still runs. A process that has ended can be signalled until its parent, or in a container
 * whoever is PID 1, has asked for it, which may be never: only the kernel's own list tells it from a living one.
 */
export async function isAlive(group: number, { kill, files }: GroupPorts): Promise<boolean> {
  if (!trySignal(-group, 0, kill)) return false;
  const pids = await files.readdir("/proc").catch(() => null);
  if (pids === null) return true;
  const members = await Promise.all(
    pids.filter((name) => /^\d+$/.test(name)).map((pid) => files.readFile(`/proc/${pid}/stat`, "utf8").catch(() => "")),
  );
  return members.some((stat) => {
    // After the program's name, which may hold anything: state, parent, group.
    const [state, , its] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(its) === group && state !== "Z" && state !== "X";
  });
}
