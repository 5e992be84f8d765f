/** `database/`: connections, roles, and users that are really made in Postgres. */
import type { ServerClock } from "./clock.ts";
import { createDatabase, type Database } from "./database-users.ts";
import { calculateTtl, parseDuration, toSeconds } from "./durations.ts";
import { type Answer, type Backend, listField, type MountedRequest, type SecretGrant, textField } from "./protocol.ts";
import { base62, password } from "./random.ts";
import { methodNotAllowed, multierror, Refusal } from "./refusal.ts";

interface Connection {
  readonly allowedRoles: readonly string[];
  readonly connectionUrl: string;
  readonly username: string;
  readonly database: Database;
}

interface Role {
  readonly dbName: string;
  readonly defaultTtl: number;
  readonly maxTtl: number;
  readonly creation: readonly string[];
  readonly renewal: readonly string[];
  readonly revocation: readonly string[];
  readonly rollback: readonly string[];
}

export function createDatabaseBackend(clock: ServerClock): Backend {
  const connections = new Map<string, Connection>();
  const roles = new Map<string, Role>();

  async function configure(name: string, body: MountedRequest["body"]): Promise<null> {
    const connectionUrl = textField(body, "connection_url");
    const username = textField(body, "username");
    const url = connectionUrl
      .replace("{{username}}", encodeURIComponent(username))
      .replace("{{password}}", encodeURIComponent(textField(body, "password")));
    const database = createDatabase(url);
    if (body.verify_connection !== false) {
      await database.ping().catch(async (error: Error) => {
        await database.close();
        throw new Refusal(400, `error creating database object: error verifying connection: ${error.message}`);
      });
    }
    await connections.get(name)?.database.close();
    connections.set(name, { allowedRoles: listField(body, "allowed_roles"), connectionUrl, username, database });
    return null;
  }

  async function forget(name: string): Promise<null> {
    const connection = connections.get(name);
    connections.delete(name);
    await connection?.database.close();
    return null;
  }

  async function issue(request: MountedRequest, roleName: string): Promise<Answer> {
    const role = roles.get(roleName);
    if (!role) throw new Refusal(400, `unknown role: ${roleName}`);
    const connection = connectionOf(role);
    if (!connection.allowedRoles.some((allowed) => allowed === "*" || allowed === roleName))
      throw new Refusal(500, multierror(`"${roleName}" is not an allowed role`));

    const terms = { ttl: role.defaultTtl, maxTtl: role.maxTtl };
    const { ttl } = calculateTtl(terms, 0, clock.now());
    const user = {
      username: userName(request.token!.displayName, roleName, clock.now()),
      password: password(),
      expiration: expiration(clock.elsewhere(clock.now() + ttl)),
    };
    try {
      await connection.database.createUser(user, role.creation, role.rollback, request.signal);
    } catch (error) {
      throw new Refusal(500, multierror((error as Error).message));
    }
    return {
      data: { username: user.username, password: user.password },
      secret: {
        terms,
        internal: { username: user.username, role: roleName, db_name: role.dbName, revocation: role.revocation },
      },
    };
  }

  function connectionOf({ dbName }: Pick<Role, "dbName">): Connection {
    const connection = connections.get(dbName);
    if (!connection) throw new Refusal(500, multierror(`failed to find entry for connection with name: "${dbName}"`));
    return connection;
  }

  async function renewSecret({ internal }: SecretGrant, increment: number, issueTime: number) {
    const role = roles.get(String(internal.role));
    if (!role) throw new Error(`error during renew: could not find role with name "${internal.role}"`);
    const terms = { ttl: role.defaultTtl, maxTtl: role.maxTtl };
    const { ttl } = calculateTtl(terms, increment, clock.now(), issueTime);
    const user = { username: String(internal.username), expiration: expiration(clock.elsewhere(clock.now() + ttl)) };
    await connectionOf(role)
      .database.renewUser(user, role.renewal)
      .catch((error: Error) => {
        throw new Error(multierror(error.message));
      });
    return terms;
  }

  /** The role as it is now, or, when it is gone, as it was at the read. */
  async function revokeSecret({ internal }: SecretGrant): Promise<void> {
    const role = roles.get(String(internal.role)) ?? {
      dbName: String(internal.db_name),
      revocation: internal.revocation as readonly string[],
    };
    await connectionOf(role).database.dropUser(String(internal.username), role.revocation);
  }

  return {
    type: "database",
    renewSecret,
    revokeSecret,
    async close() {
      await Promise.all([...connections.values()].map(({ database }) => database.close()));
    },
    handle(request) {
      const { subpath, operation, body } = request;
      const [area, name = ""] = subpath.split("/");
      switch (`${operation} ${area}`) {
        case "read creds":
          return issue(request, name);
        case "update config":
          return configure(name, body);
        case "read config":
          return describe(connections.get(name), describeConnection);
        case "delete config":
          return forget(name);
        case "list config":
          return keys(connections);
        case "update roles":
          roles.set(name, parseRole(body, roles.get(name)));
          return null;
        case "read roles":
          return describe(roles.get(name), describeRole);
        case "delete roles":
          roles.delete(name);
          return null;
        case "list roles":
          return keys(roles);
        default:
          if (AREAS.has(area!)) methodNotAllowed();
          throw new Refusal(404, multierror("unsupported path"));
      }
    },
  };
}

