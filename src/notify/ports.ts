/** What every kind of notifier has at hand. */
import type { NotifyConfig } from "../config/types.ts";
import type { Clock, Files, Kill, RunCommand, Transport } from "../ports.ts";

export interface NotifyPorts {
  readonly clock: Clock;
  readonly files: Files;
  readonly kill: Kill;
  readonly transport: Transport;
  readonly run: RunCommand;
  /** Of this process: it is never its own target. */
  readonly pid: number;
  readonly uid: number;
  /** Where the kernel shows its processes; default `/proc`. */
  readonly proc?: string;
}

/** What one kind is told of itself. */
export type ConfigOf<Kind extends NotifyConfig["kind"]> = Extract<NotifyConfig, { readonly kind: Kind }>;
