/** The questions that are put to Postgres. Any login may ask all of them; none needs a superuser. */
import type { OtherUser } from "../ports.ts";
import { APPLICATION_NAME, type Connection } from "./connect.ts";

/** The role that is logged in. Not `current_user`: a role may SET ROLE to its owner at login (rule M6). */
export interface OwnRole {
  readonly oid: number;
  /** ms by Postgres' own clock; null is without end (rule M5). */
  readonly validFor: number | null;
  readonly ownsWhatItCreates: boolean;
  readonly room: Room;
}

/** Limits of new sessions and what is taken of them; -1 is no limit. */
export interface Room {
  readonly maxConnections: number;
  readonly usedConnections: number;
  readonly roleLimit: number;
  readonly databaseLimit: number;
  readonly usedDatabase: number;
  /** False where not even our own session is shown: then counting sessions proves nothing (rule M12). */
  readonly seesItself: boolean;
  readonly processId: number;
}

export interface RoleFacts {
  /** Process ids of its sessions, ours left out. */
  readonly sessions: readonly number[];
  readonly exists: boolean;
  readonly owned: number;
  readonly ownedNames: readonly string[];
  readonly validFor: number | null;
}

const VALID_FOR = `CASE WHEN isfinite(r.rolvaliduntil)
  THEN (extract(epoch FROM r.rolvaliduntil - clock_timestamp()) * 1000)::float8 END AS "validFor"`;

const OWN_ROLE = `
  SELECT r.oid::int8::float8 AS oid, ${VALID_FOR},
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
      - coalesce(current_setting('reserved_connections', true)::int, 0) AS "maxConnections",
    (SELECT count(*) FROM pg_stat_activity WHERE usesysid IS NOT NULL AND datid IS NOT NULL)::int AS "usedConnections",
    r.rolconnlimit AS "roleLimit",
    d.datconnlimit AS "databaseLimit",
    (SELECT count(*) FROM pg_stat_activity a WHERE a.datid = d.oid AND a.usesysid IS NOT NULL)::int AS "usedDatabase",
    EXISTS (SELECT FROM pg_stat_activity WHERE pid = pg_backend_pid()) AS "seesItself",
    pg_backend_pid() AS "processId",
    current_user = session_user AND EXISTS (
      SELECT FROM unnest(current_schemas(false)) s WHERE has_schema_privilege(s, 'CREATE')) AS "ownsWhatItCreates"
  FROM pg_roles r, pg_database d
  WHERE r.rolname = session_user AND d.datname = current_database()`;

/** Undefined when the role has been dropped under its session. */
export async function askOwnRole(connection: Connection, signal: AbortSignal): Promise<OwnRole | undefined> {
  const [row] = await connection.query(OWN_ROLE, [], signal);
  if (!row) return undefined;
  return {
    oid: Number(row.oid),
    validFor: numberOrNull(row.validFor),
    ownsWhatItCreates: row.ownsWhatItCreates === true,
    room: {
      maxConnections: Number(row.maxConnections),
      usedConnections: Number(row.usedConnections),
      roleLimit: Number(row.roleLimit),
      databaseLimit: Number(row.databaseLimit),
      usedDatabase: Number(row.usedDatabase),
      seesItself: row.seesItself === true,
      processId: Number(row.processId),
    },
  };
}

/**
 * Sessions are counted by the role's oid: those of a dropped role have lost their name, and counted by it a role that
 * went too early would look drained (rule W4). Where no oid is known the name has to do.
 */
const ROLES = `
  SELECT
    ARRAY(SELECT a.pid FROM pg_stat_activity a
      WHERE a.usesysid = coalesce(w.oid, r.oid) AND a.application_name IS DISTINCT FROM $3) AS sessions,
    r.oid IS NOT NULL AS exists,
    (SELECT count(*) FROM pg_class c
      WHERE c.relowner = coalesce(w.oid, r.oid) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S'))::int AS owned,
    ARRAY(SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relowner = coalesce(w.oid, r.oid) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
      ORDER BY c.oid LIMIT 3) AS "ownedNames",
    ${VALID_FOR}
  FROM unnest($1::text[], $2::oid[]) WITH ORDINALITY AS w(name, oid, position)
  LEFT JOIN pg_roles r ON r.rolname = w.name AND r.oid = coalesce(w.oid, r.oid)
  ORDER BY w.position`;

