/** What every part of the contract needs: a server that is set up, Postgres behind it, service accounts. */
import pg from "pg";
import { expect } from "vitest";
import { type Kubernetes, startKubernetes } from "../../dev/kubernetes/token-review.ts";
import { type RunningPostgres, startPostgres } from "../../dev/postgres.ts";
import type { VaultAnswer, VaultApi } from "../../dev/vault/client.ts";
import { type SeedWorld, setUpSeed } from "../../dev/vault/setup.ts";
import type { ContractServer, ServerKind } from "./servers.ts";

export interface World {
  readonly server: ContractServer;
  readonly kubernetes: Kubernetes;
  readonly postgres: RunningPostgres;
  readonly seed: SeedWorld;
  /** With the root token. */
  readonly root: VaultApi;
  /** A login as the seed's application; `role` without a prefix. */
  login(role?: string): Promise<VaultAnswer>;
  /** The same, and the API with the token it gave. */
  session(role?: string): Promise<VaultApi>;
  /** Reads a credential of a database role. */
  read(api: VaultApi, role?: string): Promise<Credential>;
  /** Defines a database role beside the seed's. */
  databaseRole(name: string, settings: Record<string, unknown>): Promise<void>;
  /** Defines an auth role beside the seed's. */
  authRole(name: string, settings: Record<string, unknown>): Promise<void>;
  lookup(leaseId: string): Promise<VaultAnswer>;
  /** Rows of pg_roles: whether the user exists, how long it may log in, whether its password does. */
  validSeconds(username: string): Promise<number | undefined>;
  query(user: Pick<Credential, "username" | "password">, sql: string): Promise<pg.QueryResult>;
  admin(sql: string): Promise<pg.QueryResult>;
  /** Resolves when the user is gone; the server drops it on its own time. */
  gone(username: string): Promise<void>;
  stop(): Promise<void>;
}

export interface Credential {
  readonly leaseId: string;
  readonly leaseSeconds: number;
  readonly username: string;
  readonly password: string;
  readonly answer: VaultAnswer;
}

export async function createWorld(kind: ServerKind): Promise<World> {
  const [postgres, kubernetes] = await Promise.all([startPostgres(), startKubernetes()]);
  const server = await kind.start().catch(async (error: unknown) => {
    await Promise.all([kubernetes.stop(), postgres.stop()]);
    throw error;
  });
  const stopAll = () => Promise.all([server.stop(), kubernetes.stop(), postgres.stop()]);
  const prefix = `lessee-${Math.random().toString(36).slice(2, 8)}-`;
  const { address, token } = server;
  const seed = await setUpSeed({ address, token, postgres, kubernetes, prefix }).catch(async (error: unknown) => {
    await stopAll();
    throw error;
  });
  const root = seed.api;
  const admin = new pg.Pool({ connectionString: postgres.url, max: 2 });
  await admin.query("CREATE TABLE IF NOT EXISTS contract (id int)");
  await root.expect("POST", `${seed.databaseMount}/config/tsb`, { ...connection(postgres), allowed_roles: "*" });

  async function login(role = "pg"): Promise<VaultAnswer> {
    const jwt = kubernetes.signToken({ namespace: "tsb", name: "tsb" });
    return root.as("").send("POST", `auth/${seed.kubernetesMount}/login`, { role, jwt });
  }
  async function validSeconds(username: string): Promise<number | undefined> {
    const { rows } = await admin.query<{ seconds: number }>(
      "SELECT extract(epoch FROM rolvaliduntil - now())::float AS seconds FROM pg_roles WHERE rolname = $1",
      [username],
    );
    return rows[0]?.seconds;
  }

  return {
    server,
    kubernetes,
    postgres,
    seed,
    root,
    login,
    async session(role) {
      const answer = await login(role);
      expect(answer.status, JSON.stringify(answer.body.errors)).toBe(200);
      return root.as(answer.body.auth.client_token);
    },
    async read(api, role = "pg-role") {
      const answer = await api.send("GET", `${seed.databaseMount}/creds/${role}`);
      expect(answer.status, JSON.stringify(answer.body.errors)).toBe(200);
      const { lease_id, lease_duration, data } = answer.body;
      const { username, password } = data as { username: string; password: string };
      return { leaseId: lease_id, leaseSeconds: lease_duration, username, password, answer };
    },
    async databaseRole(name, settings) {
      await root.expect("POST", `${seed.databaseMount}/roles/${name}`, {
        db_name: "tsb",
        default_ttl: "1h",
        max_ttl: "2h",
        creation_statements: CREATION_STATEMENTS,
        ...settings,
      });
    },
    async authRole(name, settings) {
      await root.expect("POST", `auth/${seed.kubernetesMount}/role/${name}`, {
        bound_service_account_names: "*",
        bound_service_account_namespaces: "tsb",
        token_policies: seed.policy,
        ...settings,
      });
    },
    lookup: (leaseId) => root.send("PUT", "sys/leases/lookup", { lease_id: leaseId }),
    validSeconds,
    async query({ username, password }, sql) {
      const client = new pg.Client({ ...connectionOf(postgres), user: username, password });
      client.on("error", () => {});
      await client.connect();
      try {
        return await client.query(sql);
      } finally {
        await client.end();
      }
    },
    admin: (sql) => admin.query(sql),
    gone: (username) => expect.poll(() => validSeconds(username), { interval: 50, timeout: 10_000 }).toBeUndefined(),
    async stop() {
      await admin.end();
      try {
        await seed.remove();
      } finally {
        await stopAll();
      }
    },
  };
}

/** The body of a connection's configuration. */
export function connection({ host, port, user, password, database }: RunningPostgres) {
  return {
    plugin_name: "postgresql-database-plugin",
    connection_url: `postgresql://{{username}}:{{password}}@${host}:${port}/${database}?sslmode=disable`,
    username: user,
    password,
  };
}

function connectionOf({ host, port, database }: RunningPostgres) {
  return { host, port, database };
}

const CREATION_STATEMENTS =
  `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'; ` +
  `GRANT ALL ON ALL TABLES IN SCHEMA public TO "{{name}}";`;
