/**
 * An application by the pod's own time: some connections, each closed after its lifetime and opened anew with what the
 * application then knows, and a query on each of them at every tick.
 */
import { readFile } from "node:fs/promises";
import pg from "pg";

export interface Failure {
  readonly at: number;
  readonly user: string;
  readonly error: string;
}

export interface Application {
  readonly failures: readonly Failure[];
  readonly queries: number;
  /** Of the connections that are open. */
  readonly users: readonly string[];
  /** When it is to be called next; Infinity before it is started, and after it is stopped. */
  readonly next: number;
  /** Once there is a file: an init container has seen to that. */
  start(): void;
  tick(): Promise<void>;
  /** Reads its file anew; what is open stays open for its lifetime. */
  reload(): Promise<void>;
  stop(): Promise<void>;
}

export interface ApplicationOptions {
  readonly file: string;
  readonly postgres: { readonly host: string; readonly port: number; readonly database: string };
  readonly table: string;
  readonly connections: number;
  readonly lifetime: number;
  /** The file is read for every connection, or once and when it is told. */
  readonly reads: "per connection" | "when told";
  now(): number;
}

interface Open {
  readonly client: pg.Client;
  readonly user: string;
  readonly until: number;
}

const TICK = 20_000;

export function createApplication(options: ApplicationOptions): Application {
  const { now, lifetime, connections } = options;
  const slots: (Open | null)[] = Array.from({ length: connections }, () => null);
  const failures: Failure[] = [];
  let known: { user: string; password: string } | null = null;
  let queries = 0;
  let next = Number.POSITIVE_INFINITY;

  async function read(): Promise<{ user: string; password: string }> {
    const text = await readFile(options.file, "utf8");
    const [, user, password] = /^username: (\S+)\npassword: (\S+)$/m.exec(text) ?? [];
    if (!user || !password) throw new Error(`half a file: ${JSON.stringify(text)}`);
    return { user, password };
  }

  async function open(slot: number): Promise<Open> {
    if (options.reads === "per connection" || known === null) known = await read();
    const { host, port, database } = options.postgres;
    const client = new pg.Client({ host, port, database, ...known });
    client.on("error", () => {});
    await client.connect();
    // Not all of them at once, as pools do it.
    return { client, user: known.user, until: now() + lifetime * (1 - slot / (5 * connections)) };
  }

  async function close(slot: number): Promise<void> {
    await slots[slot]?.client.end().catch(() => {});
    slots[slot] = null;
  }

  async function use(slot: number): Promise<void> {
    const user = () => slots[slot]?.user ?? known?.user ?? "none";
    try {
      if (slots[slot] !== null && slots[slot]!.until <= now()) await close(slot);
      slots[slot] ??= await open(slot);
      queries++;
      await slots[slot].client.query(`SELECT count(*) FROM ${options.table}`);
    } catch (error) {
      failures.push({
        at: now(),
        user: user(),
        error: `${(error as { code?: string }).code} ${(error as Error).message}`,
      });
      await close(slot);
    }
  }

  return {
    failures,
    get queries() {
      return queries;
    },
    get users() {
      return [...new Set(slots.flatMap((slot) => (slot === null ? [] : [slot.user])))];
    },
    get next() {
      return next;
    },
    start() {
      next = now();
    },
    async tick() {
      next = now() + TICK;
      for (const slot of slots.keys()) await use(slot);
    },
    async reload() {
      known = await read();
    },
    async stop() {
      next = Number.POSITIVE_INFINITY;
      for (const slot of slots.keys()) await close(slot);
    },
  };
}
