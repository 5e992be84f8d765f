/** The servers of one credential's `postgres` blocks: test logins, sessions by user, and the end of old ones. */
import type { PostgresConfig } from "../config/types.ts";
import { DatabaseError } from "../errors.ts";
import type { Clock, Databases, DatabaseUser, Files, RoleSessions, WatchedRole } from "../ports.ts";
import { Sensitive } from "../sensitive.ts";
import type { Connection } from "./connect.ts";
import { type ConnectionTarget, parseConnectionUrl, targetName } from "./connection-url.ts";
import { openConnections, type Server } from "./connections.ts";
import {
  askOthers,
  askOwnRole,
  askRoles,
  endAllSessions,
  endIdleSessions,
  type OwnRole,
  type RoleFacts,
} from "./queries.ts";
import { describeTrust, warnOfBlindness, warnOfRoom } from "./warnings.ts";

interface Block extends Server {
  readonly config: PostgresConfig;
  target(user: DatabaseUser): ConnectionTarget;
}

/**
 * Nothing is connected, and pg not loaded, before the first question. Throws a LesseeError where a connection_url
 * cannot be used.
 */
export function openDatabases(
  configs: readonly PostgresConfig[],
  ports: { readonly clock: Clock; readonly files: Files },
): Databases {
  const blocks = configs.map(openBlock);
  const connections = openConnections(ports);
  /** The most sessions that one role was seen to have: what the next generation will need as well (rule M7). */
  let generation = 0;
  /** Whose sessions there were at the last look, on each server: what is new is told apart by it. */
  const seen = new Map<string, ReadonlySet<number>>();

  return {
    async verify(user, signal) {
      const found = await Promise.all(
        blocks.map((block) =>
          connections.use(block, user, signal, (connection) => verifyOn(block, connection, user, signal), {
            fresh: true,
          }),
        ),
      );
      return {
        oids: found.map(({ role }) => role.oid),
        validFor: smallest(found.map(({ role }) => role.validFor)),
        blind: found.some(({ role }, i) => blocks[i]?.config.drain !== "off" && !role.room.seesItself),
        ownsWhatItCreates: found.some(({ role }) => role.ownsWhatItCreates),
        warnings: found.flatMap(({ warnings }) => warnings),
        room: found.flatMap(({ role }, i) => warnOfRoom(blocks[i]!.target(user), role.room, generation)),
      };
    },

    async sessions(as, roles, signal) {
      const answers = await Promise.all(
        blocks.map((block) =>
          connections.use(block, as, signal, (connection) => askRoles(connection, on(block, roles), signal)),
        ),
      );
      const summed = roles.map((role, i) =>
        sum(
          role,
          answers.map((answer) => answer[i]),
        ),
      );
      generation = Math.max(generation, ...summed.map((role) => role.sessions));
      await Promise.all(summed.filter((role) => !role.exists).map((role) => connections.drop(role.username)));
      return summed;
    },

    async room(as, signal) {
      const found = await Promise.all(
        blocks.map((block) =>
          connections.use(block, as, signal, (connection) => roomOn(block, connection, as, signal)),
        ),
      );
      return found.flat();
    },

    async others(as, signal) {
      const found = await Promise.all(
        blocks.map((block) => connections.use(block, as, signal, (connection) => askOthers(connection, signal))),
      );
      const all = found.flat();
      generation = Math.max(generation, ...all.map(({ sessions }) => sessions));
      return all;
    },

    async attach(user, signal) {
      await Promise.all(watched().map((block) => connections.keep(block, user, signal)));
    },

    async forget(username) {
      for (const { index } of blocks) seen.delete(`${index} ${username}`);
      await connections.drop(username);
    },

    async terminate(user, idleFor, signal) {
      const ended = await Promise.all(
        watched().map((block) =>
          connections.use(block, user, signal, (connection) =>
            idleFor === null ? endAllSessions(connection, signal) : endIdleSessions(connection, idleFor, signal),
          ),
        ),
      );
      return ended.reduce((total, count) => total + count, 0);
    },

    close: () => connections.close(),
  };

  function watched(): readonly Block[] {
    return blocks.filter((block) => block.config.drain !== "off");
  }

  /** A server with `drain = "off"` is asked about the role, but whoever is connected there does not count. */
  function sum(role: WatchedRole, answers: readonly (RoleFacts | undefined)[]): RoleSessions {
    const known = answers.filter((answer) => answer !== undefined);
    let [sessions, opened] = [0, 0];
    for (const { index } of watched()) {
      const pids = answers[index]?.sessions ?? [];
      const before = seen.get(`${index} ${role.username}`);
      seen.set(`${index} ${role.username}`, new Set(pids));
      sessions += pids.length;
      opened += before === undefined ? 0 : pids.filter((pid) => !before.has(pid)).length;
    }
    return {
      username: role.username,
      sessions,
      opened,
      exists: known.some((answer) => answer.exists),
      owned: known.reduce((total, answer) => total + answer.owned, 0),
      ownedNames: known.flatMap((answer) => answer.ownedNames).slice(0, 3),
      validFor: smallest(known.filter((answer) => answer.exists).map((answer) => answer.validFor)),
    };
  }

  async function roomOn(
    block: Block,
    connection: Connection,
    as: DatabaseUser,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const [facts] = await askRoles(connection, [{ username: as.username, oid: undefined }], signal);
    generation = Math.max(generation, facts?.sessions.length ?? 0);
    const role = await askOwnRole(connection, signal);
    return role === undefined ? [] : warnOfRoom(block.target(as), role.room, generation);
  }

  async function verifyOn(
    block: Block,
    connection: Connection,
    user: DatabaseUser,
    signal: AbortSignal,
  ): Promise<{ readonly role: OwnRole; readonly warnings: readonly string[] }> {
    const target = block.target(user);
    await connection.query(block.config.verifyQuery, [], signal);
    const role = await askOwnRole(connection, signal);
    if (!role) {
      throw new DatabaseError("credential", `${targetName(target)}: the role ${user.username} is gone`, undefined, {
        hint: "it was dropped while it was being verified",
      });
    }
    return {
      role,
      warnings: [
        ...describeTrust(target, connection.encrypted),
        ...warnOfBlindness(target, role.room, block.config.drain, connection.processId),
      ],
    };
  }
}

function openBlock(config: PostgresConfig, index: number): Block {
  // Read once with the places standing for themselves: what is wrong is said at start, not at the first rotation.
  parseConnectionUrl(config.connectionUrl, { username: "{{username}}", password: new Sensitive("{{password}}") });
  const target = (user: DatabaseUser) => parseConnectionUrl(config.connectionUrl, user);
  return {
    config,
    index,
    target,
    login: (user) => ({ target: target(user), user, timeout: config.connectTimeout }),
  };
}

function on(block: Block, roles: readonly WatchedRole[]) {
  return roles.map((role) => ({ username: role.username, oid: role.oids[block.index] }));
}

function smallest(values: readonly (number | null)[]): number | null {
  const finite = values.filter((value) => value !== null);
  return finite.length === 0 ? null : Math.min(...finite);
}
