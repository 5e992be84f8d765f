/** How each of Vault's users ends in Postgres: while somebody is connected as it, or how long after the last one was. */
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

export interface UserLives {
  /** Every user that there has been. */
  count(): number;
  /** For each user that was used and is gone. */
  ends(): readonly UserEnd[];
  stop(): Promise<void>;
}

export interface UserEnd {
  /** Sessions that were open when it ended. */
  readonly sessions: number;
  /** Between its last session and its end. */
  readonly idleSeconds: number;
}

interface Life {
  readonly oid: number;
  readonly lastUsed: number | null;
  readonly end: UserEnd | null;
}

const INTERVAL = 100;

/**
 * Of those that come from now on.
 *
 * @param url the superuser's
 */
export async function watchLives(url: string): Promise<UserLives> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  const roles = async () =>
    (
      await client.query<{ name: string; oid: number }>(
        "SELECT rolname AS name, oid::int FROM pg_roles WHERE rolcanlogin AND rolname <> current_user",
      )
    ).rows;
  const earlier = new Set((await roles()).map(({ name }) => name));
  const lives = new Map<string, Life>();
  const stopping = new AbortController();

  async function look(): Promise<void> {
    // The sessions of a user that is gone go on under its number.
    const { rows } = await client.query<{ oid: number; sessions: number }>(
      "SELECT usesysid::int AS oid, count(*)::int AS sessions FROM pg_stat_activity WHERE application_name <> 'lessee' GROUP BY 1",
    );
    const sessions = new Map(rows.map((row) => [row.oid, row.sessions]));
    const now = Date.now();
    const there = new Map((await roles()).map(({ name, oid }) => [name, oid]));
    for (const [name, oid] of there) {
      if (earlier.has(name)) continue;
      const used = (sessions.get(oid) ?? 0) > 0;
      lives.set(name, { oid, lastUsed: used ? now : (lives.get(name)?.lastUsed ?? null), end: null });
    }
    for (const [name, life] of lives) {
      if (there.has(name) || life.end !== null || life.lastUsed === null) continue;
      const end = { sessions: sessions.get(life.oid) ?? 0, idleSeconds: Math.max(0, now - life.lastUsed) / 1_000 };
      lives.set(name, { ...life, end });
    }
  }
  async function watch(): Promise<void> {
    while (!stopping.signal.aborted) {
      await look();
      await sleep(INTERVAL, undefined, { signal: stopping.signal }).catch(() => {});
    }
  }
  const watching = watch();

  return {
    count: () => lives.size,
    ends: () => [...lives.values()].flatMap(({ end }) => (end === null ? [] : [end])),
    async stop() {
      stopping.abort();
      await watching.catch(() => {});
      await client.end();
    },
  };
}
