/**
 * Waits until nobody else's process is left in a process namespace that the pod's containers share. A container that is
 * started again has none for a moment: the end is only believed after a while.
 */
import type { Clock, Emit, Files } from "../ports.ts";

export interface StrangersDeps {
  readonly files: Pick<Files, "readdir" | "readFile">;
  readonly clock: Clock;
  readonly emit: Emit;
  /** Our own. */
  readonly pid: number;
  /** Programs that are not the job's. */
  readonly sidecars: readonly string[];
  readonly quietPeriod: number;
  /** Default /proc. */
  readonly proc?: string;
}

const LONGEST_POLL = 2_000;
/** Without anybody to be seen for so long, something is wrong with the pod. */
const SUSPICIOUS = 60_000;
/** The kernel keeps so many characters of a program's name. */
const COMM_LENGTH = 15;
/** PF_KTHREAD of the kernel's flags. */
const KERNEL_THREAD = 0x200000;

/** Resolves to how it ended; null when `stop` aborts. */
export async function untilStrangersEnd(deps: StrangersDeps, stop: AbortSignal): Promise<string | null> {
  const { clock, emit, quietPeriod } = deps;
  const poll = Math.max(50, Math.min(LONGEST_POLL, quietPeriod / 4));
  const begun = clock.now();
  let lastSeenAt: number | null = null;
  let said = "";
  let suspected = false;
  while (!stop.aborted) {
    const running = await strangers(deps);
    const now = clock.now();
    if (running === null) {
      // Nobody was looked for, and nobody has been missed.
      if (lastSeenAt !== null) lastSeenAt = now;
    } else if (running.length > 0) {
      lastSeenAt = now;
      if (said !== running.join()) emit({ is: "waiting for the job", running });
      said = running.join();
    } else if (lastSeenAt === null) {
      if (!suspected && now - begun >= SUSPICIOUS) {
        suspected = true;
        const message =
          "job: no process of another container has been seen: does the pod set shareProcessNamespace: true?";
        emit({ is: "warning", code: "job", message });
      }
    } else if (now - lastSeenAt >= quietPeriod) {
      return `no other process has been there for ${Math.round(quietPeriod / 1_000)} s`;
    }
    await clock.sleep(now + poll, stop);
  }
  return null;
}

// ---- internal ----

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  readonly counts: boolean;
}

/**
 * Names of the programs that are neither ours, nor the pod's own first process, nor the kernel's. Null where they cannot
 * be seen, as for want of file descriptors: who does not even see himself has seen nobody.
 */
async function strangers({ files, pid, sidecars, proc = "/proc" }: StrangersDeps): Promise<readonly string[] | null> {
  const names = await files.readdir(proc).catch(() => []);
  const pids = names.filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(
    pids.map((name) => files.readFile(`${proc}/${name}/stat`, "utf8").catch(() => undefined)),
  );
  const processes = stats.flatMap((stat) => (stat === undefined ? [] : [processOf(stat)]));
  const byPid = new Map(processes.map((one) => [one.pid, one]));
  if (!byPid.has(pid)) return null;
  const ours = new Set(ancestry(pid, byPid));
  const known = new Set(sidecars.map((name) => name.slice(0, COMM_LENGTH)));
  const found = processes.filter(
    (one) =>
      one.counts &&
      !ours.has(one.pid) &&
      !known.has(one.name) &&
      !(one.pid === 1 && one.name === "pause") &&
      !ancestry(one.pid, byPid).includes(pid),
  );
  return [...new Set(found.map(({ name }) => name))].sort();
}

function processOf(stat: string): Process {
  // The program's name stands in brackets and may hold anything, brackets too.
  const end = stat.lastIndexOf(")");
  const fields = stat.slice(end + 2).split(" ");
  const isOver = fields[0] === "Z" || fields[0] === "X";
  return {
    pid: Number.parseInt(stat, 10),
    parent: Number(fields[1]),
    name: stat.slice(stat.indexOf("(") + 1, end),
    counts: !isOver && (Number(fields[6]) & KERNEL_THREAD) === 0,
  };
}

/** The process and those above it. */
function ancestry(pid: number, byPid: ReadonlyMap<number, Process>): readonly number[] {
  const line: number[] = [];
  for (let at = byPid.get(pid); at !== undefined && !line.includes(at.pid); at = byPid.get(at.parent))
    line.push(at.pid);
  return line;
}
