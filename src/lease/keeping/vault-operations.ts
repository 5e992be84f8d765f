/** What the lifecycle asks of Vault for what it holds: read and renew. Every failure is turned into an outcome here. */
import { describe, LesseeError, TransportError, VaultError } from "../../errors.ts";
import type { Clock, Emit, Random } from "../../ports.ts";
import type { Dependency } from "../../render/template.ts";
import type { Sensitive } from "../../sensitive.ts";
import { strange } from "../../vault/answer.ts";
import type { VaultClient } from "../../vault/client.ts";
import type { VaultSecret } from "../../vault/secret.ts";
import { isPassing, retryAfter } from "../../vault/verdict.ts";
import type { Grant, Outcome } from "../outcomes.ts";
import { finite, horizonFrom, incrementFor, leadFor, leadOf, probeDue, renewalDue, rereadDue } from "../schedule.ts";
import type { Held, Policy, State } from "../state.ts";
import { validityOf } from "../validity.ts";
import type { KnownRights } from "./rights.ts";
import type { Session, Tokens } from "./tokens.ts";

export interface VaultOperationsDeps {
  readonly dependency: Dependency;
  readonly path: string;
  readonly client: VaultClient;
  readonly tokens: Tokens;
  readonly rights: KnownRights;
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: Emit;
  policy(): Policy;
  /** Takes in what was read, under the number that the lifecycle will give it. */
  remember(id: number, secret: VaultSecret): string | null;
}

export interface VaultOperations {
  read(state: State, stop: AbortSignal): Promise<Outcome>;
  /** Finds out how long the lease can live at most. */
  probe(held: Held): Promise<Outcome>;
  renew(held: Held): Promise<Outcome>;
  /** How long it lives by the server's clock; its token is asked as well. */
  lookUp(held: Held): Promise<Outcome>;
}

/** Asked for to learn the max TTL; the server answers with what there is (rule M1). */
const PROBE_SECONDS = 99_999_999;
/** A policy that forbids the read is not cured by logging in at every try. */
const RELOGIN_INTERVAL = 5 * 60_000;

