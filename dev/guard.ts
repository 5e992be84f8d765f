/** A small process that cleans up after this one if it dies without doing so itself, as by SIGKILL. */
import { spawn } from "node:child_process";
import { once } from "node:events";

export interface Guard {
  /** A process group that must not outlive this process. */
  watch(pid: number): void;
  /** Kills what is watched, without asking; the guard itself cleans up when this process exits. */
  kill(): void;
  /** Ends the guard, after everything has been cleaned up already. */
  dismiss(): Promise<void>;
}

/**
 * Reads process ids until it is told that all is done, or until the pipe breaks, which is when this process died.
 * Then all are interrupted, killed if that does not help within 3 s, and the folder is removed. `-s KILL`, because dash
 * takes no group after `-KILL --`.
 */
const SCRIPT = `
pids=
running() { for pid in $pids; do kill -0 "$pid" && return 0; done; return 1; }
while read -r word; do
  [ "$word" = done ] && exit 0
  pids="$pids $word"
done
kill -INT $pids
tries=0
while [ $tries -lt 30 ] && running; do sleep 0.1; tries=$((tries + 1)); done
for pid in $pids; do kill -s KILL -- "-$pid"; done
rm -rf -- "$1"
`;

/** @param folder removed together with all that is in it */
export function startGuard(folder: string): Guard {
  // Its own session: a Ctrl-C in the terminal must not end the guard before what it guards.
  const child = spawn("sh", ["-c", SCRIPT, "lessee-guard", folder], {
    cwd: "/",
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  child.stdin.on("error", () => {});
  const gone = once(child, "exit");
  const pids: number[] = [];
  return {
    watch(pid) {
      pids.push(pid);
      child.stdin.write(`${pid}\n`);
    },
    kill() {
      for (const pid of pids) killGroup(pid);
    },
    async dismiss() {
      child.stdin.end("done\n");
      await gone;
    },
  };
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}
