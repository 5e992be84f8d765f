/**
 * `node bench/many.ts` after `npm run build`: 300 templates with a dynamic credential each. Measured are the time until
 * the last file is written, the most memory until then, and the memory and the processor time of idling with all of them.
 * With VAULT_BIN (a `vault` or `bao`), its agent is measured in turn with ours, and both once more against its server.
 * Options: --leases N, --runs N, --idle SECONDS, --only lessee, --server emulated|real, --markdown.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type RunningPostgres, startPostgres } from "../dev/postgres.ts";
import { startDevServer } from "../dev/vault/binary.ts";
import { type VaultApi, vaultApi } from "../dev/vault/client.ts";
import { environment, megabytes, nameOf, type Program, processorTime } from "./measure.ts";
import { optionsOf } from "./options.ts";
import { cells, markdown, type Row, text } from "./table.ts";
import { startVault } from "./world.ts";

interface Figures {
  readonly written: number;
  readonly peak: number;
  readonly rss: number;
  readonly anonymous: number;
  readonly cpu: number;
}

const ROOT_TOKEN = "bench-root";
/** V8 tidies up some ten seconds after the last work; that is no idling yet. */
const SETTLE = 20_000;
const PATIENCE = 120_000;

const values = optionsOf({
  leases: { type: "string", default: "300" },
  runs: { type: "string", default: "5" },
  idle: { type: "string", default: "20" },
  only: { type: "string" },
  server: { type: "string" },
  markdown: { type: "boolean", default: false },
});
const leases = Number(values.leases);
const idle = Number(values.idle) * 1_000;
const other = process.env.VAULT_BIN;
const all: readonly Program[] = [
  { name: "lessee", command: [process.env.LESSEE_BIN ?? join(import.meta.dirname, "../bin/lessee"), "agent"] },
  ...(other ? [{ name: nameOf(other), command: [other, "agent"] as const }] : []),
];
const programs = all.filter(({ name }) => values.only === undefined || name === values.only);

await using undo = new AsyncDisposableStack();
const folder = await mkdtemp(join(tmpdir(), "lessee-bench-"));
undo.defer(() => rm(folder, { recursive: true, force: true }));
const postgres = await startPostgres();
undo.defer(() => postgres.stop());

const servers = [
  { name: "emulated", start: () => startVault(ROOT_TOKEN) },
  ...(other ? [{ name: "real", start: () => startDevServer(other, ROOT_TOKEN) }] : []),
].filter(({ name }) => values.server === undefined || name === values.server);
const header = ["median (least–most)", "lessee", all[1]?.name ?? "VAULT_BIN", "ratio", "limit", "verdict"];
for (const { name, start } of servers) {
  const server = await start();
  try {
    const api = vaultApi(server.address, ROOT_TOKEN);
    await setUp(api, postgres);
    const rows = await measure(server.address, api);
    console.log(`\n${leases} leases, ${name} server\n`);
    console.log((values.markdown ? markdown : text)(header, rows.map(cells)));
  } finally {
    await server.stop();
  }
}
console.log(
  `\n${cpus().length} × ${cpus()[0]?.model.trim()}, Node ${process.versions.node}; ${values.runs} runs, ${values.idle} s of idling; agent, server and Postgres share the machine`,
);

async function setUp(api: VaultApi, { host, port, user, password, database }: RunningPostgres): Promise<void> {
  await api.expect("POST", "sys/mounts/database", { type: "database" });
  await api.expect("POST", "database/config/bench", {
    plugin_name: "postgresql-database-plugin",
    allowed_roles: "*",
    connection_url: `postgresql://{{username}}:{{password}}@${host}:${port}/${database}?sslmode=disable`,
    username: user,
    password,
  });
  for (let number = 0; number < leases; number++) {
    await api.expect("POST", `database/roles/role-${number}`, {
      db_name: "bench",
      default_ttl: "12h",
      max_ttl: "24h",
      creation_statements: `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';`,
    });
  }
  await api.expect("PUT", "sys/policies/acl/bench", {
    policy: 'path "database/creds/*" { capabilities = ["read"] }',
  });
}

/** The programs take turns, so that both see the same state of the machine. */
async function measure(address: string, api: VaultApi): Promise<readonly Row[]> {
  const figures = programs.map((): Figures[] => []);
  for (let run = 0; run < Number(values.runs); run++) {
    for (const [index, program] of programs.entries()) {
      figures[index]?.push(await runOnce(program, address, api));
      // What was lent must not be on the next one's account.
      await api.expect("PUT", "sys/leases/revoke-prefix/database/creds", { sync: true });
    }
  }
  const row = (name: string, unit: string, figure: keyof Figures): Row => {
    const [ours = [], theirs] = figures.map((runs) => runs.map((one) => one[figure]));
    return { name, unit, ours, ...(theirs ? { theirs } : {}) };
  };
  return [
    row("start to the last file written", "s", "written"),
    row("peak memory, RSS", "MB", "peak"),
    row("idle memory, RSS", "MB", "rss"),
    row("of which not shareable", "MB", "anonymous"),
    row("idle processor time", "ms/s", "cpu"),
  ];
}

async function runOnce(
  { name, command: [command, ...first] }: Program,
  address: string,
  api: VaultApi,
): Promise<Figures> {
  const home = await mkdtemp(join(folder, "run-"));
  const secrets = join(home, "secrets");
  for (const path of [secrets, join(home, "identity")]) await mkdir(path);
  const { body } = await api.expect("POST", "auth/token/create", { policies: ["bench"], ttl: "24h", no_parent: true });
  const config = join(home, "agent.hcl");
  await writeFile(join(home, "identity", "token"), String((body.auth as { client_token: string }).client_token));
  await writeFile(config, configuration(address, home, secrets));
  const began = performance.now();
  const child = spawn(command, [...first, `-config=${config}`], {
    env: environment(home),
    stdio: "ignore",
  });
  try {
    while (readdirSync(secrets).filter((file) => file.endsWith(".yaml")).length < leases) {
      if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}`);
      if (performance.now() - began > PATIENCE) {
        console.error(`${name} has written ${readdirSync(secrets).length} of ${leases} files in ${PATIENCE / 1000} s`);
        break;
      }
      await sleep(20);
    }
    const written = (performance.now() - began) / 1_000;
    const pid = child.pid as number;
    const peak = megabytes(await readFile(`/proc/${pid}/status`, "utf8"), "VmHWM");
    if (idle > 0) await sleep(SETTLE);
    const before = await processorTime(pid);
    await sleep(idle);
    const cpu = ((await processorTime(pid)) - before) / (idle / 1_000);
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    return { written, peak, rss: megabytes(status, "VmRSS"), anonymous: megabytes(status, "RssAnon"), cpu };
  } finally {
    child.kill("SIGTERM");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
}

function configuration(address: string, home: string, secrets: string): string {
  const templates = Array.from({ length: leases }, (_, number) => {
    const contents = `{{ with secret \\"database/creds/role-${number}\\" }}username: {{ .Data.username }}\\npassword: {{ .Data.password }}\\n{{ end }}`;
    return `template {\n  destination = "${join(secrets, `${number}.yaml`)}"\n  contents = "${contents}"\n}`;
  });
  return `vault { address = "${address}" }
auto_auth {
  method "token_file" { config = { token_file_path = "${join(home, "identity", "token")}" } }
}
health { address = "127.0.0.1:0" }
state  { path = "${join(home, "state")}" }
${templates.join("\n")}
`;
}
