/**
 * Fails a test file that leaves something behind: a process, a socket, a watcher, a timer, a file in the temporary
 * folder. It runs before each file, in the file's own process, and gives it a temporary folder of its own.
 */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll } from "vitest";

/** What has been closed may take so long to be gone. */
const PATIENCE = 5_000;

/** Not PipeWrap: Node makes its standard streams, pipes here, only when somebody asks. A socket file left is seen as a file. */
const KINDS = ["FSEventWrap", "ProcessWrap", "StatWatcher", "TCPServerWrap", "TCPSocketWrap", "Timeout"];

const folder = mkdtempSync(join(tmpdir(), "lessee-test-"));
// A Postgres that root starts runs as nobody and has to pass through.
chmodSync(folder, 0o711);
process.env.TMPDIR = folder;

const before = resources();

// Set up before the file's own hooks, so that it runs after all of them.
afterAll(async () => {
  const giveUp = Date.now() + PATIENCE;
  let left = leaks();
  while (left.length > 0 && Date.now() < giveUp) {
    await sleep(50);
    left = leaks();
  }
  rmSync(folder, { recursive: true, force: true });
  if (left.length > 0) throw new Error(`left behind by this file's tests:\n  ${left.join("\n  ")}`);
});

function leaks(): readonly string[] {
  const now = resources();
  const handles = KINDS.flatMap((kind) => {
    const more = (now.get(kind) ?? 0) - (before.get(kind) ?? 0);
    return more > 0 ? [`${more} × ${kind}`] : [];
  });
  return [...processes(), ...handles, ...readdirSync(folder).map((name) => join(folder, name))];
}

/** What keeps the event loop alive, by kind. */
function resources(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

/** Our children, and whatever inherited our temporary folder. Only Linux tells. */
function processes(): readonly string[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return [];
    const [, command = "", parent = ""] = read(`/proc/${pid}/stat`).match(/^\d+ \((.*)\) \S (\d+)/s) ?? [];
    const ours = Number(parent) === process.pid || read(`/proc/${pid}/environ`).includes(`TMPDIR=${folder}\0`);
    return ours
      ? [`process ${pid} (${command}) ${read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").slice(0, 120)}`]
      : [];
  });
}

/** Empty where the process has gone meanwhile or is somebody else's. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
