/** What the server says about the credentials of a configuration: it is logged in to, and asked for nothing that lasts. */
import { parseAuthMethod } from "../auth/methods.ts";
import type { AgentConfig, AutoAuthConfig } from "../config/types.ts";
import { describe, LesseeError, VaultError } from "../errors.ts";
import { JsonNumber, type JsonValue } from "../json.ts";
import type { Facts, LeaseFacts, TokenFacts, UserFacts } from "../lease/forecast.ts";
import { type Login, logInOnce } from "../lease/keeping/login.ts";
import { askRights } from "../lease/keeping/rights.ts";
import { incrementFor, leadOf } from "../lease/schedule.ts";
import type { Policy } from "../lease/state.ts";
import type { Databases, Files, World } from "../ports.ts";
import { Sensitive } from "../sensitive.ts";
import type { Mount, VaultClient } from "../vault/client.ts";
import { openVault } from "../vault/connect.ts";
import type { VaultSecret } from "../vault/secret.ts";

export interface Asked {
  readonly path: string;
  readonly policy: Policy;
  readonly databases: Databases | null;
}

export interface AskOptions {
  readonly config: AgentConfig;
  readonly autoAuth: AutoAuthConfig;
  readonly world: World;
  /** A user is made for each path, looked at, and given back. */
  readonly makesUsers: boolean;
  readonly stop: AbortSignal;
  learn(secret: Sensitive<string>): void;
  /** What could not be found out, and why. */
  note(text: string): void;
}

export const NOTHING_KNOWN: Facts = { token: null, lease: null, rights: null, user: null, statements: null };

/** Vault's default for default_lease_ttl and max_lease_ttl. */
const SERVER_TTL = 768 * 3_600_000;
/** The server answers with what there is (rule M1). */
const PROBE_SECONDS = 99_999_999;

/** By path. Rejects with a LesseeError where nobody can log in. */
export async function askServer(paths: readonly Asked[], options: AskOptions): Promise<ReadonlyMap<string, Facts>> {
  const { autoAuth, config, learn, stop, world } = options;
  const method = parseAuthMethod(autoAuth.method.type, autoAuth.method.config);
  if (autoAuth.method.config.secret_id_response_wrapping_path !== undefined)
    throw new LesseeError("explain", "logging in would open the wrapped secret id, which can be opened once only");
  const vault = await openVault(config.vault, autoAuth.method.namespace, world, () => {});
  const { client } = vault;
  try {
    const { mountPath } = autoAuth.method;
    const files = withoutRemoving(world.files);
    const login = await logInOnce(
      { client, method, mountPath, files, clock: world.clock, emit: () => {}, learn },
      stop,
    );
    const borrowed = method.borrowsToken === true;
    try {
      const token = await tokenFacts(client, login, borrowed, options);
      const found = new Map<string, Facts>();
      for (const one of paths) found.set(one.path, await factsOf(one, client, login, token, options));
      return found;
    } finally {
      // The token of a login of ours leaves nothing behind.
      if (!borrowed && login.type !== "batch") await client.revokeSelf(login.token).catch(() => undefined);
    }
  } finally {
    vault.transport.close();
  }
}

// ---- internal ----

/** A login must not use up what the sidecar needs for its own. */
function withoutRemoving(files: Files): Files {
  return {
    ...files,
    readFile: files.readFile,
    readlink: files.readlink,
    stat: files.stat,
    unlink: async () => undefined,
  };
}

async function tokenFacts(
  client: VaultClient,
  login: Login,
  borrowed: boolean,
  { note }: AskOptions,
): Promise<TokenFacts> {
  const never = Number.POSITIVE_INFINITY;
  const { numUses, renewable, type } = login;
  const ttl = login.durationSeconds === 0 ? never : login.durationSeconds * 1_000;
  const base = { numUses, renewable, type, ttl, period: 0, orphan: true };
  // Every further request would take one of its uses.
  if (numUses > 0) return { ...base, maxTtl: null };
  const info = await client.lookupSelf(login.token).catch((error) => {
    note(`the token may not be looked up: ${describe(error)}`);
    return null;
  });
  const explicit = info === null || info.explicitMaxTtlSeconds === 0 ? never : info.explicitMaxTtlSeconds * 1_000;
  const period = (info?.periodSeconds ?? 0) * 1_000;
  const looked = { ...base, period, orphan: info?.orphan ?? true };
  if (period > 0 || ttl === never) return { ...looked, maxTtl: explicit };
  if (!renewable || type === "batch") return { ...looked, maxTtl: ttl };
  // Somebody else's token is not made to live longer than its owner wants.
  if (borrowed) return { ...looked, maxTtl: explicit === never ? null : explicit };
  try {
    const { durationSeconds } = await client.renewSelf(login.token, PROBE_SECONDS);
    return { ...looked, maxTtl: Math.min(explicit, durationSeconds * 1_000) };
  } catch (error) {
    note(`the token's max TTL cannot be asked for: ${describe(error)}`);
    return { ...looked, maxTtl: explicit === never ? null : explicit };
  }
}

