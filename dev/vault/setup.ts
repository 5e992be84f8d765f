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
  const { postgres, kubernetes, prefix = "", ttl = {} } = options;
  const api = vaultApi(options.address, options.token);
  const databaseMount = `${prefix}database`;
  const kubernetesMount = `${prefix}kubernetes`;
  const policy = `${prefix}pg-auth`;

  await api.expect("POST", `sys/mounts/${databaseMount}`, { type: "database" });
  await api.expect("POST", `${databaseMount}/config/tsb`, {
    plugin_name: "postgresql-database-plugin",
    allowed_roles: "pg-role",
    connection_url: `postgresql://{{username}}:{{password}}@${postgres.host}:${postgres.port}/${postgres.database}?sslmode=disable`,
    username: postgres.user,
    password: postgres.password,
  });
  await api.expect("POST", `${databaseMount}/roles/pg-role`, {
    db_name: "tsb",
    default_ttl: ttl.default ?? "12h",
    max_ttl: ttl.max ?? "24h",
    creation_statements: CREATION_STATEMENTS,
  });
  await api.expect("PUT", `sys/policies/acl/${policy}`, {
    policy: `path "${databaseMount}/creds/*" { capabilities = ["read"] }\n`,
  });
  await api.expect("POST", `sys/auth/${kubernetesMount}`, { type: "kubernetes" });
  await api.expect("POST", `auth/${kubernetesMount}/config`, {
    token_reviewer_jwt: kubernetes.reviewerJwt,
    kubernetes_host: kubernetes.address,
    kubernetes_ca_cert: kubernetes.caCertificate,
  });
  for (const { role, serviceAccount, namespace } of KUBERNETES_ROLES) {
    await api.expect("POST", `auth/${kubernetesMount}/role/${role}`, {
      bound_service_account_names: serviceAccount,
      bound_service_account_namespaces: namespace,
      policies: policy,
      ttl: ttl.token ?? "1h",
      token_max_ttl: ttl.tokenMax ?? 0,
    });
  }

  return {
    api,
    databaseMount,
    kubernetesMount,
    policy,
    credentialPath: `${databaseMount}/creds/pg-role`,
    async remove() {
      await api.expect("DELETE", `sys/auth/${kubernetesMount}`);
      await api.expect("DELETE", `sys/mounts/${databaseMount}`);
      await api.expect("DELETE", `sys/policies/acl/${policy}`);
    },
  };
}

const CREATION_STATEMENTS =
  `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'; ` +
  `GRANT ALL ON ALL TABLES IN SCHEMA public TO "{{name}}";`;

const KUBERNETES_ROLES = [
  { role: "pg", serviceAccount: "*", namespace: "tsb" },
  { role: "spm", serviceAccount: "tcc-spm", namespace: "tcc" },
  { role: "oap", serviceAccount: "tcc-oap", namespace: "tcc" },
];
