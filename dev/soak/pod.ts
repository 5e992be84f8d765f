/** One pod of the soak: an emulated Vault of its own, lessee as a process, an application of one habit. */
import { appendFileSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Habit } from "../app/habits.ts";
import { startDemoApplication } from "../demo/application.ts";
import { type Child, startChild } from "../demo/child.ts";
import { agentConfiguration } from "../demo/configuration.ts";
import type { DemoOptions } from "../demo/options.ts";
import { projectToken } from "../demo/service-account.ts";
import { createLogTally, type LogTally } from "../demo/tally.ts";
import type { LogEntry } from "../demo/timeline.ts";
import type { Guard } from "../guard.ts";
import type { Kubernetes } from "../kubernetes/token-review.ts";
import type { RunningPostgres } from "../postgres.ts";
import { type DiskFault, mayMount, mend, mount, spoil, unmount } from "../real-disk.ts";
import { type EmulatedVault, startEmulatedVault } from "../vault/emulated-vault.ts";
import { setUpSeed } from "../vault/setup.ts";
import type { Chance } from "./chance.ts";
import { type Gate, startGate } from "./gate.ts";

export interface SoakPod {
  readonly name: string;
  readonly vault: EmulatedVault;
  /** Between Postgres and those who look after its users. */
  readonly gate: Gate;
  readonly disk: SickDisk;
  readonly tally: LogTally;
  /** Credentials that ended before they were let go. */
  lost(): number;
  killed(): number;
  reload(): void;
  /** Into its log, if that is kept. */
  note(line: string): void;
  killAndRestart(): Promise<void>;
  /** Of lessee, in megabytes; its resident set and what of it nobody else can share. */
  memory(): Promise<{ readonly rss: number; readonly anonymous: number }>;
  report(): { readonly ok: number; readonly failed: number; readonly lastFailure: string | null };
  /** The application first, then lessee. Tells what did not end in order. */
  stop(): Promise<readonly string[]>;
}

/** The volume of what lessee writes: its state, and the application's file. */
export interface SickDisk {
  /** What can be done to it by whoever runs the soak. */
  readonly faults: readonly DiskFault[];
  spoil(fault: DiskFault): Promise<void>;
  mend(fault: DiskFault): Promise<void>;
}

export interface SoakPodInputs {
  readonly number: number;
  readonly habit: Habit;
  readonly chance: Chance;
  readonly folder: string;
  readonly postgres: RunningPostgres;
  readonly kubernetes: Kubernetes;
  readonly guard: Guard;
  readonly stack: AsyncDisposableStack;
  readonly env: NodeJS.ProcessEnv;
  /** Where its log is kept, if anywhere. */
  readonly logs: string | undefined;
}

const LAUNCHER = new URL("../../bin/lessee", import.meta.url).pathname;
const ROOT = "root-of-the-soak";

