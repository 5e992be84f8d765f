/**
 * What an init container leaves: leases and tokens that nobody renews until the sidecar is up, or never again (rule
 * M10). Each is asked for once more, for just as long as it will be needed.
 */
import type { CredentialConfig } from "../../config/types.ts";
import { describe } from "../../errors.ts";
import { formatDuration } from "../../log/duration.ts";
import type { Clock, Emit } from "../../ports.ts";
import type { Sensitive } from "../../sensitive.ts";
import type { VaultClient } from "../../vault/client.ts";
import type { HeldRecord, Keeper } from "../keeping/keeper.ts";
import type { Tokens } from "../keeping/tokens.ts";
import type { Held } from "../state.ts";

/** Over `connection_max_lifetime`, for what nobody takes over (DESIGN §8.5). */
const UNSHARED_SURPLUS = 5 * 60_000;
/** The server cuts durations to whole seconds, and the requests take their time. */
const NEARLY = 2_000;

export interface HandOverDeps {
  readonly client: VaultClient;
  readonly tokens: Pick<Tokens, "tokenOf">;
  readonly clock: Clock;
  readonly emit: Emit;
  /** Whether the sidecar will find the state. */
  readonly shared: boolean;
  /** How much longer the pod's job may run, where the credential's block does not say it; null is not known. */
  readonly jobLifetime: number | null;
  credential(keeper: Keeper): CredentialConfig;
}

interface Legacy {
  readonly keeper: Keeper;
  readonly held: Held;
  /** For how long it is needed; null is for as long as it was given. */
  readonly lifetime: number | null;
  readonly isForJob: boolean;
}

/** What a sidecar will take over gets its full duration, what a job uses the job's, and the rest what first connections need. */
export async function handOver(keepers: readonly Keeper[], deps: HandOverDeps): Promise<void> {
  const legacies = keepers.flatMap((keeper) => keeper.records().map((record) => legacyOf(keeper, record, deps)));
  const tokenEnds = new Map<number, number>();
  for (const number of new Set(legacies.map(({ held }) => held.token))) {
    const under = legacies.filter(({ held }) => held.token === number);
    // All of its leases end with it: it is given what the longest of them needs.
    const longest = Math.max(...under.map(durationOf));
    tokenEnds.set(number, await prolongToken(under[0]!, longest, deps));
  }
  for (const legacy of legacies) {
    const leaseEnd = await prolongLease(legacy, deps);
    tell(legacy, { leaseEnd, tokenEnd: tokenEnds.get(legacy.held.token)! }, deps);
  }
}

// ---- internal ----

function legacyOf(keeper: Keeper, { held }: HeldRecord, deps: HandOverDeps): Legacy {
  const { connectionMaxLifetime, lifetime } = deps.credential(keeper);
  const job = lifetime ?? deps.jobLifetime;
  if (job !== null) return { keeper, held, lifetime: job, isForJob: true };
  const isBounded = !deps.shared && connectionMaxLifetime !== undefined;
  return { keeper, held, lifetime: isBounded ? connectionMaxLifetime + UNSHARED_SURPLUS : null, isForJob: false };
}

function durationOf({ held, lifetime }: Legacy): number {
  return lifetime ?? held.duration;
}

async function prolongToken({ keeper, held }: Legacy, duration: number, deps: HandOverDeps): Promise<number> {
  const granted = await prolong(keeper.path, held, deps, async (token) => {
    const { durationSeconds } = await deps.client.renewSelf(token, Math.ceil(duration / 1_000));
    return durationSeconds === 0 ? Number.POSITIVE_INFINITY : durationSeconds;
  });
  return granted ?? held.tokenExpiry;
}

async function prolongLease(legacy: Legacy, deps: HandOverDeps): Promise<number> {
  const { held, keeper } = legacy;
  if (!held.renewable) return held.expiry;
  const granted = await prolong(keeper.path, held, deps, async (token) => {
    const { seconds } = await deps.client.renewLease(token, held.lease, Math.ceil(durationOf(legacy) / 1_000));
    return seconds;
  });
  return granted ?? held.expiry;
}

/** Resolves to when it ends now; null where it ends when it did before, which is said. */
async function prolong(
  path: string,
  held: Held,
  { clock, emit, tokens }: HandOverDeps,
  renew: (token: Sensitive<string>) => Promise<number>,
): Promise<number | null> {
  const token = tokens.tokenOf(held.token);
  if (token === undefined) return null;
  const sentAt = clock.now();
  try {
    return sentAt + (await renew(token)) * 1_000;
  } catch (error) {
    const message = `what comes after has it for as long as it was given: it could not be renewed: ${describe(error)}`;
    emit({ is: "warning", code: "hand-over", path, message });
    return null;
  }
}

interface Ends {
  readonly leaseEnd: number;
  readonly tokenEnd: number;
}

function tell({ keeper, held, lifetime, isForJob }: Legacy, { leaseEnd, tokenEnd }: Ends, deps: HandOverDeps): void {
  const { clock, emit, shared } = deps;
  const { path } = keeper;
  const now = clock.now();
  const ttl = Math.min(leaseEnd, tokenEnd) - now;
  const user = held.user === null ? {} : { user: held.user };
  emit({ is: "handed over", path, ...user, ttl, shared, ...(isForJob ? { lifetime: lifetime! } : {}) });
  if (!isForJob) return;
  const needed = now + lifetime! - NEARLY;
  const short = [
    ...(leaseEnd < needed ? [`the lease ends after ${said(leaseEnd - now)} (max_ttl of the secret's role)`] : []),
    ...(tokenEnd < needed ? [`its token after ${said(tokenEnd - now)} (token_max_ttl or token_period)`] : []),
  ];
  if (short.length === 0) return;
  const message = `the job may run ${said(lifetime!)}, and ${short.join(", ")}: what runs longer loses its user`;
  emit({ is: "warning", code: "job-lifetime", path, message });
}

function said(duration: number): string {
  return formatDuration(Math.round(duration / 1_000) * 1_000);
}
