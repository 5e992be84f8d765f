/** What the database plugin does in Postgres: make a user, move its VALID UNTIL, drop it. Errors are worded as pgx does. */
import pg from "pg";

export interface Database {
  ping(): Promise<void>;
  /** In one transaction, which is rolled back when `signal` aborts before it is committed. */
  createUser(
    user: { readonly username: string; readonly password: string; readonly expiration: string },
    statements: readonly string[],
    rollback: readonly string[],
    signal: AbortSignal,
  ): Promise<void>;
  renewUser(
    user: { readonly username: string; readonly expiration: string },
    statements: readonly string[],
  ): Promise<void>;
  dropUser(username: string, statements: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** In what it reports, the password of `url` is never readable. */
export function createDatabase(url: string): Database {
  const password = decodeURIComponent(new URL(url).password);
  const pool = new pg.Pool({ connectionString: url, max: 4, idleTimeoutMillis: 5000, allowExitOnIdle: true });
  // A connection that breaks is told of by the query that fails on it, and replaced at its next use when it lay idle.
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));

  /** A connection that failed in any way is not used again. */
  async function withClient<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await connect(pool);
    let failed = true;
    try {
      const result = await work(client);
      failed = false;
      return result;
    } catch (error) {
      throw inWordsOfPgx(error);
    } finally {
      client.release(failed);
    }
  }
  function inTransaction(
    statements: readonly string[],
    values: Readonly<Record<string, string>>,
    { prefix = "", signal }: { prefix?: string; signal?: AbortSignal } = {},
  ): Promise<void> {
    return withClient(async (client) => {
      await client.query("BEGIN");
      const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
      const cancel = () => void pool.query("SELECT pg_cancel_backend($1)", [rows[0]!.pid]).catch(() => {});
      signal?.addEventListener("abort", cancel, { once: true });
      try {
        for (const query of queries(statements, values)) {
          signal?.throwIfAborted();
          await client.query(query);
        }
        signal?.throwIfAborted();
      } catch (error) {
        throw new Error(`${prefix}${inWordsOfPgx(error).message}`);
      } finally {
        signal?.removeEventListener("abort", cancel);
      }
      await client.query("COMMIT");
    });
  }

  async function guarded<T>(work: Promise<T>): Promise<T> {
    return work.catch((error: Error) => {
      throw new Error(password === "" ? error.message : error.message.replaceAll(password, "[password]"));
    });
  }
  async function createUser(
    ...[user, statements, rollback, signal]: Parameters<Database["createUser"]>
  ): Promise<void> {
    if (statements.length === 0) throw new Error("empty creation statements");
    const values = { ...user, name: user.username };
    try {
      await inTransaction(statements, values, { prefix: "failed to execute query: ", signal });
    } catch (error) {
      if (error instanceof ConnectError) throw new Error(`unable to start transaction: ${error.message}`);
      if (rollback.length > 0) await inTransaction(rollback, values).catch(() => {});
      throw error;
    }
  }

  return {
    ping: () => guarded(withClient(async (client) => void (await client.query("SELECT 1")))),
    createUser: (...given) => guarded(createUser(...given)),
    renewUser: (user, statements) =>
      guarded(inTransaction(statements.length > 0 ? statements : [DEFAULT_RENEWAL], { ...user, name: user.username })),
    dropUser: (username, statements) =>
      guarded(
        statements.length > 0
          ? inTransaction(statements, { name: username, username })
          : withClient((client) => dropByDefault(client, username)),
      ),
    close: () => pool.end(),
  };
}

const DEFAULT_RENEWAL = `ALTER ROLE "{{name}}" VALID UNTIL '{{expiration}}';`;

class ConnectError extends Error {}

/** One that broke while it lay idle is passed over, as Go's pool does. */
async function connect(pool: pg.Pool): Promise<pg.PoolClient> {
  try {
    for (;;) {
      const idle = pool.idleCount;
      const client = await pool.connect();
      const broken = await client.query("SELECT 1").then(
        () => undefined,
        (error: Error) => error,
      );
      if (!broken) return client;
      client.release(true);
      if (idle === 0) throw broken;
    }
  } catch (error) {
    const { connectionString } = pool.options;
    const url = new URL(connectionString!);
    const where = `${url.hostname}:${url.port || "5432"}`;
    const reason = (error as { code?: string }).code;
    const detail =
      reason === "ECONNREFUSED"
        ? `dial error: dial tcp ${where}: connect: connection refused`
        : `${reason === "28P01" ? "failed SASL auth" : "server error"}: ${inWordsOfPgx(error).message}`;
    throw new ConnectError(
      `failed to connect to \`user=${decodeURIComponent(url.username)} database=${url.pathname.slice(1)}\`: ${where} (${url.hostname}): ${detail}`,
    );
  }
}

/** Each statement may hold several, separated by semicolons; one with a quoted or dollar-quoted semicolon stays whole. */
function queries(statements: readonly string[], values: Readonly<Record<string, string>>): string[] {
  return statements
    .flatMap((statement) => (/\$\w*\$|'[^']*;[^']*'/.test(statement) ? [statement] : statement.split(";")))
    .map((query) => query.trim().replace(/\{\{(\w+)\}\}/g, (whole, name: string) => values[name] ?? whole))
    .filter((query) => query !== "");
}

/** Not a transaction: as much access as possible is taken away even when the role itself cannot be dropped. */
async function dropByDefault(client: pg.PoolClient, username: string): Promise<void> {
  const { rowCount } = await client.query("SELECT FROM pg_roles WHERE rolname = $1", [username]);
  if (rowCount === 0) return;
  const role = pg.escapeIdentifier(username);
  const granted = await client.query<{ schema: string; database: string }>(
    `SELECT DISTINCT table_schema AS schema, current_database() AS database
     FROM information_schema.role_column_grants WHERE grantee = $1`,
    [username],
  );
  const schemas = new Set(["public", ...granted.rows.map((row) => row.schema)]);
  const { rows } = await client.query<{ name: string }>("SELECT current_database() AS name");
  const revocations = [
    ...[...schemas]
      .map(pg.escapeIdentifier)
      .flatMap((schema) => [
        `REVOKE ALL PRIVILEGES ON ALL TABLES IN SCHEMA ${schema} FROM ${role}`,
        `REVOKE USAGE ON SCHEMA ${schema} FROM ${role}`,
      ]),
    `REVOKE ALL PRIVILEGES ON ALL SEQUENCES IN SCHEMA public FROM ${role}`,
    `REVOKE CONNECT ON DATABASE ${pg.escapeIdentifier(rows[0]!.name)} FROM ${role}`,
  ];
  let failure: unknown;
  for (const revocation of revocations) {
    await client.query(revocation).catch((error: unknown) => {
      failure = error;
    });
  }
  if (failure) throw new Error(`could not perform all revocation statements: ${inWordsOfPgx(failure).message}`);
  await client.query(`DROP ROLE IF EXISTS ${role}`);
}

function inWordsOfPgx(error: unknown): Error {
  if (error instanceof pg.DatabaseError)
    return new Error(`${error.severity}: ${error.message} (SQLSTATE ${error.code})`);
  return error instanceof Error ? error : new Error(String(error));
}
