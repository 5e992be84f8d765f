/** What all pods of the fault matrix share: one Postgres and one cluster. Each pod has a table and a role of its own. */
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { type Kubernetes, startKubernetes } from "../../dev/kubernetes/token-review.ts";
import { type RunningPostgres, startPostgres } from "../../dev/postgres.ts";

export interface Ground {
  readonly postgres: RunningPostgres;
  readonly kubernetes: Kubernetes;
  readonly folder: string;
  /** A number of its own for each pod, with a table of that name. */
  plot(): Promise<string>;
  /** A function without arguments, which everybody may call. */
  define(name: string, body: string): Promise<void>;
  /** Users of a pod's role that there are at this moment. */
  users(plot: string): Promise<readonly string[]>;
  stop(): Promise<void>;
}

export async function prepareGround(): Promise<Ground> {
  const [postgres, kubernetes] = await Promise.all([startPostgres({ maxConnections: 400 }), startKubernetes()]);
  const admin = new pg.Pool({ connectionString: postgres.url, max: 4 });
  admin.on("error", () => {});
  const folder = await fs.mkdtemp(join(tmpdir(), "faults-"));
  let plots = 0;
  return {
    postgres,
    kubernetes,
    folder,
    async plot() {
      const name = `p${++plots}`;
      await admin.query(`CREATE TABLE ${name} (id int)`);
      await fs.mkdir(join(folder, name));
      return name;
    },
    async define(name, body) {
      await admin.query(
        `CREATE OR REPLACE FUNCTION ${name}() RETURNS int LANGUAGE plpgsql AS $$ BEGIN ${body} RETURN 1; END $$`,
      );
    },
    async users(plot) {
      const like = `v-kubernet-${plot}-%`;
      const { rows } = await admin.query("SELECT rolname FROM pg_roles WHERE rolname LIKE $1 ORDER BY oid", [like]);
      return rows.map(({ rolname }: { rolname: string }) => rolname);
    },
    async stop() {
      await admin.end();
      await Promise.all([postgres.stop(), kubernetes.stop(), fs.rm(folder, { recursive: true, force: true })]);
    },
  };
}
