/** Taking up what an earlier sidecar held (rule W10). */
import { DatabaseError, describe } from "../errors.ts";
import type { Clock, Databases, DatabaseUser, Emit } from "../ports.ts";
import type { Dependency } from "../render/template.ts";
import { Sensitive } from "../sensitive.ts";
import type { VaultClient } from "../vault/client.ts";
import type { Keeper } from "./keeper.ts";
import type { Grant } from "./outcomes.ts";
import type { Policy } from "./state.ts";
import { type SavedCredential, type SavedState, secretOf } from "./state-file.ts";
import type { Session, Tokens } from "./tokens.ts";

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

// ---- internal ----

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
    // At once: whoever was killed may be killed again, and a lease of seconds must not end over that.
    renewAt: sentAt,
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
