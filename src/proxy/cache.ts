/**
 * The cache of dynamic secrets: an answer with a renewable lease is given again to whoever asks the same with the same
 * token, and its lease is renewed here, by nobody else, for as long as the server lets it live.
 */
import { TransportError, VaultError } from "../errors.ts";
import { backoff, RENEWAL_BACKOFF } from "../lease/backoff.ts";
import type { Clock, Random } from "../ports.ts";
import type { Sensitive } from "../sensitive.ts";
import type { VaultClient } from "../vault/client.ts";
import type { VaultSecret } from "../vault/secret.ts";
import { isPassing, retryAfter } from "../vault/verdict.ts";
import { type Ended, type Entry, endedWith, entryFor, type Origin, type StoredAnswer } from "./entry.ts";

export interface CacheDeps {
  readonly client: Pick<VaultClient, "renewLease" | "renewSelf" | "revokeLease">;
  readonly clock: Clock;
  readonly random: Random;
  /** The agent's own token is needed for as long as what was read with it. Nothing for somebody else's. */
  hold(token: Sensitive<string>): Hold;
}

export interface Hold {
  /** Aborts when the token has ended. */
  readonly lost: AbortSignal;
  release(): void;
}

export interface LeaseCache {
  get(key: string): StoredAnswer | undefined;
  /** Whether the token came out of an answer that is kept here. */
  knows(token: string): boolean;
  /** Keeps the answer if it has something to be looked after. */
  put(origin: Origin, answer: StoredAnswer, secret: VaultSecret): void;
  /** Of those who ask the same at a time one goes ahead; the others' turn comes when it has called what it was given. */
  turn(key: string): Promise<() => void>;
  end(ended: Ended): void;
  /** Somebody else renewed the lease, and it lasts so long from now. */
  renewed(lease: string, seconds: number): void;
  /** Looks after nothing any more. With `release` the leases are given back; resolves to how many are left. */
  stop(release: boolean): Promise<number>;
}

/** Answers that are kept at a time; more go through uncached. */
const MOST_ENTRIES = 1_000;

interface Kept {
  readonly entry: Entry;
  expiry: number;
  /** Aborts, and is made anew, when somebody else changed the expiry. */
  changed: AbortController;
  readonly over: AbortController;
}

export function createLeaseCache(deps: CacheDeps): LeaseCache {
  const { client, clock, random } = deps;
  const byKey = new Map<string, Kept>();
  /** Of those that are no longer given out, too: their leases are in use. */
  const alive = new Set<Kept>();
  const turns = new Map<string, Promise<void>>();
  /** What is left alive at the end keeps its token. */
  let leaving = false;

  async function lookAfter(kept: Kept): Promise<void> {
    const hold = deps.hold(kept.entry.origin.token);
    const lost = () => drop(kept);
    hold.lost.addEventListener("abort", lost, { once: true });
    await renewWhileItLasts(kept);
    forget(kept);
    // Whoever was given it uses it to its end, which would come sooner without the token.
    while (!kept.over.signal.aborted && clock.now() < kept.expiry) {
      await clock.sleep(kept.expiry, AbortSignal.any([kept.over.signal, kept.changed.signal]));
    }
    alive.delete(kept);
    // The token may live for weeks, and would keep the answer for as long.
    hold.lost.removeEventListener("abort", lost);
    if (!leaving) hold.release();
  }

  /** Until the server cuts it short or refuses: a last third of its time is left then to whoever has it. */
  async function renewWhileItLasts(kept: Kept): Promise<void> {
    const { duration } = kept.entry;
    const spread = 1 + random() / 10;
    let failures = 0;
    let retryAt = 0;
    for (;;) {
      const due = Math.max(retryAt, kept.expiry - (duration / 3) * spread);
      const now = clock.now();
      if (kept.over.signal.aborted || now >= kept.expiry) return;
      if (now < due) {
        await clock.sleep(Math.min(due, kept.expiry), AbortSignal.any([kept.over.signal, kept.changed.signal]));
        continue;
      }
      try {
        const granted = await renew(kept.entry);
        kept.expiry = now + granted.seconds * 1_000;
        failures = 0;
        retryAt = 0;
        if (!granted.renewable || kept.expiry - clock.now() <= (duration / 3) * spread) return;
      } catch (error) {
        const passing =
          error instanceof TransportError || (error instanceof VaultError && (isPassing(error) || error.status >= 500));
        if (!passing) return;
        retryAt = clock.now() + backoff(RENEWAL_BACKOFF, ++failures, random(), retryAfter(error).retryAfter);
      }
    }
  }

  async function renew({ origin, holds, duration }: Entry): Promise<{ seconds: number; renewable: boolean }> {
    const increment = Math.ceil(duration / 1_000);
    if (holds.is === "lease") return client.renewLease(origin.token, holds.id, increment);
    const { durationSeconds, renewable } = await client.renewSelf(holds.token, increment);
    return { seconds: durationSeconds, renewable };
  }

  /** Who may not revoke may renew for a second (rule W7). */
  async function giveBack({ origin, holds }: Entry): Promise<void> {
    if (holds.is !== "lease") return;
    const { id } = holds;
    await client.revokeLease(origin.token, id, false).catch(() => client.renewLease(origin.token, id, 1));
  }

  function forget(kept: Kept): void {
    const { key } = kept.entry.origin;
    if (byKey.get(key) === kept) byKey.delete(key);
  }

  function drop(kept: Kept): void {
    forget(kept);
    kept.over.abort();
  }

  return {
    get: (key) => byKey.get(key)?.entry.answer,
    knows: (token) =>
      [...byKey.values()].some(({ entry: { holds } }) => holds.is === "token" && holds.token.reveal() === token),
    put(origin, answer, secret) {
      const entry = alive.size < MOST_ENTRIES ? entryFor(origin, answer, secret) : null;
      if (entry === null) return;
      const kept = {
        entry,
        expiry: answer.at + entry.duration,
        changed: new AbortController(),
        over: new AbortController(),
      };
      byKey.set(origin.key, kept);
      alive.add(kept);
      void lookAfter(kept);
    },
    turn(key) {
      const ahead = turns.get(key);
      if (ahead !== undefined) return ahead.then(() => () => undefined);
      const mine = Promise.withResolvers<void>();
      turns.set(key, mine.promise);
      return Promise.resolve(() => {
        turns.delete(key);
        mine.resolve();
      });
    },
    end(ended) {
      const gone = endedWith(
        ended,
        [...alive].map(({ entry }) => entry),
      );
      for (const kept of alive) if (gone.has(kept.entry)) drop(kept);
    },
    renewed(lease, seconds) {
      for (const kept of alive) {
        if (kept.entry.holds.is !== "lease" || kept.entry.holds.id !== lease) continue;
        kept.expiry = clock.now() + seconds * 1_000;
        const { changed } = kept;
        kept.changed = new AbortController();
        changed.abort();
      }
    },
    async stop(release) {
      const held = [...alive];
      leaving = !release;
      for (const kept of held) drop(kept);
      if (!release) return held.length;
      const revoked = held.map(({ entry }) => giveBack(entry));
      const results = await Promise.allSettled(revoked);
      return results.filter(({ status }) => status === "rejected").length;
    },
  };
}
