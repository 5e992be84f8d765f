/**
 * Certificates for Vault that are replaced while the agent runs: connections that are made from then on use the new
 * ones. What cannot be used is said, and the old ones are kept.
 */
import type { VaultConfig } from "../config/types.ts";
import { describe } from "../errors.ts";
import type { Clock, Emit } from "../ports.ts";
import type { RenewableTransport } from "./connect.ts";

export interface CertificateFollower {
  /** Something may have changed: looks, once nothing has for a moment. */
  look(): void;
  /** Takes those that this configuration names. Rejects where they cannot be used. */
  reload(config: VaultConfig): Promise<void>;
  stop(): void;
}

/** A certificate and its key are two files: in between they do not fit. */
const SETTLING = 1_000;

export function followCertificates(
  transports: readonly Pick<RenewableTransport, "reload">[],
  { clock, emit }: { readonly clock: Clock; readonly emit: Emit },
): CertificateFollower {
  let complaint = "";
  let waiting = new AbortController();

  async function reload(config?: VaultConfig): Promise<void> {
    const changed: boolean[] = [];
    for (const transport of transports) changed.push(await transport.reload(config));
    complaint = "";
    if (changed.includes(true)) emit({ is: "certificates replaced" });
  }

  async function lookLater(signal: AbortSignal): Promise<void> {
    await clock.sleep(clock.now() + SETTLING, signal);
    if (signal.aborted) return;
    await reload().catch((error) => {
      const message = `${describe(error)}; the certificates that were read before are used`;
      // Once: the folder may see many changes that are none of ours.
      if (message !== complaint) emit({ is: "warning", code: "certificates", message });
      complaint = message;
    });
  }

  return {
    look() {
      waiting.abort();
      waiting = new AbortController();
      void lookLater(waiting.signal);
    },
    reload,
    stop: () => waiting.abort(),
  };
}
