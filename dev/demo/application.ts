/** The demo's application, whatever its habit: beside lessee, below it (exec), or behind a PgBouncer. */
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Report } from "../app/tally.ts";
import { freePort } from "../free-port.ts";
import type { Guard } from "../guard.ts";
import { findPgBouncer, pgbouncerTemplates, startPgBouncer } from "../pgbouncer.ts";
import type { ChildDeath } from "./child.ts";
import type { DemoOptions } from "./options.ts";
import { applicationCommand, type SampleApplication, startSampleApplication } from "./sample-application.ts";
import type { World } from "./world.ts";

export interface DemoApplication {
  readonly name: string;
  /** Resolves when it ends by itself; never rejects. */
  readonly died: Promise<ChildDeath>;
  /** Says how it ended where that was not in order. */
  stop(patience: number): Promise<string | undefined>;
  report(): Report | undefined;
  /** What lessee's configuration needs for it. */
  readonly configuration: ApplicationConfiguration;
  /** Takes a line of lessee's output that is not of its log; false where it is not the application's either. */
  hear(line: string): boolean;
}

export interface ApplicationConfiguration {
  /** In place of the template that writes the application's file. */
  readonly templates?: string;
  /** Into the credential's block. */
  readonly notify?: string;
  /** How long it may take until it has heard. */
  readonly hearing?: string;
  readonly exec?: string;
}

export interface ApplicationInputs {
  readonly options: DemoOptions;
  readonly world: World;
  /** The demo's own, where all files are. */
  readonly folder: string;
  readonly destination: string;
  readonly env: NodeJS.ProcessEnv;
  readonly guard: Guard;
}

export async function startDemoApplication(inputs: ApplicationInputs): Promise<DemoApplication> {
  switch (inputs.options.application) {
    case "restart":
      return belowLessee(inputs);
    case "pgbouncer":
      return behindPgBouncer(inputs);
    default:
      return besideLessee(inputs);
  }
}

// ---- internal ----

const NAME = "the sample application";
const NEVER = new Promise<never>(() => {});
const deaf = () => false;

async function besideLessee({ options, world, folder, destination, env, guard }: ApplicationInputs) {
  const reloadPort = await freePort("127.0.0.1");
  const { child, report } = startSampleApplication({ ...options, reloadPort }, world.postgres, destination, env, guard);
  const pidFile = join(folder, "application.pid");
  await writeFile(pidFile, `${child.pid}\n`);
  const notify: { readonly [habit: string]: string } = {
    sighup: signal(pidFile),
    http: `notify "http" { url = "http://127.0.0.1:${reloadPort}/-/reload" }`,
  };
  const told = notify[options.application];
  const configuration = told === undefined ? {} : { notify: told };
  return { name: NAME, died: child.died, stop: child.stop, report, configuration, hear: deaf };
}

/** lessee starts and ends it: what it reports stands in lessee's output, once for each of its lives. */
function belowLessee({ options, world }: ApplicationInputs): DemoApplication {
  const lives: Report[] = [];
  const command = applicationCommand(options, world.postgres);
  const { credentialPath } = world.seed;
  const variable = (name: string, field: string) => `env_template "${name}" {
  contents = "{{ with secret \\"${credentialPath}\\" }}{{ .Data.${field} }}{{ end }}"
}
`;
  return {
    name: NAME,
    died: NEVER,
    stop: async () => undefined,
    report: () => lives.reduce<Report | undefined>(sum, undefined),
    configuration: {
      templates: variable("DB_USERNAME", "username") + variable("DB_PASSWORD", "password"),
      // A restart takes its time: other changes are waited for, and the old connections closed.
      hearing: "6s",
      exec: `exec { command = ${JSON.stringify(command)} }\n`,
    },
    hear(line) {
      if (!line.startsWith("{")) return false;
      const report = JSON.parse(line) as Report;
      const last = lives.at(-1);
      // It begins to count anew.
      if (last === undefined || report.ok + report.failed < last.ok + last.failed) lives.push(report);
      else lives[lives.length - 1] = report;
      return true;
    },
  };
}

function sum(earlier: Report | undefined, later: Report): Report {
  if (earlier === undefined) return later;
  return {
    ...later,
    ok: earlier.ok + later.ok,
    failed: earlier.failed + later.failed,
    lastFailure: later.lastFailure ?? earlier.lastFailure,
  };
}

/** The pooler needs its files, which lessee writes; the application needs the pooler. */
async function behindPgBouncer(inputs: ApplicationInputs): Promise<DemoApplication> {
  const { options, world, env, guard } = inputs;
  const binary = findPgBouncer(env);
  if (binary === undefined) throw new Error("there is no pgbouncer on this machine; Debian has it as a package");
  const folder = join(inputs.folder, "pgbouncer");
  await chmod(inputs.folder, 0o711);
  await mkdir(folder);
  await chmod(folder, 0o777);
  const pidFile = join(folder, "pgbouncer.pid");
  const ended = Promise.withResolvers<ChildDeath>();
  let application: SampleApplication | undefined;

  const start = async (): Promise<() => Promise<void>> => {
    const pooler = await startPgBouncer({
      binary,
      folder,
      database: world.postgres.database,
      lifetimeSeconds: Math.max(1, Math.floor(options.connectionMaxLifetime / 2_000)),
      pidFile,
      guard,
      env: { PATH: env.PATH },
    });
    application = startSampleApplication(options, pooler, inputs.destination, env, guard);
    void Promise.race([application.child.died, pooler.child.died]).then(ended.resolve);
    return pooler.stop;
  };
  const started = start();
  started.catch((error) => ended.resolve({ name: "PgBouncer", how: String(error), lastLines: [] }));

  return {
    name: NAME,
    died: ended.promise,
    async stop(patience) {
      // Where the files never came, neither did the pooler.
      const stopPooler = await Promise.race([started, Promise.resolve(undefined)]).catch(() => undefined);
      const how = await application?.child.stop(patience);
      await stopPooler?.();
      return how;
    },
    report: () => application?.report(),
    configuration: {
      templates: pgbouncerTemplates(folder, world.seed.credentialPath, world.postgres),
      notify: signal(pidFile),
    },
    hear: deaf,
  };
}

function signal(pidFile: string): string {
  return `notify "signal" {
    pid_file = "${pidFile}"
    signal   = "SIGHUP"
  }`;
}
