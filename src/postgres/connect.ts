/** One login: a connection to one server as one user, bounded in time and ended at once by its signal. */
import { Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";
import type { Client, ClientConfig } from "pg";
import { DatabaseError } from "../errors.ts";
import type { DatabaseUser, Files } from "../ports.ts";
import { type ConnectionTarget, targetName } from "./connection-url.ts";
import { databaseError, isWithoutTls } from "./failure.ts";

/** By it our own sessions are told from the application's; every user of the server can see it (rule W4). */
export const APPLICATION_NAME = "lessee";

/** How long a server may take to close a connection that we end, in ms. */
const GOODBYE = 1_000;

export type Row = Readonly<Record<string, unknown>>;

export interface Connection {
  /** False as soon as the server or the network has ended it. */
  readonly alive: boolean;
  readonly encrypted: boolean;
  /** The session's process as the login told it; a pooler makes up its own. */
  readonly processId: number | null;
  /** One statement; rejects with a DatabaseError. A signal that aborts ends the whole connection. */
  query(text: string, values: readonly unknown[], signal: AbortSignal): Promise<readonly Row[]>;
  /** Resolves when the server was told and the socket is gone. */
  end(): Promise<void>;
}

export interface Login {
  readonly target: ConnectionTarget;
  readonly user: DatabaseUser;
  /** For the login, and again for each statement. */
  readonly timeout: number;
}

/** Rejects with a DatabaseError. */
export async function connect(login: Login, files: Files, signal: AbortSignal): Promise<Connection> {
  const { target, user } = login;
  const where = `${targetName(target)} as ${user.username}`;
  const failed = (error: unknown) => databaseError(where, error, user.password.reveal());
  if (user.password.reveal() === "") throw failed(new Error("the credential has no password"));
  // Loaded here: who has no postgres block does not pay for it.
  const { Client } = (await import("pg")).default;
  try {
    const tls = target.sslMode === "disable" ? false : await tlsOptions(target, files);
    try {
      return await open(new Socket(), tls);
    } catch (error) {
      const plainWillDo = target.sslMode === "prefer" || target.sslMode === "allow";
      if (!plainWillDo || !isWithoutTls(error)) throw error;
      return await open(new Socket(), false);
    }
  } catch (error) {
    throw failed(error);
  }

  async function open(socket: Socket, ssl: ConnectionOptions | false): Promise<Connection> {
    const client = new Client(clientConfig(login, socket, ssl));
    let alive = true;
    // Without a listener an idle connection that the server ends would end this process.
    client.on("error", () => {
      alive = false;
    });
    client.on("end", () => {
      alive = false;
    });
    try {
      await abortable(client.connect(), socket, signal, login.timeout);
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return {
      get alive() {
        return alive;
      },
      encrypted: ssl !== false,
      processId: processId(client),
      async query(text, values, querySignal) {
        try {
          // Postgres itself ends a statement after `timeout`; twice that is for one that does not answer at all.
          const result = await abortable(client.query<Row>(text, [...values]), socket, querySignal, login.timeout * 2);
          return result.rows;
        } catch (error) {
          throw failed(error);
        }
      },
      async end() {
        alive = false;
        const timer = setTimeout(() => socket.destroy(), GOODBYE);
        await client.end();
        clearTimeout(timer);
      },
    };
  }
}

/**
 * Everything is named: what is left out, pg takes from the PG… variables of the environment, which are the
 * application's or nobody's.
 */
function clientConfig(login: Login, socket: Socket, ssl: ConnectionOptions | false): ClientConfig {
  const { target, user, timeout } = login;
  return {
    host: target.host,
    port: target.port,
    database: target.database,
    user: user.username,
    password: user.password.reveal(),
    application_name: APPLICATION_NAME,
    options: `-c statement_timeout=${timeout} ${target.options ?? ""}`,
    client_encoding: "UTF8",
    ssl,
    ...(ssl !== false && { sslnegotiation: target.sslNegotiation }),
    keepAlive: true,
    stream: () => socket,
  };
}

/** libpq's meaning of the modes, said to Node's TLS in so many words; pg itself would take `require` as `verify-full`. */
async function tlsOptions(target: ConnectionTarget, files: Files): Promise<ConnectionOptions> {
  const rootFile = target.sslRootCert === "system" ? undefined : target.sslRootCert;
  const [ca, cert, key] = await Promise.all([
    readPem(rootFile, "sslrootcert", files),
    readPem(target.sslCert, "sslcert", files),
    readPem(target.sslKey, "sslkey", files),
  ]);
  const chain = target.sslMode === "verify-ca" || (target.sslMode === "require" && target.sslRootCert !== undefined);
  const everything = target.sslMode === "verify-full" || target.sslRootCert === "system";
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    rejectUnauthorized: chain || everything,
    ...(chain && !everything && { checkServerIdentity: () => undefined }),
  };
}

async function readPem(path: string | undefined, parameter: string, files: Files): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await files.readFile(path, "utf8");
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new DatabaseError("server", `${parameter} of connection_url cannot be read: ${message}`, undefined, {
      hint: "mount the file, or correct its path",
    });
  }
}

/** Ends the socket, and with it whatever waits on it, when the signal aborts or nothing came for `limit` ms. */
async function abortable<T>(work: Promise<T>, socket: Socket, signal: AbortSignal, limit: number): Promise<T> {
  const cut = (reason: Error) => socket.destroy(reason);
  const aborted = () => cut(new Error("given up"));
  if (signal.aborted) aborted();
  signal.addEventListener("abort", aborted, { once: true });
  const timer = setTimeout(() => cut(new Error(`no answer within ${limit} ms`)), limit);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", aborted);
  }
}

function processId(client: Client): number | null {
  return "processID" in client && typeof client.processID === "number" ? client.processID : null;
}
