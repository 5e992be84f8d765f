/**
 * A PgBouncer between application and Postgres, where the machine has one (Debian's package): its users and the user of
 * its database come from files that lessee renders. The application logs in to it as `application`, without a password.
 */
import { accessSync, constants } from "node:fs";
import { access, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Child, startChild } from "./demo/child.ts";
import { freePort } from "./free-port.ts";
import type { Guard } from "./guard.ts";

export interface PgBouncer {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly child: Child;
  stop(): Promise<void>;
}

export interface PgBouncerOptions {
  readonly binary: string;
  /** For its own files, and where it finds `databases.ini` and `userlist.txt`. Everybody may pass through. */
  readonly folder: string;
  readonly database: string;
  /** Seconds after which it puts a connection to Postgres away: `server_lifetime` and `server_idle_timeout`. */
  readonly lifetimeSeconds: number;
  readonly pidFile: string;
  readonly guard: Guard;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Undefined where there is none. */
export function findPgBouncer(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const folders = [...(env.PATH ?? "").split(":"), "/usr/sbin", "/usr/local/sbin"];
  return folders.map((folder) => join(folder, "pgbouncer")).find(isProgram);
}

/**
 * The templates: all that PgBouncer needs to know of the credential. The password stands beside the user: a changed
 * userlist.txt is read before the reload, and the old user, without a password then, would be locked out for
 * server_login_retry (15 s).
 */
export function pgbouncerTemplates(folder: string, credentialPath: string, postgres: PostgresPlace): string {
  const template = (name: string, text: string) => `template {
  destination = "${join(folder, name)}"
  perms       = "0644"
  contents    = <<EOT
{{- with secret "${credentialPath}" -}}
${text}
{{ end -}}
EOT
}
`;
  const { host, port, database } = postgres;
  return [
    template("userlist.txt", `"{{ .Data.username }}" "{{ .Data.password }}"\n"application" ""`),
    template(
      "databases.ini",
      `[databases]\n${database} = host=${host} port=${port} dbname=${database} user={{ .Data.username }} password={{ .Data.password }}`,
    ),
  ].join("");
}

export interface PostgresPlace {
  readonly host: string;
  readonly port: number;
  readonly database: string;
}

/** Waits for the rendered files, starts it, and resolves when it takes connections. */
export async function startPgBouncer(options: PgBouncerOptions): Promise<PgBouncer> {
  const { binary, folder, database, lifetimeSeconds, pidFile, guard, env } = options;
  const rendered = ["databases.ini", "userlist.txt"].map((name) => join(folder, name));
  await until(() => Promise.all(rendered.map((file) => access(file))));
  const host = "127.0.0.1";
  const port = await freePort(host);
  const file = join(folder, "pgbouncer.ini");
  await writeFile(
    file,
    `%include ${rendered[0]}

[pgbouncer]
listen_addr = ${host}
listen_port = ${port}
unix_socket_dir =
pidfile = ${pidFile}
auth_type = trust
auth_file = ${rendered[1]}
pool_mode = transaction
default_pool_size = 4
server_lifetime = ${lifetimeSeconds}
server_idle_timeout = ${lifetimeSeconds}
`,
    { mode: 0o644 },
  );
  // It refuses to be root.
  const user = process.getuid?.() === 0 ? ["-u", "nobody"] : [];
  const child = startChild({ name: "PgBouncer", command: binary, args: [...user, file], env, guard });
  const died = child.died.then(({ how, lastLines }) => {
    throw new Error(`PgBouncer ${how}:\n${lastLines.join("\n")}`);
  });
  died.catch(() => {});
  await Promise.race([until(() => canConnect(host, port)), died]);
  // PgBouncer takes SIGTERM for "at once", SIGINT for "when the clients have gone".
  return { host, port, database, child, stop: async () => void (await child.stop(5_000)) };
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function canConnect(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => {
      socket.destroy();
      resolve();
    }).once("error", reject);
  });
}

async function until(succeeds: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await succeeds();
      return;
    } catch {
      await sleep(20);
    }
  }
}