export function createVaultOperations(deps: VaultOperationsDeps): VaultOperations {
  const { client, clock, emit, path, rights, tokens } = deps;
  let reloggedInAt = Number.NEGATIVE_INFINITY;
  /** How long the last lease could live at most: whether a token lasts for the next one. */
  let longestLife = Number.POSITIVE_INFINITY;

  async function read(state: State, stop: AbortSignal): Promise<Outcome> {
    let session: Session;
    try {
      session = await tokens.borrow(longestLife, stop);
    } catch {
      return { is: "read failed", mayHaveIssued: false, error: "stopping" };
    }
    try {
      const sentAt = clock.now();
      const secret = await fetchSecret(session.token);
      if (secret === null)
        throw new VaultError(404, `${path}: there is nothing at this path`, [], undefined, {
          hint: "check the path in the template",
        });
      // It is not what was asked for, and may not take the place of what works.
      if (secret.lease.id === "" && state.current !== null && state.current.lease !== "")
        throw strange(path, "without a lease, which the one before had");
      // What has become known of the token meanwhile is told to nobody a second time.
      return { is: "read", grant: grantOf(state.nextId, secret, tokens.renewed(session), sentAt) };
    } catch (error) {
      if (error instanceof VaultError && error.status === 403 && clock.now() - reloggedInAt >= RELOGIN_INTERVAL) {
        // One login per refusal (rule R6): the token may be dead, or older than its policies.
        reloggedInAt = clock.now();
        tokens.refused(session);
        return read(state, stop);
      }
      const unclear =
        error instanceof TransportError ? error.effect === "unknown" : isServerFault(error) && state.current !== null;
      return { is: "read failed", mayHaveIssued: unclear, error: describe(error), ...retryAfter(error) };
    } finally {
      tokens.giveBack(session);
    }
  }

  async function fetchSecret(token: Sensitive<string>): Promise<VaultSecret | null> {
    const { dependency } = deps;
    switch (dependency.kind) {
      case "read":
        return client.read(token, dependency.path, dependency.version);
      case "write":
      case "pki":
        return client.write(token, dependency.path, dependency.data);
      case "list":
        return client.list(token, dependency.path);
      case "file":
      case "work":
        throw new LesseeError("dependency", `${path}: it is not read from Vault`);
    }
  }

  function grantOf(id: number, secret: VaultSecret, session: Session, sentAt: number): Grant {
    const user = deps.remember(id, secret);
    const { lease } = secret;
    const duration = lease.durationSeconds * 1_000;
    const named = user === null ? {} : { user };
    emit({ is: "read", path, lease: lease.id, ...named, ttl: duration, renewable: lease.renewable });
    if (lease.id !== "" && duration === 0) {
      const message = `the answer says no length of time for ${lease.id}: it counts as due, and the server is asked at once`;
      emit({ is: "warning", code: "lease-duration", path, message });
    }
    const never = Number.POSITIVE_INFINITY;
    const base = { lease: lease.id, user, readAt: sentAt, duration, token: session.number };
    if (lease.id === "") {
      return {
        ...base,
        expiry: never,
        horizon: never,
        tokenExpiry: never,
        tokenHorizon: never,
        renewable: false,
        rereadAt: rereadDue(sentAt, validityOf(secret, clock.now()), deps.policy(), deps.random()),
        probeAt: never,
        renewAt: never,
      };
    }
    const expiry = sentAt + duration;
    const { asked: tokenAsked, expiry: tokenExpiry, horizon: tokenHorizon } = session;
    const leased = { ...base, expiry, tokenExpiry, tokenHorizon, tokenAsked };
    const policy = deps.policy();
    if (!lease.renewable || rights.isRefused(session.number, "renew")) {
      const fixed = { ...leased, horizon: expiry, renewable: false, probeAt: never, renewAt: never };
      // Where connections hang on it, the lead counts.
      if (user !== null || policy.connectionMaxLifetime !== null) return fixed;
      return { ...fixed, rereadAt: rereadDue(sentAt, validityOf(secret, sentAt), policy, deps.random()) };
    }
    return {
      ...leased,
      horizon: never,
      renewable: true,
      probeAt: policy.probe ? probeDue(sentAt, policy.printsHorizon) : never,
      renewAt: renewalDue(sentAt, duration, never, leadOf(policy, duration), policy.jitter),
    };
  }

  async function probe(held: Held): Promise<Outcome> {
    const token = tokens.tokenOf(held.token);
    if (token === undefined) return { is: "token lost", token: held.token };
    try {
      const sentAt = clock.now();
      const most = granted(held.lease, await client.renewLease(token, held.lease, PROBE_SECONDS));
      const horizon = horizonFrom(sentAt, PROBE_SECONDS * 1_000, most.seconds * 1_000);
      longestLife = horizon - held.readAt;
      return { is: "probed", id: held.id, found: { expiry: sentAt + most.seconds * 1_000, horizon } };
    } catch (error) {
      const message = `the max TTL of ${path} is not known yet: ${describe(error)}`;
      emit({ is: "warning", code: "lease-probe", path, message });
      return { is: "probed", id: held.id, found: null };
    }
  }

  async function renew(held: Held): Promise<Outcome> {
    const token = tokens.tokenOf(held.token);
    if (token === undefined) return { is: "token lost", token: held.token };
    const user = held.user === null ? {} : { user: held.user };
    try {
      if (!held.renewable)
        throw new VaultError(400, `${held.lease}: it has come to its end`, ["lease is not renewable"]);
      const lead = leadFor(held, deps.policy());
      const asked = incrementFor(held.duration, lead);
      const sentAt = clock.now();
      const { seconds, renewable } = granted(held.lease, await client.renewLease(token, held.lease, asked / 1_000));
      const expiry = sentAt + seconds * 1_000;
      const horizon = renewable ? horizonFrom(sentAt, asked, seconds * 1_000) : expiry;
      const known = Math.min(horizon, held.horizon);
      emit({
        is: "renewed",
        path,
        lease: held.lease,
        ...user,
        ttl: seconds * 1_000,
        expiry,
        horizon: finite(Math.min(known, held.tokenHorizon)),
      });
      return {
        is: "renewed",
        id: held.id,
        expiry,
        horizon,
        renewAt: renewalDue(sentAt, seconds * 1_000, known, lead, deps.policy().jitter),
      };
    } catch (error) {
      if (isForbidden(error)) rights.refuse(held.token, "renew");
      const { unseen, ...judged } = await judge(held, token, error);
      const said = unseen === undefined ? describe(error) : `${describe(error)}; and the lookup failed: ${unseen}`;
      return { is: "renewal failed", id: held.id, ...judged, error: said, ...retryAfter(error) };
    }
  }

  async function lookUp(held: Held): Promise<Outcome> {
    const token = tokens.tokenOf(held.token);
    if (token === undefined) return { is: "token lost", token: held.token };
    await tokens.lookUp(held.token);
    const looked = { is: "looked up", id: held.id, sentAt: clock.now() } as const;
    try {
      const { ttlSeconds } = await client.lookupLease(token, held.lease);
      return { ...looked, left: Math.max(0, ttlSeconds) * 1_000 };
    } catch (error) {
      return { ...looked, left: error instanceof VaultError && error.status === 400 ? 0 : null };
    }
  }

  /** A refused renewal is followed by one lookup, and that decides (rule W6). */
  async function judge(
    held: Held,
    token: Sensitive<string>,
    error: unknown,
  ): Promise<{ verdict: "lost" | "kept" | "ended" | "unknown"; expiry?: number; unseen?: string }> {
    if (!(error instanceof VaultError) || isPassing(error) || error.status >= 500) return { verdict: "unknown" };
    const said = error.errors.join(" ");
    const ended = isForbidden(error) || /past the max TTL|could not find role|lease is not renewable/i.test(said);
    try {
      const sentAt = clock.now();
      const info = await client.lookupLease(token, held.lease);
      if (info.ttlSeconds <= 0) return { verdict: "lost" };
      const expiry = sentAt + info.ttlSeconds * 1_000;
      return { verdict: ended || !info.renewable ? "ended" : "kept", expiry };
    } catch (second) {
      const unseen = describe(second);
      if (!(second instanceof VaultError)) return { verdict: "unknown", unseen };
      if (second.status === 400) return { verdict: "lost" };
      if (second.status !== 403) return { verdict: "unknown", unseen };
      // Nobody may look: the words are all there is.
      if (/lease not found|lease expired|invalid lease/i.test(said)) return { verdict: "lost" };
      return { verdict: ended ? "ended" : "unknown", unseen };
    }
  }

  return { read, probe, renew, lookUp };
}

/**
 * No time at all is a renewal that failed, and the lookup says what that means: the last second of a lease that ends, or
 * an answer that is wrong. Whoever took it for the end would ask again and again for what is new.
 */
function granted<T extends { readonly seconds: number }>(lease: string, answer: T): T {
  if (answer.seconds > 0) return answer;
  throw new VaultError(200, `${lease}: it was granted no more time`, []);
}

function isForbidden(error: unknown): boolean {
  return error instanceof VaultError && error.status === 403;
}

function isServerFault(error: unknown): boolean {
  return error instanceof VaultError && error.status >= 500 && !isPassing(error);
}
