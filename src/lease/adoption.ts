/** The hand-over between sidecars: taking up what an earlier one held, and leaving it so that it lasts (rules W10, M10). */
import type { CredentialConfig } from "../config/types.ts";
import { DatabaseError, describe } from "../errors.ts";
import type { Clock, Databases, DatabaseUser, Emit } from "../ports.ts";
import type { Dependency } from "../render/template.ts";
import { Sensitive } from "../sensitive.ts";
import type { VaultClient } from "../vault/client.ts";
import type { HeldRecord, Keeper } from "./keeper.ts";
import type { Grant } from "./outcomes.ts";
import { leadOf, renewalDue } from "./schedule.ts";
import type { Policy } from "./state.ts";
import { type SavedCredential, type SavedState, secretOf } from "./state-file.ts";
import type { Session, Tokens } from "./tokens.ts";

/** Over `connection_max_lifetime`, for what nobody takes over (DESIGN §8.5). */
const UNSHARED_SURPLUS = 5 * 60_000;

export interface AdoptionDeps {
  readonly client: VaultClient;
  readonly tokens: Tokens;
  readonly clock: Clock;
  readonly emit: Emit;
  keeperFor(dependency: Dependency): Keeper;
  policyFor(dependency: Dependency): Policy;
  databasesFor(dependency: Dependency): Databases | null;
}

/** Each credential only if the server still knows it and, where Postgres can be asked, a query proves it. */
export async function adopt(state: SavedState, deps: AdoptionDeps): Promise<void> {
  const session = await deps.tokens.adopt(state.token);
  if (session === null) return refuse(deps, "the token that was kept is no longer valid: starting anew");
  for (const credential of state.credentials) {
    try {
      await adoptOne(credential, session, deps);
    } catch (error) {
      refuse(deps, `${credential.lease} is not taken up: ${describe(error)}`);
    }
  }
}

export interface HandOverDeps extends Pick<AdoptionDeps, "client" | "tokens" | "clock" | "emit"> {
  /** Whether the sidecar will find the state. */
  readonly shared: boolean;
  credential(keeper: Keeper): CredentialConfig;
}

/**
 * Before an init container leaves: nobody renews what it made until the sidecar is up. What the sidecar will take over
 * gets its full duration (or the job's), anything else just what the application's first connections need.
 */
export async function handOver(keepers: readonly Keeper[], deps: HandOverDeps): Promise<void> {
  for (const keeper of keepers) {
    const { connectionMaxLifetime, lifetime } = deps.credential(keeper);
    const unshared = connectionMaxLifetime === undefined ? null : connectionMaxLifetime + UNSHARED_SURPLUS;
    const records = keeper.records();
    if (records.length === 0) continue;
    try {
      const ends = await prolong(records, lifetime ?? (deps.shared ? null : unshared), deps);
      deps.emit({ is: "handed over", path: keeper.path, ttl: ends - deps.clock.now(), shared: deps.shared });
    } catch (error) {
      const message = `the lease could not be prolonged for what comes after: ${describe(error)}`;
      deps.emit({ is: "warning", code: "hand-over", path: keeper.path, message });
    }
  }
}

// ---- internal ----

/** Token and lease are each given `wanted`, or the lease's own duration. Resolves to when the first of them ends. */
async function prolong(
  records: readonly HeldRecord[],
  wanted: number | null,
  deps: Pick<AdoptionDeps, "client" | "tokens" | "clock">,
): Promise<number> {
  const ends: number[] = [];
  const renewedTokens = new Set<number>();
  for (const { held } of records) {
    const token = deps.tokens.tokenOf(held.token);
    if (token === undefined || !held.renewable) {
      ends.push(Math.min(held.expiry, held.tokenExpiry));
      continue;
    }
    const seconds = Math.ceil((wanted ?? held.duration) / 1_000);
    const now = deps.clock.now();
    if (!renewedTokens.has(held.token)) {
      renewedTokens.add(held.token);
      const auth = await deps.client.renewSelf(token, seconds);
      ends.push(now + auth.durationSeconds * 1_000);
    }
    const granted = await deps.client.renewLease(token, held.lease, seconds);
    ends.push(now + granted.seconds * 1_000);
  }
  return Math.min(...ends);
}

async function adoptOne(credential: SavedCredential, session: Session, deps: AdoptionDeps): Promise<void> {
  const { dependency } = credential;
  const policy = deps.policyFor(dependency);
  const sentAt = deps.clock.now();
  const alive = await lookUp(credential, session.token, deps.client);
  if (alive.ttlSeconds <= 0 || !alive.renewable)
    return refuse(deps, `${credential.lease} has ended: a new credential is read`);
  const secret = secretOf(credential);
  const { username, password } = secret.data.reveal() ?? {};
  const databases = deps.databasesFor(dependency);
  if (databases !== null && typeof username === "string" && typeof password === "string") {
    await prove({ username, password: new Sensitive(password) }, databases);
  }
  const horizon = credential.horizon ?? Number.POSITIVE_INFINITY;
  const granted = alive.ttlSeconds * 1_000;
  const grant: Grant = {
    lease: credential.lease,
    user: credential.user,
    readAt: credential.readAt,
    duration: credential.duration,
    expiry: sentAt + granted,
    horizon,
    renewable: true,
    token: session.number,
    tokenExpiry: session.expiry,
    tokenHorizon: session.horizon,
    probeAt: credential.horizon === null && policy.probe ? sentAt : Number.POSITIVE_INFINITY,
    renewAt: Math.min(
      sentAt + 1_000,
      renewalDue(sentAt, granted, horizon, leadOf(policy, credential.duration), policy.jitter),
    ),
  };
  deps.keeperFor(dependency).adopt(
    {
      held: { ...grant, id: 0, validUntil: Number.POSITIVE_INFINITY, renewals: 0, renewFailures: 0, verified: true },
      secret,
      oids: credential.oids,
      publishedAt: credential.publishedAt,
      stage: credential.stage,
    },
    grant,
  );
}

/** Only a query proves a credential. A Postgres that cannot be asked proves nothing, and what may work is not discarded. */
async function prove(user: DatabaseUser, databases: Databases): Promise<void> {
  try {
    await databases.verify(user, AbortSignal.timeout(30_000));
  } catch (error) {
    if (!(error instanceof DatabaseError && error.blames === "server")) throw error;
  }
}

/** Where looking is forbidden, a renewal takes its place (rule W10). */
async function lookUp(
  credential: SavedCredential,
  token: Sensitive<string>,
  client: VaultClient,
): Promise<{ ttlSeconds: number; renewable: boolean }> {
  try {
    return await client.lookupLease(token, credential.lease);
  } catch (error) {
    if ((error as { status?: number }).status !== 403) throw error;
    const renewed = await client.renewLease(token, credential.lease, Math.ceil(credential.duration / 1_000));
    return { ttlSeconds: renewed.seconds, renewable: renewed.renewable };
  }
}

function refuse(deps: Pick<AdoptionDeps, "emit">, message: string): void {
  deps.emit({ is: "warning", code: "adoption", message });
}
