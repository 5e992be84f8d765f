/** Leases: registered at a read, moved by renewals, ended by time, by revocation or with their token. */

import type { ServerClock } from "./clock.ts";
import { calculateTtl, formatTime, remainingSeconds } from "./durations.ts";
import type { Backend, SecretGrant } from "./protocol.ts";
import { base62 } from "./random.ts";
import type { Token } from "./tokens.ts";

export interface Lease {
  readonly id: string;
  readonly path: string;
  readonly token: Token;
  readonly backend: Backend;
  readonly secret: SecretGrant;
  readonly issueTime: number;
  expireTime: number;
  lastRenewal: number | undefined;
  attempts: number;
  /** Why no further revocation is tried. */
  irrevocable: string | undefined;
}

export interface LeaseStore {
  register(
    path: string,
    token: Token,
    backend: Backend,
    secret: SecretGrant,
  ): { lease: Lease; warnings: readonly string[] };
  find(id: string): Lease | undefined;
  /** The seconds that were granted. Throws an Error with the server's words. */
  renew(id: string, increment: number): Promise<{ lease: Lease; seconds: number; warnings: readonly string[] }>;
  /** Resolves when the back end has done it; a failure leaves the lease as it was, unless it is forgotten by force. */
  revoke(id: string, force?: boolean): Promise<void>;
  /** Resolves when it is marked as expired; then it is tried until it succeeds or the attempts are used up. */
  revokeLater(id: string): Promise<void>;
  revokeByToken(token: Token): Promise<void>;
  ids(prefix: string): string[];
  pause(): void;
  resume(): void;
  /** Resolves when nothing is under way and nothing is due. */
  idle(): Promise<void>;
}

export interface RetryPolicy {
  /** The first retry comes after twice this, half more or half less, the next after twice as long. */
  readonly base: number;
  readonly attempts: number;
}

const DAY = 86_400_000;

export const REVOCATION_RETRIES: RetryPolicy = { base: 10_000, attempts: 6 };

