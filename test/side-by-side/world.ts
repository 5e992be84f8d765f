/**
 * The real agent and ours, each as the process that it is, with the same configuration in front of the same server: the
 * real one of VAULT_BIN, else the emulated one, in front of which ours goes through the same tests alone.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, onTestFailed, onTestFinished } from "vitest";
import { freePort } from "../../dev/free-port.ts";
import { type Guard, startGuard } from "../../dev/guard.ts";
import { startPostgres } from "../../dev/postgres.ts";
import { startDevServer } from "../../dev/vault/binary.ts";
import { type VaultApi, vaultApi } from "../../dev/vault/client.ts";
import { startEmulatedVault } from "../../dev/vault/emulated-vault.ts";
import { page, rows } from "../docs/markdown.ts";

export interface Side {
  readonly is: "lessee" | "real";
  readonly name: string;
  readonly command: string;
}

const BINARY = process.env.VAULT_BIN;
const LAUNCHER = new URL("../../bin/lessee", import.meta.url).pathname;

const OURS: Side = { is: "lessee", name: "lessee", command: LAUNCHER };

/** The same tests for each side; the real one's are skipped, by name, where there is none. */
export function onBothSides(what: string, tests: (side: Side) => void): void {
  describe(`${what}: lessee`, () => tests(OURS));
  describe.skipIf(BINARY === undefined)(`${what}: the real agent (VAULT_BIN)`, () =>
    tests({ is: "real", name: "the real agent", command: BINARY ?? "" }),
  );
}

/** What a side does where they differ on purpose; the row of docs/divergences.md begins with these words. */
export function differs<T>(side: Side, row: string, { real, lessee }: { readonly real: T; readonly lessee: T }): T {
  const known = rows(page("docs/divergences.md"), /^## /).some(([first = ""]) => first.startsWith(row));
  if (!known) throw new Error(`docs/divergences.md has no row that begins with: ${row}`);
  return side.is === "real" ? real : lessee;
}

export interface World {
  readonly address: string;
  /** With the root token. */
  readonly root: VaultApi;
  /** A token that may read `database/creds/app` and everything below `secret/`. */
  readonly token: string;
  readonly accessor: string;
  start(
    side: Side,
    configuration: (place: Place) => string | Promise<string>,
    args?: readonly string[],
    within?: Within,
  ): Promise<Running>;
  stop(): Promise<void>;
}

/** Another command in the place of the agent's own, which it gets; its input is what `write` is given. */
export type Within = (command: readonly string[]) => readonly string[];

export interface Place {
  readonly folder: string;
  readonly port: number;
  /** `vault` and `auto_auth` up to its sinks: `login("sink …")`. */
  login(more?: string): string;
  /** With `tls_disable`, at the place's port. */
  listener(more?: string): string;
}

export interface Running {
  readonly pid: number;
  readonly folder: string;
  readonly url: string;
  output(): string;
  /** To what the agent was started within. */
  write(text: string): void;
  /** Resolves when what is asked for is so; rejects when the process ends before that. */
  until<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T>;
  signal(signal: NodeJS.Signals): void;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

const ROOT_TOKEN = "root-of-both-sides";

export async function startWorld(): Promise<World> {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "lessee-both-"));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const guard = startGuard(folder);
  undo.defer(() => guard.dismiss());
  const postgres = await startPostgres();
  undo.defer(() => postgres.stop());
  const server = BINARY
    ? await startDevServer(BINARY, ROOT_TOKEN)
    : await startEmulatedVault({ rootToken: ROOT_TOKEN });
  undo.defer(() => server.stop());
  const { address } = server;
  const root = vaultApi(address, ROOT_TOKEN);
  const { host, port, user, password, database } = postgres;
  if (!BINARY)
    await root.expect("POST", "sys/mounts/secret", { type: "kv", options: { version: "2" } }).catch(() => {});
  await root.expect("POST", "sys/mounts/database", { type: "database" });
  await root.expect("POST", "database/config/app", {
    plugin_name: "postgresql-database-plugin",
    allowed_roles: "*",
    connection_url: `postgresql://{{username}}:{{password}}@${host}:${port}/${database}?sslmode=disable`,
    username: user,
    password,
  });
  for (const role of ["app", "other"]) {
    await root.expect("POST", `database/roles/${role}`, {
      db_name: "app",
      default_ttl: "10m",
      max_ttl: "1h",
      creation_statements: `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';`,
    });
  }
  await root.expect("PUT", "sys/policies/acl/app", {
    policy: `path "database/creds/*" { capabilities = ["read"] }
path "secret/*" { capabilities = ["create", "read", "update", "list"] }
`,
  });
  const { body } = await root.expect("POST", "auth/token/create", { policies: ["app"], ttl: "1h", no_parent: true });
  const { client_token: token, accessor } = body.auth as { client_token: string; accessor: string };
  const held = undo.move();
  return {
    address,
    root,
    token,
    accessor,
    start: (side, configuration, args = [], within) =>
      start(side, { folder, address, token, guard, port: 0 }, configuration, args, within),
    async stop() {
      await root.send("PUT", "sys/leases/revoke-prefix/database/creds", { sync: true });
      await held.disposeAsync();
    },
  };
}

