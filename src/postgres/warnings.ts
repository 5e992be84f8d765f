/** What is worth saying after a login that worked. */
import type { PostgresConfig } from "../config/types.ts";
import { type ConnectionTarget, checksCertificate, isLocal, targetName } from "./connection-url.ts";
import type { Room } from "./queries.ts";

/** A connection that leaves the machine to a server that nobody checked; `sslmode=disable` is somebody's decision. */
export function describeTrust(target: ConnectionTarget, encrypted: boolean): readonly string[] {
  if (isLocal(target) || target.sslMode === "disable" || checksCertificate(target)) return [];
  const where = `${targetName(target)}: sslmode=${target.sslMode}`;
  const cure = "use sslmode=verify-full with the CA's file as sslrootcert";
  return encrypted
    ? [`${where} encrypts but does not check whose server it is; ${cure}`]
    : [`${where} found no TLS, so the connection is not encrypted; ${cure}, or sslmode=disable if that is meant`];
}

/** Whether sessions can be seen at all (rule M12). */
export function warnOfBlindness(
  target: ConnectionTarget,
  room: Room,
  drain: PostgresConfig["drain"],
  processId: number | null,
): readonly string[] {
  const pooled = processId !== null && processId !== room.processId;
  if (drain === "off" || (!pooled && room.seesItself)) return [];
  const why = pooled ? "a connection pooler stands in between" : "pg_stat_activity does not show even our own session";
  return [`${targetName(target)}: drain is blind, because ${why}; let connection_url reach the server itself`];
}

/**
 * Whether a second generation of sessions finds room beside the present one, each as large as the largest that was
 * seen, and one of our own for each (rule M7).
 */
export function warnOfRoom(target: ConnectionTarget, room: Room, generation: number): readonly string[] {
  const where = targetName(target);
  const needed = generation + 1;
  const limits = [
    {
      what: "max_connections (less those reserved for superusers)",
      limit: room.maxConnections,
      used: room.usedConnections,
    },
    { what: "the database's CONNECTION LIMIT", limit: room.databaseLimit, used: room.usedDatabase },
    { what: "the role's CONNECTION LIMIT", limit: room.roleLimit, used: 1 },
  ];
  return limits
    .filter(({ limit, used }) => limit >= 0 && limit - used < needed)
    .map(
      ({ what, limit, used }) =>
        `${where}: little room for a second user's sessions: ${what} is ${limit}, ${used} in use, ${needed} more may be needed`,
    );
}
