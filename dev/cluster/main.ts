/**
 * Postgres and the emulated Vault in a pod, set up as the seed says, with service accounts that the cluster itself reviews:
 * `node dev/cluster/main.ts`. Vault at :8200, Postgres at :5432, and at :8080 `/users`, what is in the database now.
 */
import { readFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { connect, createServer } from "node:net";
import pg from "pg";
import { createTables } from "../postgres/tsb.ts";
import { startPostgres } from "../postgres.ts";
import { startEmulatedVault } from "../vault/emulated-vault.ts";
import { setUpSeed } from "../vault/setup.ts";

const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";
const { env } = process;

const postgres = await startPostgres({ maxConnections: 200 });
await createTables(postgres.url);
const vault = await startEmulatedVault({ rootToken: "s.root-of-the-cluster-0000000", host: "0.0.0.0", port: 8200 });
await setUpSeed({
  address: "http://127.0.0.1:8200",
  token: vault.rootToken,
  postgres,
  kubernetes: {
    address: `https://${env.KUBERNETES_SERVICE_HOST}:${env.KUBERNETES_SERVICE_PORT}`,
    caCertificate: await readFile(`${ACCOUNT}/ca.crt`, "utf8"),
    reviewerJwt: await readFile(`${ACCOUNT}/token`, "utf8"),
  },
  ttl: { default: env.DEFAULT_TTL ?? "20s", max: env.MAX_TTL ?? "40s" },
});

// It answers on this machine only: other pods come through here.
createServer((client) => {
  const server = connect(postgres.port, postgres.host);
  for (const [from, to] of [
    [client, server],
    [server, client],
  ] as const)
    from
      .on("error", () => to.destroy())
      .on("close", () => to.destroy())
      .pipe(to);
}).listen(5432);

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
