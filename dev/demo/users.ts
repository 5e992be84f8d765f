/** The database users that exist besides the superuser: what Vault made and has not taken back. */
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

export interface UserWatch {
  now(): number;
  most(): number;
  /** Those that are left. A released user goes about a second after its release, so up to `patience` ms are waited. */
  left(patience: number): Promise<readonly string[]>;
  stop(): Promise<void>;
}

const INTERVAL = 200;

/** @param url the superuser's */
export async function watchUsers(url: string): Promise<UserWatch> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  let now = 0;
  let most = 0;
  const stopping = new AbortController();

  async function look(): Promise<readonly string[]> {
    const { rows } = await client.query<{ rolname: string }>(
      "SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolname <> current_user ORDER BY 1",
    );
    now = rows.length;
    most = Math.max(most, now);
    return rows.map(({ rolname }) => rolname);
  }

  async function watch(): Promise<void> {
    while (!stopping.signal.aborted) {
      await look();
      await sleep(INTERVAL, undefined, { signal: stopping.signal }).catch(() => {});
    }
  }
  // When Postgres dies the demo hears of it from Postgres itself.
  const watching = watch().catch(() => {});

  return {
    now: () => now,
    most: () => most,
    async left(patience) {
      const end = Date.now() + patience;
      for (;;) {
        const users = await look();
        if (users.length === 0 || Date.now() > end) return users;
        await sleep(INTERVAL);
      }
    },
    async stop() {
      stopping.abort();
      await watching;
      await client.end().catch(() => {});
    },
  };
}
