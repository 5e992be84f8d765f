/** lessee as the separate process that it is in a pod. */
import { createWriteStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Status } from "../../src/status.ts";
import { freePort } from "../free-port.ts";
import type { Guard } from "../guard.ts";
import type { ApplicationConfiguration } from "./application.ts";
import { type Child, startChild } from "./child.ts";
import { agentConfiguration } from "./configuration.ts";
import type { DemoOptions } from "./options.ts";
import { projectToken } from "./service-account.ts";
import type { LogEntry } from "./timeline.ts";
import type { World } from "./world.ts";

export interface Sidecar {
  readonly child: Child;
  /** The status page's. */
  readonly url: string;
  /** Undefined while the health port does not answer. */
  status(): Promise<Status | undefined>;
}

export interface SidecarOptions {
  readonly options: DemoOptions;
  readonly world: World;
  readonly env: NodeJS.ProcessEnv;
  readonly guard: Guard;
  readonly stack: AsyncDisposableStack;
  /** The demo's own, where all files are. */
  readonly folder: string;
  readonly destination: string;
  readonly application: ApplicationConfiguration;
  onEntry(entry: LogEntry): void;
  /** A line that is not of the log: why it did not start. */
  onOtherLine(line: string): void;
}

const LAUNCHER = new URL("../../bin/lessee", import.meta.url).pathname;

export async function startSidecar(inputs: SidecarOptions): Promise<Sidecar> {
  const { options, world, env, guard, stack, folder } = inputs;
  const token = await projectToken(join(folder, "serviceaccount"), world.signToken);
  stack.defer(token.stop);
  const healthAddress = `127.0.0.1:${await freePort("127.0.0.1")}`;
  const configuration = join(folder, "agent.hcl");
  await writeFile(
    configuration,
    agentConfiguration({
      options,
      vaultAddress: world.vault.address,
      authMount: `auth/${world.seed.kubernetesMount}`,
      credentialPath: world.seed.credentialPath,
      tokenFile: token.file,
      destination: inputs.destination,
      application: inputs.application,
      stateFolder: join(folder, "state"),
      postgres: `${world.postgres.host}:${world.postgres.port}/${world.postgres.database}`,
      healthAddress,
    }),
  );

  const log = createWriteStream(join(folder, "lessee.log"), { mode: 0o600 });
  stack.defer(() => new Promise<void>((resolve) => void log.end(resolve)));
  const child = startChild({
    name: "lessee",
    command: LAUNCHER,
    args: ["agent", `-config=${configuration}`, "-log-format=json", "-log-level=debug"],
    // Nothing of the shell's VAULT_… may reach it.
    env: { PATH: env.PATH, HOME: folder },
    guard,
    onLine(line) {
      log.write(`${line}\n`);
      const entry = parseEntry(line);
      if (entry) inputs.onEntry(entry);
      else inputs.onOtherLine(line);
    },
  });

  return { child, url: `http://${healthAddress}/`, status: () => fetchStatus(`http://${healthAddress}/status`) };
}

function parseEntry(line: string): LogEntry | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const entry = JSON.parse(line) as LogEntry;
    return typeof entry.msg === "string" && typeof entry.time === "string" ? entry : undefined;
  } catch {
    return undefined;
  }
}

async function fetchStatus(url: string): Promise<Status | undefined> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(1_000) });
    return answer.ok ? ((await answer.json()) as Status) : undefined;
  } catch {
    return undefined;
  }
}
