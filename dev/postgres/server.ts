/** The postmaster as a process: started with settings for a database that is thrown away, and ended for good. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Owner } from "./binaries.ts";

export interface ServerOptions {
  /** The folder of the programs. */
  readonly bin: string;
  readonly data: string;
  readonly host: string;
  readonly port: number;
  readonly maxConnections: number;
  /** It has replicas, or is one. */
  readonly replicas: boolean;
  readonly owner: Owner | undefined;
}

export interface ServerProcess {
  readonly pid: number;
  /** Resolves with its last lines when it ends without `stop()`. */
  readonly ended: Promise<readonly string[]>;
  stop(): Promise<void>;
}

const LAST_LINES = 20;
/** A fast shutdown that takes longer is made an immediate one. */
const PATIENCE = 5_000;

/** Resolves when the postmaster accepts connections; rejects with what it said when it ends before. */
export async function startServer(options: ServerOptions): Promise<ServerProcess> {
  const { owner } = options;
  // Its own session: a Ctrl-C in the terminal reaches the demo, which ends Postgres last.
  const child = spawn(join(options.bin, "postgres"), [`-D${options.data}`, ...settings(options)], {
    cwd: options.data,
    env: { PATH: process.env.PATH, TZ: "UTC" },
    uid: owner?.uid,
    gid: owner?.gid,
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const gone = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
    child.once("error", () => resolve());
  });
  const lines: string[] = [];
  let stopping = false;

  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    createInterface({ input: child.stderr }).on("line", (line) => {
      lines.push(line);
      if (lines.length > LAST_LINES) lines.shift();
      if (/database system is ready to accept (read-only )?connections/.test(line)) resolve();
    });
    gone.then(() => reject(new Error(`Postgres ended while it started:\n${lines.join("\n")}`)));
  });

  return {
    pid: child.pid!,
    ended: new Promise((resolve) => gone.then(() => stopping || resolve(lines))),
    async stop() {
      stopping = true;
      child.kill("SIGINT");
      const impatient = setTimeout(() => child.kill("SIGQUIT"), PATIENCE);
      await gone;
      clearTimeout(impatient);
    },
  };
}

function settings({ host, port, maxConnections, replicas }: ServerOptions): string[] {
  const values = {
    listen_addresses: host,
    port,
    unix_socket_directories: "",
    max_connections: maxConnections,
    shared_buffers: "32MB",
    fsync: "off",
    // What a replica is to see has to be in the log at once.
    synchronous_commit: replicas ? "local" : "off",
    full_page_writes: "off",
    wal_level: replicas ? "replica" : "minimal",
    max_wal_senders: replicas ? 4 : 0,
    wal_keep_size: replicas ? "64MB" : 0,
    log_checkpoints: "off",
  };
  return Object.entries(values).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}