async function factsOf(
  one: Asked,
  client: VaultClient,
  login: Login,
  token: TokenFacts,
  options: AskOptions,
): Promise<Facts> {
  if (token.numUses > 0) return { ...NOTHING_KNOWN, token };
  const { note } = options;
  const rights = await askRights(client, login.token, one.path).catch((error) => {
    note(`what the token may do cannot be asked for: ${describe(error)}`);
    return null;
  });
  const role = await roleOf(one.path, client, login, note).catch((error) => {
    if (!(error instanceof VaultError && error.status === 403)) note(`the role cannot be read: ${describe(error)}`);
    return null;
  });
  const facts = { token, rights, lease: role?.lease ?? null, statements: role?.statements ?? null, user: null };
  if (!options.makesUsers || rights?.read === false) return facts;
  const made = await makeUser(one, client, login, options);
  return { ...facts, lease: made.lease, user: made.user };
}

/** The definition of the database role, which few policies let anybody read. */
async function roleOf(
  path: string,
  client: VaultClient,
  { token }: Login,
  note: AskOptions["note"],
): Promise<{ lease: LeaseFacts; statements: Facts["statements"] } | null> {
  const [, mount, name] = /^(.+)\/creds\/([^/]+)$/.exec(path) ?? [];
  if (mount === undefined) return null;
  const data = (await client.read(token, `${mount}/roles/${name}`))?.data.reveal();
  if (!data) return null;
  const ttls = { ttl: milliseconds(data.default_ttl), maxTtl: milliseconds(data.max_ttl) };
  const statements = { creation: lines(data.creation_statements), revocation: lines(data.revocation_statements) };
  const lease = effective(ttls, await client.mountOf(token, path), (what) => note(`${path}: ${what}`));
  return { lease, statements };
}

/** Where the role says nothing its mount does, else the server; and neither lets it pass its own maximum. */
function effective(
  { ttl, maxTtl }: { readonly ttl: number; readonly maxTtl: number },
  mount: Mount | null,
  note: (what: string) => void,
): LeaseFacts {
  const [mountTtl, mountMax] = [mount?.defaultTtlSeconds ?? 0, mount?.maxTtlSeconds ?? 0].map((one) => one * 1_000);
  if ((maxTtl || mountMax) === 0 || (ttl || mountTtl) === 0)
    note("role and mount do not say all TTLs: those of the server are taken to be Vault's own, 768h");
  const most = mountMax || SERVER_TTL;
  const longest = maxTtl === 0 ? most : Math.min(maxTtl, most);
  return { renewable: true, ttl: Math.min(ttl || mountTtl || SERVER_TTL, longest), maxTtl: longest };
}

/** Read, renewed as a sidecar renews it, logged in with, and given back. */
async function makeUser(
  { databases, path, policy }: Asked,
  client: VaultClient,
  { token }: Login,
  { learn, note, stop }: AskOptions,
): Promise<{ lease: LeaseFacts | null; user: UserFacts | null }> {
  const secret = await client.read(token, path);
  if (secret === null || secret.lease.id === "") {
    note(`${path}: what is read there has no lease`);
    return { lease: null, user: null };
  }
  const { durationSeconds, id, renewable } = secret.lease;
  const ttl = durationSeconds * 1_000;
  try {
    const most = renewable ? await client.renewLease(token, id, PROBE_SECONDS).catch(() => null) : null;
    const lease = { renewable, ttl, maxTtl: most === null ? (renewable ? null : ttl) : most.seconds * 1_000 };
    const asked = incrementFor(ttl, leadOf(policy, lease.maxTtl ?? ttl)) / 1_000;
    const renewed = most === null ? null : await client.renewLease(token, id, asked).catch(() => null);
    const leaseFor = renewed === null ? ttl : renewed.seconds * 1_000;
    return { lease, user: await userFacts(secret, databases, leaseFor) };
  } finally {
    await giveBack(id, client, token, note);
  }

  async function userFacts(from: VaultSecret, asks: Databases | null, leaseFor: number): Promise<UserFacts | null> {
    const { password, username } = from.data.reveal() ?? {};
    if (asks === null || typeof username !== "string" || typeof password !== "string") return null;
    const user = { username, password: new Sensitive(password) };
    learn(user.password);
    try {
      // First, because how many sessions they have is how much room another user needs.
      const others = await asks.others(user, stop);
      const { room, warnings, ...seen } = await asks.verify(user, stop);
      const owners = others.filter(({ owned }) => owned > 0);
      return { ...seen, warnings: [...warnings, ...room], leaseFor, owners };
    } catch (error) {
      note(`Postgres does not let the user in: ${describe(error)}`);
      return null;
    }
  }
}

async function giveBack(
  lease: string,
  client: VaultClient,
  token: Sensitive<string>,
  note: AskOptions["note"],
): Promise<void> {
  try {
    await client.revokeLease(token, lease, true).catch(() => client.renewLease(token, lease, 1));
  } catch (error) {
    note(`${lease} could not be given back: it ends with the token of this command (${describe(error)})`);
  }
}

function milliseconds(value: JsonValue | undefined): number {
  return value instanceof JsonNumber ? value.toNumber() * 1_000 : 0;
}

function lines(value: JsonValue | undefined): string {
  return Array.isArray(value) ? value.map(String).join("\n") : "";
}
