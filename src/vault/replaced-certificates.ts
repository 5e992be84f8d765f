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
  /** Resolves to what takes those into use that this configuration names. Rejects where they cannot be used. */
  prepare(config: VaultConfig): Promise<() => void>;
  stop(): void;
}

/** A certificate and its key are two files: in between they do not fit. */
const SETTLING = 1_000;

export function followCertificates(
  transports: readonly Pick<RenewableTransport, "prepare">[],
  { clock, emit }: { readonly clock: Clock; readonly emit: Emit },
): CertificateFollower {
  let complaint = "";
  let waiting = new AbortController();

  async function prepare(config?: VaultConfig): Promise<() => void> {
    const prepared = await Promise.all(transports.map((transport) => transport.prepare(config)));
    return () => {
      complaint = "";
      if (prepared.map((take) => take()).includes(true)) emit({ is: "certificates replaced" });
    };
  }

  async function lookLater(signal: AbortSignal): Promise<void> {
    await clock.sleep(clock.now() + SETTLING, signal);
    if (signal.aborted) return;
    try {
      const take = await prepare();
      take();
    } catch (error) {
      const message = `${describe(error)}; the certificates that were read before are used`;
      // Once: the folder may see many changes that are none of ours.
      if (message !== complaint) emit({ is: "warning", code: "certificates", message });
      complaint = message;
    }
  }

  return {
    look() {
      waiting.abort();
      waiting = new AbortController();
      void lookLater(waiting.signal);
    },
    prepare,
    stop: () => waiting.abort(),
  };
}
