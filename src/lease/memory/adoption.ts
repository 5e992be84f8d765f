/** Taking up what an earlier sidecar held (rule W10). */
import { DatabaseError, describe, LesseeError, TransportError, VaultError } from "../../errors.ts";
import type { Clock, Databases, DatabaseUser, Emit, Random, Verification } from "../../ports.ts";
import type { Dependency } from "../../render/template.ts";
import { Sensitive } from "../../sensitive.ts";
import type { VaultClient } from "../../vault/client.ts";
import { isPassing, isRefusal, retryAfter } from "../../vault/verdict.ts";
import { backoff, READ_BACKOFF } from "../backoff.ts";
import type { Keeper } from "../keeping/keeper.ts";
import type { Session, Tokens } from "../keeping/tokens.ts";
import type { Grant } from "../outcomes.ts";
import type { Policy } from "../state.ts";
import { type Kept, type SavedCredential, type SavedState, type StateFile, secretOf } from "./state-file.ts";

export interface AdoptionDeps {
  readonly client: VaultClient;
  readonly tokens: Tokens;
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: Emit;
  keeperFor(dependency: Dependency): Keeper;
  policyFor(dependency: Dependency): Policy;
  databasesFor(dependency: Dependency): Databases | null;
}

/** What a pod's identity is read from may come a moment later, as everything that is mounted. After this it does not. */
const IDENTITY_PATIENCE = 30_000;
const IDENTITY_INTERVAL = 500;

/**
 * What was kept, once it can be told whose it is; null where `stop` came before that. To put it aside meanwhile would cost a user, and without an identity
 * nobody can log in anyway.
 */
export async function recall(
  file: Pick<StateFile, "load">,
  { clock, emit }: Pick<AdoptionDeps, "clock" | "emit">,
  stop: AbortSignal,
): Promise<Kept | null> {
  const until = clock.now() + IDENTITY_PATIENCE;
  for (let said = false; ; said = true) {
    try {
      return await file.load();
    } catch (error) {
      const why = `it cannot be told whose the state is: ${describe(error)}`;
      if (clock.now() >= until) return { state: null, warning: `${why}: starting anew` };
      if (!said)
        emit({ is: "warning", code: "state", message: `${why}; looking again for ${IDENTITY_PATIENCE / 1_000} s` });
      await clock.sleep(clock.now() + IDENTITY_INTERVAL, stop);
      if (stop.aborted) return null;
    }
  }
}

/** Resolves to how many leases are left as they are, because `stop` came before the server had an answer. */
export async function takeUp(kept: Kept, deps: AdoptionDeps, stop: AbortSignal): Promise<number> {
  const { state, warning } = kept;
  if (warning !== null) deps.emit({ is: "warning", code: "state", message: warning });
  if (state === null || (await adopt(state, deps, stop))) return 0;
  return state.credentials.length;
}

/**
 * Each credential only if the server still knows it and, where Postgres can be asked, a query proves it. A server that
 * cannot be asked is waited for: to start anew would make a user too many, and nobody would look after the old one.
 * Resolves to false where `stop` came first: then whoever comes next is to find all of it as it was.
 */
export async function adopt(state: SavedState, deps: AdoptionDeps, stop: AbortSignal): Promise<boolean> {
  const patience = createPatience(deps, stop);
  try {
    const session = await patience(() => deps.tokens.adopt(state.token));
    if (session === null) refuse(deps, "the token that was kept is no longer valid: starting anew");
    else for (const credential of state.credentials) await adoptIfAlive(credential, { deps, patience, session, stop });
  } catch (error) {
    if (stop.aborted) return false;
    refuse(deps, `what was kept is not taken up: ${describe(error)}`);
  }
  return true;
}

// ---- internal ----

/** Tries of a server that answers, and with failures of its own. One that is not there is waited for without an end. */
const MOST_FAILURES = 10;

type Patience = <T>(ask: () => Promise<T>) => Promise<T>;

interface Adoption {
  readonly deps: AdoptionDeps;
  readonly patience: Patience;
  readonly session: Session;
  readonly stop: AbortSignal;
}

/** Asks until there is a verdict; rejects with it, with the last failure, or when `stop` aborts. */
function createPatience({ clock, emit, random }: AdoptionDeps, stop: AbortSignal): Patience {
  let said = false;
  const given = Promise.withResolvers<never>();
  given.promise.catch(() => undefined);
  const giveUp = () => given.reject(new LesseeError("adoption", "stopping"));
  if (stop.aborted) giveUp();
  stop.addEventListener("abort", giveUp, { once: true });
  return async (ask) => {
    for (let failures = 1; ; failures++) {
      try {
        // Nothing is lost with a question, and who does not answer is not waited for at the end.
        return await Promise.race([ask(), given.promise]);
      } catch (error) {
        const isAway = error instanceof TransportError || (error instanceof VaultError && isPassing(error));
        if (isRefusal(error) || stop.aborted || (!isAway && failures >= MOST_FAILURES)) throw error;
        const message = `what was kept cannot be taken up yet, and is asked for again: ${describe(error)}`;
        if (!said) emit({ is: "warning", code: "adoption", message });
        said = true;
        const wait = backoff(READ_BACKOFF, failures, random(), retryAfter(error).retryAfter);
        await clock.sleep(clock.now() + wait, stop);
      }
    }
  };
}

async function adoptIfAlive(credential: SavedCredential, adoption: Adoption): Promise<void> {
  try {
    await adoptOne(credential, adoption);
  } catch (error) {
    if (adoption.stop.aborted) throw error;
    refuse(adoption.deps, `${credential.lease} is not taken up: ${describe(error)}`);
  }
}

async function adoptOne(credential: SavedCredential, { deps, patience, session, stop }: Adoption): Promise<void> {
  const { dependency } = credential;
  const policy = deps.policyFor(dependency);
  const { sentAt, ...alive } = await patience(async () => {
    const sentAt = deps.clock.now();
    return { sentAt, ...(await lookUp(credential, session.token, deps.client)) };
  });
  if (alive.ttlSeconds <= 0 || !alive.renewable)
    return refuse(deps, `${credential.lease} has ended: a new credential is read`);
  const secret = secretOf(credential);
  const { username, password } = secret.data.reveal() ?? {};
  const databases = deps.databasesFor(dependency);
  let blind = credential.blind ?? false;
  if (databases !== null && typeof username === "string" && typeof password === "string") {
    const seen = await prove({ username, password: new Sensitive(password) }, databases, stop);
    blind = seen?.blind ?? blind;
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
    tokenAsked: session.asked,
    blind,
    ...(credential.ends === undefined ? {} : { ends: credential.ends }),
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
async function prove(user: DatabaseUser, databases: Databases, stop: AbortSignal): Promise<Verification | null> {
  try {
    return await databases.verify(user, AbortSignal.any([AbortSignal.timeout(30_000), stop]));
  } catch (error) {
    if (!(error instanceof DatabaseError && error.blames === "server")) throw error;
    return null;
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
    if (!(error instanceof VaultError) || error.status !== 403) throw error;
    const renewed = await client.renewLease(token, credential.lease, Math.ceil(credential.duration / 1_000));
    return { ttlSeconds: renewed.seconds, renewable: renewed.renewable };
  }
}

function refuse(deps: Pick<AdoptionDeps, "emit">, message: string): void {
  deps.emit({ is: "warning", code: "adoption", message });
}