/** One answer for each of `roles`, in their order. */
export async function askRoles(
  connection: Connection,
  roles: readonly { readonly username: string; readonly oid: number | undefined }[],
  signal: AbortSignal,
): Promise<readonly RoleFacts[]> {
  const names = roles.map((role) => role.username);
  const oids = roles.map((role) => role.oid ?? null);
  const rows = await connection.query(ROLES, [names, oids, APPLICATION_NAME], signal);
  return rows.map((row) => ({
    sessions: (row.sessions as readonly number[]).map(Number),
    exists: row.exists === true,
    owned: Number(row.owned),
    ownedNames: (row.ownedNames as readonly string[]).map(String),
    validFor: numberOrNull(row.validFor),
  }));
}

/** Only what has a VALID UNTIL that comes: the users of people and applications have none. */
const OTHERS = `
  SELECT * FROM (
    SELECT r.oid, r.rolname AS username,
      (SELECT count(*) FROM pg_stat_activity a WHERE a.usesysid = r.oid)::int AS sessions,
      (SELECT count(*) FROM pg_class c
        WHERE c.relowner = r.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S'))::int AS owned,
      ARRAY(SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relowner = r.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        ORDER BY c.oid LIMIT 3) AS "ownedNames"
    FROM pg_roles r WHERE isfinite(r.rolvaliduntil) AND r.rolname <> session_user) others
  WHERE sessions > 0 OR owned > 0 ORDER BY oid`;

export async function askOthers(connection: Connection, signal: AbortSignal): Promise<readonly OtherUser[]> {
  const rows = await connection.query(OTHERS, [], signal);
  return rows.map((row) => ({
    username: String(row.username),
    sessions: Number(row.sessions),
    owned: Number(row.owned),
    ownedNames: (row.ownedNames as readonly string[]).map(String),
  }));
}

const OWN_SESSIONS = `
  FROM pg_stat_activity a
  WHERE a.usesysid = (SELECT usesysid FROM pg_stat_activity WHERE pid = pg_backend_pid())
    AND a.pid <> pg_backend_pid() AND a.application_name IS DISTINCT FROM $1`;

const END_ALL = `SELECT (count(*) FILTER (WHERE pg_terminate_backend(a.pid)))::int AS ended ${OWN_SESSIONS}`;

/** Those that have rested longest are the last to be wanted: pools give out what came back last. */
const IDLE = `SELECT a.pid, a.state_change::text AS since ${OWN_SESSIONS}
    AND a.state = 'idle' AND a.state_change <= clock_timestamp() - $2::float8 * interval '1 ms'
  ORDER BY a.state_change`;

/** Looked at once more, alone: in the time of the others before it a session may have begun a query, or had one. */
const END_IDLE = `
  SELECT pg_terminate_backend(a.pid) AS ended FROM pg_stat_get_activity($1::int) a
  WHERE a.state = 'idle' AND a.state_change = $2::timestamptz`;

/** Ends the sessions of the role that is logged in; tells how many. */
export async function endAllSessions(connection: Connection, signal: AbortSignal): Promise<number> {
  await beOneself(connection, signal);
  const [row] = await connection.query(END_ALL, [APPLICATION_NAME], signal);
  return Number(row?.ended ?? 0);
}

/**
 * Those of them that have been idle for so long, one by one. A session inside a transaction is not idle. What no look
 * can show is a query that is on its way already: the shorter a session has rested, the likelier that is.
 */
export async function endIdleSessions(connection: Connection, idleFor: number, signal: AbortSignal): Promise<number> {
  await beOneself(connection, signal);
  let ended = 0;
  for (const { pid, since } of await connection.query(IDLE, [APPLICATION_NAME, idleFor], signal)) {
    const [row] = await connection.query(END_IDLE, [pid, since], signal);
    if (row?.ended === true) ended++;
  }
  return ended;
}

/** A role that is set to its owner at login may neither see the state of its own sessions nor end them. */
async function beOneself(connection: Connection, signal: AbortSignal): Promise<void> {
  await connection.query("SET ROLE NONE", [], signal);
}

function numberOrNull(value: unknown): number | null {
  return value === null || value === undefined ? null : Number(value);
}
