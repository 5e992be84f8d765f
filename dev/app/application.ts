/**
 * An application as lessee is made for: some connections that query without pause, each closed and opened anew after
 * `lifetime`, between two queries. It repeats nothing: each failure is one that its users would have seen.
 */
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Credential, Credentials } from "./credentials.ts";
import type { Tally } from "./tally.ts";

export interface ApplicationOptions {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly connections: number;
  /** Milliseconds. */
  readonly lifetime: number;
  /** Before each query a connection is tried, as pools do it, and put away if it has been closed meanwhile. */
  readonly tries?: boolean;
  /** Between two queries of a connection, on average; default 10 ms. */
  readonly pace?: number;
  readonly credentials: Credentials;
  readonly tally: Tally;
}

/** Resolves after `stop` when every connection is closed. */
export async function startApplication(options: ApplicationOptions, stop: AbortSignal): Promise<void> {
  await fileThere(options.credentials, stop);
  const slots = Array.from({ length: options.connections }, (_, slot) => keepConnected(slot, options, stop));
  await Promise.all(slots);
}

/** An init container would have seen to it; here sidecar and application start together. */
async function fileThere(credentials: Credentials, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    try {
      await credentials.get();
      return;
    } catch {
      await pause(20, stop);
    }
  }
}

async function keepConnected(slot: number, options: ApplicationOptions, stop: AbortSignal): Promise<void> {
  const { credentials, tally } = options;
  while (!stop.aborted) {
    let credential: Credential;
    try {
      credential = await credentials.get();
    } catch (error) {
      tally.refused(error);
      await pause(100, stop);
      continue;
    }
    try {
      await connectAndQuery(slot, credential, options, stop);
    } catch (error) {
      tally.failed(error, credential.username);
      await pause(100, stop);
    }
  }
}

async function connectAndQuery(
  slot: number,
  credential: Credential,
  options: ApplicationOptions,
  stop: AbortSignal,
): Promise<void> {
  const { host, port, database, connections, lifetime, pace = 10, tries, credentials, tally } = options;
  const { username, password } = credential;
  const openedAt = Date.now();
  // Never longer than the lifetime, and not all at once, as pools do it.
  const end = openedAt + lifetime * (0.8 + 0.2 * Math.random());
  const client = new pg.Client({ host, port, database, user: username, password, connectionTimeoutMillis: 5_000 });
  // A connection that breaks between two queries says why here; the next query only says that it is broken.
  let broken: Error | undefined;
  client.on("error", (error) => {
    broken ??= error;
  });

  function mayGoOn(): boolean {
    const reloadedAt = credentials.reloadedAt();
    const evictedAt = reloadedAt > openedAt ? reloadedAt + (lifetime / 2) * (slot / connections) : Infinity;
    return !stop.aborted && Date.now() < Math.min(end, evictedAt);
  }

  await client.connect();
  tally.opened(username);
  try {
    while (mayGoOn()) {
      if (tries && !(await works(client))) return;
      await client.query(anyStatement());
      tally.succeeded();
      await pause(pace * (0.5 + Math.random()), stop);
    }
  } catch (error) {
    throw broken ?? error;
  } finally {
    tally.closed(username);
    await client.end().catch(() => {});
  }
}

async function works(client: pg.Client): Promise<boolean> {
  return client.query("SELECT 1").then(
    () => true,
    () => false,
  );
}

function anyStatement(): pg.QueryConfig {
  const application = 1 + Math.floor(Math.random() * 200);
  const statements = [
    {
      text: "SELECT a.name, s.team, s.role FROM application a JOIN assignment s ON s.application = a.id WHERE a.id = $1",
      values: [application],
    },
    {
      text: "SELECT tenant, count(*) FROM application JOIN association ON application = id WHERE id <= $1 GROUP BY tenant",
      values: [application],
    },
    {
      text: "UPDATE association SET used = used + 1 WHERE application = $1 AND workspace = 'workspace-1'",
      values: [application],
    },
  ];
  return statements[Math.floor(Math.random() * statements.length)]!;
}

async function pause(time: number, stop: AbortSignal): Promise<void> {
  await sleep(time, undefined, { signal: stop }).catch(() => {});
}
