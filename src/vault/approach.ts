/**
 * What comes before a request to Vault: its turn, where VAULT_RATE_LIMIT bounds them, and the way to the server, where
 * VAULT_SRV_LOOKUP has it looked up.
 */
import type { SrvRecord } from "node:dns";
import type { VaultConfig } from "../config/types.ts";
import type { Clock, Random, Transport } from "../ports.ts";

export interface Approach {
  /** Resolves when a request may be sent, and its way is known. */
  readonly admit: (signal?: AbortSignal) => Promise<void>;
  /** The address that is to be asked in place of this one, as it was found last. */
  relocate(url: string): string;
  /** Nobody waits any more. */
  close(): void;
}

export interface ApproachPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** Node's own; null where nothing is looked up. */
  readonly resolveSrv: ((name: string) => Promise<readonly SrvRecord[]>) | null;
}

export function createApproach(
  { address, rateLimit }: Pick<VaultConfig, "address" | "rateLimit">,
  ports: ApproachPorts,
): Approach {
  const closing = new AbortController();
  const turn = rateLimit === undefined ? null : createTurns(rateLimit, ports.clock);
  const { resolveSrv } = ports;
  // As in Vault's own client: whoever names a port has named the server.
  const host = resolveSrv === null ? null : (/^https?:\/\/([^/:]+)\/*$/.exec(address)?.[1] ?? null);
  let found: string | null = null;
  let lookedUp = Number.NEGATIVE_INFINITY;

  async function locate(): Promise<void> {
    if (host === null || resolveSrv === null || ports.clock.now() - lookedUp < FRESH) return;
    lookedUp = ports.clock.now();
    const records = await resolveSrv(`_http._tcp.${host}`).catch(() => []);
    const best = chosen(records, ports.random());
    found = best === undefined ? null : `${best.name.replace(/\.$/, "")}:${best.port}`;
  }

  return {
    async admit(signal) {
      await turn?.(signal === undefined ? closing.signal : AbortSignal.any([signal, closing.signal]));
      await locate();
    },
    relocate: (url) =>
      found !== null && host !== null && url.startsWith(address)
        ? url.replace(/^(https?:\/\/)[^/]*/, `$1${found}`)
        : url,
    close: () => closing.abort(),
  };
}

/** The transport, by this approach. */
export function approached(send: Transport, { admit, relocate }: Approach): Transport {
  return async (request) => {
    await admit(request.signal);
    return send({ ...request, url: relocate(request.url) });
  };
}

// ---- internal ----

/** For so long an answer of the name server's is good, and so is that it has none. */
const FRESH = 30_000;

/** A bucket of `burst` requests that is filled at `rate` a second. Who finds it empty waits behind those who wait. */
function createTurns({ burst, rate }: NonNullable<VaultConfig["rateLimit"]>, clock: Clock) {
  let left = burst;
  let at = clock.now();
  return async (signal: AbortSignal): Promise<void> => {
    const now = clock.now();
    left = Math.min(burst, left + ((now - at) / 1_000) * rate) - 1;
    at = now;
    if (left < 0) await clock.sleep(now + (-left / rate) * 1_000, signal);
  };
}

/** Of the lowest priority, by chance and weight. */
function chosen(records: readonly SrvRecord[], chance: number): SrvRecord | undefined {
  const lowest = Math.min(...records.map(({ priority }) => priority));
  const best = records.filter(({ priority }) => priority === lowest);
  let rest = chance * best.reduce((sum, { weight }) => sum + weight, 0);
  for (const record of best) {
    rest -= record.weight;
    if (rest < 0) return record;
  }
  return best[0];
}