interface Ground {
  readonly folder: string;
  readonly address: string;
  readonly token: string;
  readonly guard: Guard;
  readonly port: number;
}

async function start(
  side: Side,
  ground: Ground,
  configuration: (place: Place) => string | Promise<string>,
  args: readonly string[],
  within?: Within,
): Promise<Running> {
  const folder = await mkdtemp(join(ground.folder, `${side.is}-`));
  await mkdir(join(folder, "identity"));
  const tokenFile = join(folder, "identity", "token");
  await writeFile(tokenFile, ground.token, { mode: 0o600 });
  const port = await freePort("127.0.0.1");
  const file = join(folder, "agent.hcl");
  const text = await configuration({
    folder,
    port,
    login: (more = "") => `vault { address = "${ground.address}" }
auto_auth {
  method "token_file" { config = { token_file_path = "${tokenFile}" } }
  ${more}
}
`,
    listener: (more = "") => `listener "tcp" {
  address = "127.0.0.1:${port}"
  tls_disable = true
  ${more}
}
`,
  });
  await writeFile(file, `${text}\nhealth { address = "" }\nstate { path = "${join(folder, "state")}" }\n`);
  const own = [side.command, "agent", `-config=${file}`, ...args];
  const [command = "", ...rest] = within?.(own) ?? own;
  const child = spawn(command, rest, {
    env: { PATH: process.env.PATH, HOME: folder },
    detached: true,
    stdio: [within ? "pipe" : "ignore", "pipe", "pipe"],
  });
  ground.guard.watch(child.pid!);
  let output = "";
  for (const stream of [child.stdout!, child.stderr!])
    stream.on("data", (chunk: Buffer) => {
      output += chunk;
    });
  const ended = once(child, "close").then(([code, signal]) => ({ code, signal }));
  onTestFailed(() => void process.stderr.write(`${output}\n`));
  onTestFinished(() => end(child, ended));
  return {
    pid: child.pid!,
    folder,
    url: `http://127.0.0.1:${port}`,
    output: () => output,
    write: (text) => void child.stdin?.write(text),
    async until(what, look) {
      for (;;) {
        const found = await look();
        if (found !== undefined) return found;
        if (hasEnded(child)) throw new Error(`${side.name} ended before ${what}:\n${output}`);
        await sleep(20);
      }
    },
    signal: (signal) => void child.kill(signal),
    ended,
  };
}

/** In order, so that it takes the application with it; by force where that takes long. */
async function end(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  if (!hasEnded(child)) child.kill("SIGTERM");
  const force = setTimeout(() => {
    child.kill("SIGKILL");
    try {
      process.kill(-child.pid!, "SIGKILL");
    } catch {
      // Its group has gone with it.
    }
  }, 5_000);
  await ended;
  clearTimeout(force);
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}