export function createLeaseStore(clock: ServerClock, retries: RetryPolicy): LeaseStore {
  const leases = new Map<string, Lease>();
  const alarms = new Map<string, () => void>();
  const queues = new Map<string, Promise<unknown>>();
  let paused = false;

  /** One thing at a time for each lease. */
  function inTurn<T>(id: string, work: () => Promise<T>): Promise<T> {
    const turn = (queues.get(id) ?? Promise.resolve()).then(work);
    const settled = turn.then(
      () => {},
      () => {},
    );
    queues.set(id, settled);
    settled.then(() => {
      if (queues.get(id) === settled) queues.delete(id);
    });
    return turn;
  }
  function watch(lease: Lease, time = lease.expireTime): void {
    forget(lease.id);
    if (!paused)
      alarms.set(
        lease.id,
        clock.at(time, () => expire(lease)),
      );
  }
  function forget(id: string): void {
    alarms.get(id)?.();
    alarms.delete(id);
  }
  function expire(lease: Lease): void {
    inTurn(lease.id, async () => {
      // A renewal that was under way when the time was up has moved it.
      if (paused || lease.expireTime > clock.now()) return;
      await end(lease).catch((error: Error) => {
        lease.attempts++;
        const givenUp = lease.attempts >= retries.attempts;
        if (givenUp) lease.irrevocable = `failed to revoke lease, out of retries: ${error.message}`;
        watch(lease, clock.now() + (givenUp ? DAY : 2 ** lease.attempts * retries.base * (0.5 + Math.random())));
      });
    });
  }
  async function end(lease: Lease, force = false): Promise<void> {
    if (leases.get(lease.id) !== lease) return;
    try {
      await lease.backend.revokeSecret?.(lease.secret);
    } catch (error) {
      if (!force)
        throw new Error(`failed to revoke entry: resp: (*logical.Response)(nil) err: ${(error as Error).message}`);
    }
    leases.delete(lease.id);
    forget(lease.id);
  }
  async function revokeLater(id: string): Promise<void> {
    // In turn: a renewal under way must not move an end that was set meanwhile.
    await inTurn(id, async () => {
      const lease = leases.get(id);
      if (!lease) return;
      lease.expireTime = Math.min(lease.expireTime, clock.now());
      watch(lease);
    });
  }

  return {
    register(path, token, backend, secret) {
      const now = clock.now();
      const { ttl, warnings } = calculateTtl(secret.terms, 0, now);
      const lease: Lease = {
        id: `${path}/${base62(24)}`,
        path,
        token,
        backend,
        secret,
        issueTime: now,
        expireTime: capped(token, now + ttl),
        lastRenewal: undefined,
        attempts: 0,
        irrevocable: undefined,
      };
      leases.set(lease.id, lease);
      watch(lease);
      return { lease, warnings };
    },
    find: (id) => leases.get(id),
    renew: (id, increment) =>
      inTurn(id, async () => {
        const lease = renewable(leases.get(id), clock.now());
        const terms = await lease.backend.renewSecret!(lease.secret, increment, lease.issueTime).catch(
          (error: Error) => {
            throw new Error(`failed to renew entry: resp: (*logical.Response)(nil) err: ${error.message}`);
          },
        );
        const now = clock.now();
        const { ttl, warnings } = calculateTtl(terms, increment, now, lease.issueTime);
        if (lease.token.type === "batch" && lease.token.expireTime! <= now)
          throw new Error("cannot renew lease, no valid associated token");
        lease.expireTime = capped(lease.token, now + ttl);
        lease.lastRenewal = now;
        watch(lease);
        const seconds = lease.expireTime < now + ttl ? Math.trunc((lease.expireTime - now) / 1000) : ttl / 1000;
        return { lease, seconds, warnings };
      }),
    revoke: (id, force) =>
      inTurn(id, async () => {
        const lease = leases.get(id);
        if (lease) await end(lease, force);
      }),
    revokeLater,
    async revokeByToken(token) {
      // What a batch token read belongs to the token that made the batch token.
      const owned = [...leases.values()].filter(
        (lease) => lease.token === token || (lease.token.type === "batch" && lease.token.parent === token.id),
      );
      await Promise.all(owned.map((lease) => revokeLater(lease.id)));
    },
    ids: (prefix) => [...leases.keys()].filter((id) => id.startsWith(prefix)),
    pause() {
      paused = true;
      for (const id of [...alarms.keys()]) forget(id);
    },
    resume() {
      paused = false;
      for (const lease of leases.values()) watch(lease);
    },
    async idle() {
      for (;;) {
        clock.advance(0);
        if (queues.size === 0) return;
        await Promise.all(queues.values());
      }
    },
  };
}

/** The `data` of a lookup. */
export function describeLease(lease: Lease, now: number): Record<string, unknown> {
  return {
    expire_time: formatTime(lease.expireTime),
    id: lease.id,
    issue_time: formatTime(lease.issueTime),
    last_renewal: lease.lastRenewal === undefined ? null : formatTime(lease.lastRenewal),
    path: lease.path,
    renewable: isRenewable(lease, now),
    ...(lease.irrevocable !== undefined && { revoke_error: lease.irrevocable }),
    ttl: remainingSeconds(lease.expireTime, now),
  };
}

function isRenewable(lease: Lease, now: number): boolean {
  return lease.token.type !== "batch" && lease.irrevocable === undefined && lease.expireTime >= now;
}

function renewable(lease: Lease | undefined, now: number): Lease {
  if (!lease) throw new Error("lease not found");
  if (lease.irrevocable !== undefined) throw new Error("lease is expired and has failed previous revocation attempts");
  if (lease.expireTime < now) throw new Error("lease expired");
  return lease;
}

/** A lease that was read with a batch token is told to end with it; others are ended when their token ends. */
function capped(token: Token, time: number): number {
  return token.type === "batch" && token.expireTime !== null ? Math.min(time, token.expireTime) : time;
}
