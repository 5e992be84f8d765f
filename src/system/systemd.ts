/**
 * Telling systemd how the service is doing, where it started us as `Type=notify`. By its own program, because Node has
 * no datagram sockets of the kind that NOTIFY_SOCKET names.
 */
import { describe } from "../errors.ts";
import type { RunCommand } from "../ports.ts";

export interface ServiceManager {
  /** In the order of the calls; nobody waits. */
  tell(state: "READY=1" | "RELOADING=1" | "STOPPING=1"): void;
  /** Everything has been told, or could not be. */
  settled(): Promise<void>;
}

export interface ServiceManagerPorts {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly run: RunCommand;
  complain(message: string): void;
}

const TIMEOUT = 5_000;

export function createServiceManager({ env, run, complain }: ServiceManagerPorts): ServiceManager {
  let told: Promise<void> = Promise.resolve();
  const never = new AbortController();
  return {
    tell(state) {
      if (!env.NOTIFY_SOCKET) return;
      told = told.then(async () => {
        try {
          await run({ command: ["systemd-notify", state], timeout: TIMEOUT }, {}, never.signal);
        } catch (error) {
          complain(`NOTIFY_SOCKET is set, and systemd cannot be told ${state}: ${describe(error)}`);
        }
      });
    },
    settled: () => told,
  };
}
