/** Tells the application by a command; exit code 0 is heard. */

import type { CommandConfig } from "../config/types.ts";
import { describe, NotifyError } from "../errors.ts";
import type { CredentialChange, Notifier, RunCommand } from "../ports.ts";
import type { ConfigOf, NotifyPorts } from "./ports.ts";

/** A hook that hangs must not hold up the next attempt, nor the end of lessee. */
const ENDING = { killSignal: "SIGTERM", killTimeout: 2_000 } as const;

/** The command finds in its environment what has changed; nothing there is secret. */
export function execNotifier(config: ConfigOf<"exec">, { run }: NotifyPorts): Notifier {
  const { command, timeout, env } = config;
  return {
    kind: "exec",
    target: config.command.join(" "),
    notify: (change, signal) =>
      told(() => run({ command, timeout, ...ENDING }, { ...env, ...changeVariables(change) }, signal)),
  };
}

/** A template's `command`, which tells the application just as a notify block does. */
export function commandNotifier(command: CommandConfig, run: RunCommand): Notifier {
  return {
    kind: "exec",
    target: command.command.join(" "),
    notify: (change, signal) => told(() => run(command, changeVariables(change), signal)),
  };
}

// ---- internal ----

async function told(run: () => Promise<unknown>): Promise<void> {
  try {
    await run();
  } catch (error) {
    throw new NotifyError(describe(error), false, { cause: error });
  }
}

/** Times are seconds since 1970, files stand one a line. */
function changeVariables(change: CredentialChange): Record<string, string> {
  return {
    LESSEE_PATH: change.path,
    LESSEE_LEASE_ID: change.leaseId,
    LESSEE_FILES: change.files.join("\n"),
    ...(change.username !== undefined && { LESSEE_USERNAME: change.username }),
    ...(change.previousEnds !== undefined && {
      LESSEE_PREVIOUS_ENDS: String(Math.floor(change.previousEnds / 1000)),
    }),
  };
}
