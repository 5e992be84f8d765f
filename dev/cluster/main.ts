/**
 * Postgres and Vault in a pod, set up as the seed says, with service accounts that the cluster itself reviews:
 * `node dev/cluster/main.ts`. Vault at :8200, Postgres at :5432, and at :8080 `/users`, what is in the database now.
 * Vault is the emulated one, or the real server that VAULT_BIN names.
 */
import { readFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { connect, createServer } from "node:net";
import pg from "pg";
import { createTables } from "../postgres/tsb.ts";
import { startPostgres } from "../postgres.ts";
import { startDevServer } from "../vault/binary.ts";
import { startEmulatedVault } from "../vault/emulated-vault.ts";
import { setUpSeed } from "../vault/setup.ts";

const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";
const { env } = process;

const postgres = await startPostgres({ maxConnections: 200 });
await createTables(postgres.url);
const rootToken = "root-of-the-cluster";
const vault = env.VAULT_BIN ? await startDevServer(env.VAULT_BIN, rootToken) : await startEmulatedVault({ rootToken });
await setUpSeed({
  address: vault.address,
  token: rootToken,
  postgres,
  kubernetes: {
    address: `https://${env.KUBERNETES_SERVICE_HOST}:${env.KUBERNETES_SERVICE_PORT}`,
    caCertificate: await readFile(`${ACCOUNT}/ca.crt`, "utf8"),
    reviewerJwt: await readFile(`${ACCOUNT}/token`, "utf8"),
  },
  ttl: { default: "30s", max: "60s" },
  // In an hour no more than 6 users may be made, which is soon over with this one: whoever uses it allows more.
  roles: { "brief-role": { default: "20s", max: "40s" }, "troubled-role": { default: "60s", max: "120s" } },
});
forward(8200, Number(new URL(vault.address).port));
forward(5432, postgres.port);

const database = new pg.Client({ connectionString: postgres.url });
await database.connect();
createHttpServer((_, response) => {
  database
    .query<{ name: string; sessions: number }>(
      `SELECT rolname AS name, count(pid)::int AS sessions
       FROM pg_roles LEFT JOIN pg_stat_activity ON usename = rolname
       WHERE rolname LIKE 'v-%' GROUP BY rolname ORDER BY rolname`,
    )
    .then(
      ({ rows }) => response.end(JSON.stringify(rows)),
      (error) => response.writeHead(500).end(String(error)),
    );
}).listen(8080, () => console.log("ready"));

process.once("SIGTERM", () => void Promise.all([postgres.stop(), vault.stop()]).then(() => process.exit(0)));

/** Both answer on this machine only: other pods come through here. */
function forward(port: number, to: number): void {
  createServer((client) => {
    const server = connect(to, "127.0.0.1");
    for (const [from, other] of [
      [client, server],
      [server, client],
    ] as const)
      from
        .on("error", () => other.destroy())
        .on("close", () => other.destroy())
        .pipe(other);
  }).listen(port);
}
