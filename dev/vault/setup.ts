/** The seed's set-up, through the HTTP API of any server: the database engine, the policy, the Kubernetes roles. */
import { type VaultApi, vaultApi } from "./client.ts";

export interface SeedOptions {
  readonly address: string;
  /** May mount, write policies and remove them again. */
  readonly token: string;
  /** Postgres as the server reaches it, with a user that may make users. */
  readonly postgres: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: string;
    readonly database: string;
  };
  /** The cluster that reviews service account tokens. */
  readonly kubernetes: { readonly address: string; readonly caCertificate: string; readonly reviewerJwt: string };
  /** Put before the names of mounts and policy; `lessee-` on a server that is somebody else's. Default none. */
  readonly prefix?: string;
  /** Of database roles beside `pg-role`, by their names: the same users, with other TTLs. */
  readonly roles?: Readonly<Record<string, { readonly default: string; readonly max: string }>>;
  /** As the server takes durations: seconds, or text as `12h`. */
  readonly ttl?: {
    readonly default?: string | number;
    readonly max?: string | number;
    readonly token?: string | number;
    readonly tokenMax?: string | number;
  };
}

export interface SeedWorld {
  readonly api: VaultApi;
  /** Without slashes, e.g. `database`. */
  readonly databaseMount: string;
  /** Without `auth/`, e.g. `kubernetes`. */
  readonly kubernetesMount: string;
  readonly policy: string;
  /** What the application's credential is read from, e.g. `database/creds/pg-role`. */
  readonly credentialPath: string;
  /** Takes everything away again; users that are still lent are dropped. */
  remove(): Promise<void>;
}

export async function setUpSeed(options: SeedOptions): Promise<SeedWorld> {
  const { prefix = "" } = options;
  const api = vaultApi(options.address, options.token);
  const databaseMount = `${prefix}database`;
  const kubernetesMount = `${prefix}kubernetes`;
  const policy = `${prefix}pg-auth`;

  async function remove(): Promise<void> {
    // The leases first: once their tokens end, the server drops users of its own accord, several at once.
    const paths = [`sys/mounts/${databaseMount}`, `sys/auth/${kubernetesMount}`, `sys/policies/acl/${policy}`];
    const failures: unknown[] = [];
    for (const path of paths) await removePath(api, path).catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw new AggregateError(failures, `the set-up could not be taken away: ${failures[0]}`);
  }

  try {
    await setUpDatabase(api, databaseMount, options);
    await api.expect("PUT", `sys/policies/acl/${policy}`, {
      policy: `path "${databaseMount}/creds/*" { capabilities = ["read"] }\n`,
    });
    await setUpKubernetes(api, kubernetesMount, policy, options);
  } catch (error) {
    // Half a set-up is not left on somebody's server; why it failed matters more than what could not be removed.
    await remove().catch(() => {});
    throw error;
  }
  return { api, databaseMount, kubernetesMount, policy, credentialPath: `${databaseMount}/creds/pg-role`, remove };
}

/** Postgres fails one of two revocations that change a table's grants at the same moment; the next try succeeds. */
async function removePath(api: VaultApi, path: string, attempts = 5): Promise<void> {
  for (let left = attempts - 1; ; left--) {
    const answer = await api.send("DELETE", path);
    if (answer.status < 400) return;
    const reason = answer.body.errors.join("; ");
    if (left === 0 || !reason.includes("tuple concurrently updated")) throw new Error(`DELETE ${path}: ${reason}`);
  }
}

async function setUpDatabase(api: VaultApi, mount: string, options: SeedOptions): Promise<void> {
  const { postgres, ttl = {} } = options;
  const roles = { "pg-role": { default: ttl.default ?? "12h", max: ttl.max ?? "24h" }, ...options.roles };
  await api.expect("POST", `sys/mounts/${mount}`, { type: "database" });
  await api.expect("POST", `${mount}/config/tsb`, {
    plugin_name: "postgresql-database-plugin",
    allowed_roles: Object.keys(roles).join(","),
    connection_url: `postgresql://{{username}}:{{password}}@${postgres.host}:${postgres.port}/${postgres.database}?sslmode=disable`,
    username: postgres.user,
    password: postgres.password,
  });
  for (const [role, { default: usual, max }] of Object.entries(roles))
    await api.expect("POST", `${mount}/roles/${role}`, {
      db_name: "tsb",
      default_ttl: usual,
      max_ttl: max,
      creation_statements: CREATION_STATEMENTS,
    });
}

async function setUpKubernetes(
  api: VaultApi,
  mount: string,
  policy: string,
  { kubernetes, ttl = {} }: SeedOptions,
): Promise<void> {
  await api.expect("POST", `sys/auth/${mount}`, { type: "kubernetes" });
  await api.expect("POST", `auth/${mount}/config`, {
    token_reviewer_jwt: kubernetes.reviewerJwt,
    kubernetes_host: kubernetes.address,
    kubernetes_ca_cert: kubernetes.caCertificate,
  });
  for (const { role, serviceAccount, namespace } of KUBERNETES_ROLES) {
    await api.expect("POST", `auth/${mount}/role/${role}`, {
      bound_service_account_names: serviceAccount,
      bound_service_account_namespaces: namespace,
      policies: policy,
      ttl: ttl.token ?? "1h",
      token_max_ttl: ttl.tokenMax ?? 0,
    });
  }
}

const CREATION_STATEMENTS =
  `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'; ` +
  `GRANT ALL ON ALL TABLES IN SCHEMA public TO "{{name}}";`;

const KUBERNETES_ROLES = [
  { role: "pg", serviceAccount: "*", namespace: "tsb" },
  { role: "spm", serviceAccount: "tcc-spm", namespace: "tcc" },
  { role: "oap", serviceAccount: "tcc-oap", namespace: "tcc" },
];