export async function startSoakPod(inputs: SoakPodInputs): Promise<SoakPod> {
  const { chance, env, guard, habit, kubernetes, postgres, stack } = inputs;
  const folder = join(inputs.folder, `pod-${inputs.number}`);
  const volume = join(folder, "volume");
  await mkdir(volume, { recursive: true });
  const disk = await openDisk(volume, stack);
  const gate = await startGate(postgres);
  stack.defer(gate.stop);
  const options = chooseTimes(habit, chance);
  const vault = await startEmulatedVault({ rootToken: ROOT, retries: { base: 1_000, attempts: 20 } });
  stack.defer(vault.stop);
  const seed = await setUpSeed({
    address: vault.address,
    token: ROOT,
    postgres: gate.postgres,
    kubernetes,
    ttl: {
      default: options.defaultTtl / 1_000,
      max: options.maxTtl / 1_000,
      token: options.tokenTtl / 1_000,
      tokenMax: options.tokenMaxTtl / 1_000,
    },
  });
  const signToken = () => kubernetes.signToken({ namespace: "tsb", name: "tsb" });
  const token = await projectToken(join(folder, "serviceaccount"), signToken);
  stack.defer(token.stop);
  const destination = join(volume, "config.yaml");
  const world = {
    postgres,
    seed,
    signToken,
    vault: { name: "Vault", address: vault.address, token: ROOT, prefix: "" },
  };
  const application = await startDemoApplication({ options, world, folder, destination, env, guard });
  const configuration = join(folder, "agent.hcl");
  await writeFile(
    configuration,
    agentConfiguration({
      options,
      vaultAddress: vault.address,
      authMount: `auth/${seed.kubernetesMount}`,
      credentialPath: seed.credentialPath,
      tokenFile: token.file,
      destination,
      application: application.configuration,
      stateFolder: join(volume, "state"),
      postgres: `${gate.postgres.host}:${gate.postgres.port}/${postgres.database}`,
      healthAddress: "",
    }),
  );

  const tally = createLogTally();
  let lost = 0;
  let killed = 0;
  const published = Promise.withResolvers<void>();
  const kept = inputs.logs === undefined ? undefined : join(inputs.logs, `pod-${inputs.number}.log`);
  function note(line: string): void {
    if (kept !== undefined) appendFileSync(kept, `${line}\n`);
  }
  function hear(line: string): void {
    note(line);
    const entry = line.startsWith("{") ? (JSON.parse(line) as LogEntry) : undefined;
    if (entry?.msg === undefined) return void application.hear(line);
    tally.observe(entry);
    if (entry.msg === "lost") lost++;
    if (entry.msg === "published") published.resolve();
  }
  const start = (): Child =>
    startChild({
      name: "lessee",
      command: LAUNCHER,
      args: ["agent", `-config=${configuration}`, "-log-format=json", "-log-level=debug"],
      env: { PATH: env.PATH, HOME: folder, POD_NAME: `soak-${inputs.number}`, VAULT_CLIENT_TIMEOUT: "2s" },
      guard,
      onLine: hear,
    });
  let child = start();
  const gone: string[] = [];
  const expected = new Set<Child>();
  function watch(one: Child): void {
    void one.died.then(({ how, lastLines }) => {
      if (!expected.has(one)) gone.push(`lessee ${how}: ${lastLines.at(-1) ?? ""}`);
    });
  }
  watch(child);
  await Promise.race([published.promise, child.died]);

  return {
    name: `${inputs.number} ${habit}`,
    vault,
    gate,
    disk,
    tally,
    lost: () => lost,
    killed: () => killed,
    note,
    reload: () => child.kill("SIGHUP"),
    async killAndRestart() {
      killed++;
      const last = child;
      expected.add(last);
      last.kill("SIGKILL");
      await last.died;
      child = start();
      watch(child);
    },
    async memory() {
      const status = await readFile(`/proc/${child.pid}/status`, "utf8");
      const megabytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 1_024;
      return { rss: megabytes("VmRSS"), anonymous: megabytes("RssAnon") };
    },
    report() {
      const { ok = 0, failed = 0, lastFailure = null } = application.report() ?? {};
      return { ok, failed, lastFailure };
    },
    async stop() {
      const faults = [await application.stop(10_000), await child.stop(30_000), ...gone];
      return faults.filter((fault) => fault !== undefined).map((fault) => `pod ${inputs.number}: ${fault}`);
    },
  };
}

/** Root can fill a volume and make it read-only, and is stopped by no permission; for everybody else it is the other way. */
async function openDisk(folder: string, stack: AsyncDisposableStack): Promise<SickDisk> {
  const mounts = process.getuid?.() === 0 && (await mayMount(folder));
  if (mounts) {
    await mount(folder);
    stack.defer(() => unmount(folder));
  }
  return {
    faults: mounts ? ["disk full", "read-only"] : process.getuid?.() === 0 ? [] : ["permission"],
    spoil: (fault) => spoil(folder, fault),
    mend: (fault) => mend(folder, fault),
  };
}

/** With room for a trouble or two in every rotation: what the TTLs do not allow is told at start, and tested elsewhere. */
function chooseTimes(application: Habit, chance: Chance): DemoOptions {
  const second = 1_000;
  const tokenMaxTtl = chance.next() < 0.5 ? 0 : chance.between(70, 120) * second;
  return {
    runFor: undefined,
    application,
    defaultTtl: chance.between(10, 20) * second,
    maxTtl: chance.between(45, 80) * second,
    tokenTtl: chance.between(30, 60) * second,
    tokenMaxTtl,
    connectionMaxLifetime: chance.between(2, 5) * second,
    plain: true,
    keep: false,
  };
}
