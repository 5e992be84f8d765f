/** A small process that cleans up after this one if it dies without stopping its Postgres, as by SIGKILL. */
import { spawn } from "node:child_process";
import { once } from "node:events";

export interface Guard {
  /** Ends it, after everything has been cleaned up already. */
  dismiss(): Promise<void>;
}

/**
 * `read` succeeds when it is told that all is done and fails when the pipe breaks, which is when this process died.
 * Then the postmaster is asked for a fast shutdown; it removes its pid file when it is gone.
 */
const SCRIPT = `
read -r done && exit 0
kill -INT "$(head -n 1 "$2")" 2>/dev/null
tries=0
while [ -e "$2" ] && [ $tries -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
kill -KILL "$(head -n 1 "$2")" 2>/dev/null
rm -rf -- "$1"
`;

export function startGuard(folder: string, pidFile: string): Guard {
  // Its own session: a Ctrl-C in the terminal must not end the guard before what it guards.
  const child = spawn("sh", ["-c", SCRIPT, "lessee-postgres-guard", folder, pidFile], {
    cwd: "/",
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  child.stdin.on("error", () => {});
  const gone = once(child, "exit");
  return {
    async dismiss() {
      child.stdin.end("done\n");
      await gone;
    },
  };
}
