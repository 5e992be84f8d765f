/** The sample application's tables: what a management plane of a service mesh may keep, as in the document's `\du` example. */
import pg from "pg";

const TABLES = `
CREATE TABLE application (
  id integer PRIMARY KEY,
  name text NOT NULL UNIQUE,
  tenant text NOT NULL
);
CREATE TABLE assignment (
  id integer PRIMARY KEY,
  application integer NOT NULL REFERENCES application,
  team text NOT NULL,
  role text NOT NULL
);
CREATE TABLE association (
  application integer NOT NULL REFERENCES application,
  workspace text NOT NULL,
  used bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (application, workspace)
);
INSERT INTO application
  SELECT n, 'service-' || n, (ARRAY['payments', 'shop', 'search', 'identity'])[1 + n % 4] FROM generate_series(1, 200) n;
INSERT INTO assignment
  SELECT n, 1 + n % 200, 'team-' || n % 17, (ARRAY['reader', 'writer', 'admin'])[1 + n % 3] FROM generate_series(1, 600) n;
INSERT INTO association
  SELECT n, 'workspace-' || w FROM generate_series(1, 200) n, generate_series(1, 3) w;
ANALYZE;
`;

/** Creates and fills `application`, `assignment` and `association` in the database of `url`. */
export async function createTables(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(TABLES);
  } finally {
    await client.end();
  }
}
