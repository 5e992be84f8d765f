/**
 * A streaming replica of a running Postgres, from a base backup of its files: the platform package has no
 * pg_basebackup, and needs none. Its replay can be held up, so that it lags as replicas do.
 */
import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { freePort } from "../free-port.ts";
import { startGuard } from "../guard.ts";
import type { RunningPostgres } from "../postgres.ts";
import { makeFolder, type Owner, ownAll, postgresOwner } from "./binaries.ts";
import { type ServerProcess, startServer } from "./server.ts";

export interface Replica {
  readonly host: string;
  readonly port: number;
  /** postgresql://user:password@host:port/database, of the superuser */
  readonly url: string;
  /** Nothing that happens on the primary is seen here until `catchUp`. */
  lag(): Promise<void>;
  /** Resolves when all that has happened on the primary by now is seen. */
  catchUp(): Promise<void>;
  stop(): Promise<void>;
}

/** The primary has to be started with `replicas`. */
export async function startReplica(primary: RunningPostgres): Promise<Replica> {
  const owner = postgresOwner();
  const folder = await makeFolder(owner);
  const guard = startGuard(folder);
  let server: ServerProcess | undefined;
  const admin = new pg.Client(primary.url);
  await admin.connect();
  async function stop(): Promise<void> {
    await admin.end();
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
    await guard.dismiss();
  }
  try {
    const data = join(folder, "data");
    await backUp(primary, admin, data, owner);
    const { host } = primary;
    const port = await freePort(host);
    const bin = join(primary.folder, "native", "bin");
    server = await startServer({ bin, data, host, port, maxConnections: 100, replicas: true, owner });
    guard.watch(server.pid);
    const url = primary.url.replace(`:${primary.port}/`, `:${port}/`);
    const ask = async (sql: string) => {
      const client = new pg.Client(url);
      await client.connect();
      try {
        return (await client.query(sql)).rows[0];
      } finally {
        await client.end();
      }
    };
    return {
      host,
      port,
      url,
      lag: async () => void (await ask("SELECT pg_wal_replay_pause()")),
      async catchUp() {
        await ask("SELECT pg_wal_replay_resume()");
        const { now } = (await admin.query("SELECT pg_current_wal_lsn()::text AS now")).rows[0];
        while (!(await ask(`SELECT pg_last_wal_replay_lsn() >= '${now}' AS there`)).there);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function backUp(
  primary: RunningPostgres,
  admin: pg.Client,
  data: string,
  owner: Owner | undefined,
): Promise<void> {
  const source = join(primary.folder, "data");
  await admin.query("SELECT pg_backup_start('replica', true)");
  const left = [join(source, "postmaster.pid"), join(source, "postmaster.opts")];
  await cp(source, data, { recursive: true, filter: (path) => !left.includes(path) });
  const { rows } = await admin.query("SELECT labelfile FROM pg_backup_stop(false)");
  await writeFile(join(data, "backup_label"), rows[0].labelfile);
  const { host, password, port, user } = primary;
  await writeFile(join(data, "standby.signal"), "");
  await writeFile(
    join(data, "postgresql.auto.conf"),
    `primary_conninfo = 'host=${host} port=${port} user=${user} password=${password}'\n`,
  );
  await mkdir(join(data, "pg_wal"), { recursive: true });
  if (owner) await ownAll(data, owner);
}
