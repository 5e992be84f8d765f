/** Looks, between logins, whether the credentials that a login is made with have been replaced. */
import { describe } from "../errors.ts";
import type { Clock } from "../ports.ts";
import type { CredentialRenewal, LoginPorts } from "./method.ts";

export interface RenewedCredentials {
  /** Something may have changed: looks now. */
  look(): void;
  stop(): void;
}

export interface RenewedCredentialsDeps {
  readonly renewal: CredentialRenewal | undefined;
  readonly ports: Pick<LoginPorts, "files" | "warn">;
  readonly clock: Clock;
  onNew(): void;
}

export function followCredentials({ renewal, ports, clock, onNew }: RenewedCredentialsDeps): RenewedCredentials {
  const stopping = new AbortController();
  let complaint = "";

  async function look(): Promise<void> {
    try {
      const isNew = await renewal?.isNew(ports);
      complaint = "";
      if (isNew && !stopping.signal.aborted) onNew();
    } catch (error) {
      // Said once: it is looked at again and again.
      if (complaint !== describe(error)) ports.warn(describe(error));
      complaint = describe(error);
    }
  }

  async function repeat(period: number): Promise<void> {
    while (!stopping.signal.aborted) {
      await clock.sleep(clock.now() + period, stopping.signal);
      if (!stopping.signal.aborted) await look();
    }
  }

  if (renewal?.period !== undefined) void repeat(renewal.period);
  return { look: () => void look(), stop: () => stopping.abort() };
}