const AREAS = new Set(["creds", "config", "roles"]);

/** Postgres is told a little more than the lease has, because the lease's own end is computed a moment later. */
function expiration(time: number): string {
  const at = new Date(Math.floor(time / 1000) * 1000 + 5000).toISOString();
  return `${at.slice(0, 19).replace("T", " ")}+0000`;
}

function userName(displayName: string, role: string, now: number): string {
  return `v-${displayName.slice(0, 8)}-${role.slice(0, 8)}-${base62(20)}-${Math.floor(now / 1000)}`.slice(0, 63);
}

function parseRole(body: MountedRequest["body"], before: Role | undefined): Role {
  const statements = (name: string, old: readonly string[] | undefined) =>
    body[name] === undefined ? (old ?? []) : [body[name]].flat().map(String);
  const role = {
    dbName: textField(body, "db_name") || (before?.dbName ?? ""),
    defaultTtl: parseDuration(body.default_ttl) ?? before?.defaultTtl ?? 0,
    maxTtl: parseDuration(body.max_ttl) ?? before?.maxTtl ?? 0,
    creation: statements("creation_statements", before?.creation),
    renewal: statements("renew_statements", before?.renewal),
    revocation: statements("revocation_statements", before?.revocation),
    rollback: statements("rollback_statements", before?.rollback),
  };
  if (role.dbName === "") throw new Refusal(400, "database name is required");
  return role;
}

function describeRole(role: Role): Record<string, unknown> {
  return {
    creation_statements: role.creation,
    credential_type: "password",
    db_name: role.dbName,
    default_ttl: toSeconds(role.defaultTtl),
    max_ttl: toSeconds(role.maxTtl),
    renew_statements: role.renewal,
    revocation_statements: role.revocation,
    rollback_statements: role.rollback,
  };
}

/** The password stays inside. */
function describeConnection(connection: Connection): Record<string, unknown> {
  return {
    allowed_roles: connection.allowedRoles,
    connection_details: { connection_url: connection.connectionUrl, username: connection.username },
    password_policy: "",
    plugin_name: "postgresql-database-plugin",
    plugin_version: "",
    root_credentials_rotate_statements: [],
  };
}

function describe<T>(thing: T | undefined, words: (thing: T) => Record<string, unknown>): Answer | null {
  return thing === undefined ? null : { data: words(thing) };
}

function keys(things: ReadonlyMap<string, unknown>): Answer | null {
  return things.size === 0 ? null : { data: { keys: [...things.keys()].sort() } };
}
