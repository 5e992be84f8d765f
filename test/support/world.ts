/**
 * The world of the scenarios: one Postgres and one cluster for a test file, and for each test a pod of its own, with an
 * emulated Vault that is set up as the seed says, a service account token, a folder for its files, and `lessee agent`
 * as the separate process that it is in a pod.
 */
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFailed, onTestFinished, type TestContext } from "vitest";
import type { Habit } from "../../dev/app/habits.ts";
import type { Report } from "../../dev/app/tally.ts";
import { startSampleApplication } from "../../dev/demo/sample-application.ts";
import { projectToken } from "../../dev/demo/service-account.ts";
import { type UserWatch, watchUsers } from "../../dev/demo/users.ts";
import { freePort } from "../../dev/free-port.ts";
import { type Guard, startGuard } from "../../dev/guard.ts";
import { type Kubernetes, startKubernetes } from "../../dev/kubernetes/token-review.ts";
import { createTables } from "../../dev/postgres/tsb.ts";
import { type RunningPostgres, startPostgres } from "../../dev/postgres.ts";
import { type EmulatedVault, startEmulatedVault } from "../../dev/vault/emulated-vault.ts";
import type { RequestFilter } from "../../dev/vault/request-log.ts";
import { type SeedOptions, type SeedWorld, setUpSeed } from "../../dev/vault/setup.ts";
import type { Status } from "../../src/status.ts";
import { type Agent, startAgent } from "./agent.ts";

export interface World {
  readonly postgres: RunningPostgres;
  readonly kubernetes: Kubernetes;
  /** Vault's users in Postgres, whichever pod they are of. */
  readonly users: UserWatch;
  /** Ends with the test, which has to be named by its context where several run at once. */
  pod(options?: PodOptions, test?: TestHooks): Promise<Pod>;
  stop(): Promise<void>;
}

export type TestHooks = Pick<TestContext, "onTestFailed" | "onTestFinished">;

export interface PodOptions {
  /** Default: a lease of 4 s that can live 8 s, so that it is rotated every 4 s; a token of an hour. */
  readonly ttl?: SeedOptions["ttl"];
  /** Beside `pg-role`; default none. */
  readonly roles?: SeedOptions["roles"];
}

export interface Pod {
  readonly folder: string;
  /** What is started for the pod is to be watched by it. */
  readonly guard: Guard;
  readonly vault: EmulatedVault;
  readonly seed: SeedWorld;
  /** Where the application reads its credential. */
  readonly destination: string;
  /** The service account's, as kubelet projects it. */
  readonly tokenFile: string;
  /** host:port/database */
  readonly database: string;
  readonly healthAddress: string;
  /** Below the pod's folder. */
  path(...parts: readonly string[]): string;
  /** Starts `lessee agent` with this configuration, and any number of times. */
  agent(configuration: string, options?: AgentOptions): Promise<Agent>;
  /** With so many connections; default 3, because tests that run beside each other share the machine. */
  application(habit: Habit, connections?: number, database?: Database): Promise<Application>;
  /** What the application would read now. */
  credential(): Promise<{ readonly username: string; readonly password: string }>;
  status(): Promise<Status>;
  /** The first that is as wanted. */
  statusWhere(wanted: (status: Status) => boolean): Promise<Status>;
  get(path: string): Promise<{ readonly status: number; readonly text: string }>;
  /**
   * What this pod has left behind, after the moment that a release takes: the users in Postgres that its agents named,
   * and the leases that Vault still holds.
   */
  left(patience?: number): Promise<readonly string[]>;
  /** How often lessee asked. */
  requests(filter: RequestFilter): number;
}

export interface AgentOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A command that runs it, as `unshare …`. */
  readonly within?: readonly string[];
}

/** Where the application connects to, if not to Postgres itself. */
export interface Database {
  readonly host: string;
  readonly port: number;
  readonly database: string;
}

/** The sample application, whose connections live a second at most. */
export interface Application {
  readonly pid: number;
  readonly pidFile: string;
  /** Where it is asked to read its file again, with the habit `http`. */
  readonly reloadUrl: string;
  /** Resolves when a report that is made from now on is as wanted. */
  until(wanted: (report: Report) => boolean): Promise<Report>;
  /** Ends it, and gives its last report. */
  stop(): Promise<Report>;
}

const CONNECTION_LIFETIME = 1_000;

export async function startWorld(): Promise<World> {
  const [postgres, kubernetes] = await Promise.all([startPostgres(), startKubernetes()]);
  await createTables(postgres.url);
  const users = await watchUsers(postgres.url);
  const folder = await mkdtemp(join(tmpdir(), "lessee-scenarios-"));
  // A PgBouncer that root starts runs as nobody and has to pass through.
  await chmod(folder, 0o711);
  const guard = startGuard(folder);
  let pods = 0;
  return {
    postgres,
    kubernetes,
    users,
    pod: (options = {}, test = { onTestFailed, onTestFinished }) =>
      startPod(options, { test, users, postgres, kubernetes, guard, folder: join(folder, `pod-${++pods}`) }),
    async stop() {
      await users.stop();
      await Promise.all([postgres.stop(), kubernetes.stop(), guard.dismiss()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface PodGround {
  readonly test: TestHooks;
  readonly users: UserWatch;
  readonly postgres: RunningPostgres;
  readonly kubernetes: Kubernetes;
  readonly guard: Guard;
  readonly folder: string;
}

async function startPod({ ttl, roles }: PodOptions, ground: PodGround): Promise<Pod> {
  const { test, postgres, kubernetes, guard, folder } = ground;
  const stack = new AsyncDisposableStack();
  test.onTestFinished(() => stack.disposeAsync());
  await mkdir(join(folder, "secrets"), { recursive: true });
  const vault = await startEmulatedVault({ rootToken: "s.root-of-the-scenarios-0000" });
  stack.defer(vault.stop);
  const seed = await setUpSeed({
    address: vault.address,
    token: vault.rootToken,
    postgres,
    kubernetes,
    ttl: { default: "4s", max: "8s", ...ttl },
    ...(roles !== undefined && { roles }),
  });
  // Whatever a test did to it, it takes back what it lent.
  stack.defer(async () => {
    vault.faults.clear();
    await vault.acceptConnections().catch(() => {});
    await seed.api.send("POST", "sys/unseal", { key: vault.unsealKey });
    await seed.remove();
  });
  vault.requests.clear();
  const pod = {
    name: "tsb-0",
    uid: `9f1c2f9e-6d0f-4c55-9f55-${folder.replace(/\D/g, "").slice(-12).padStart(12, "0")}`,
  };
  const token = await projectToken(join(folder, "serviceaccount"), () =>
    kubernetes.signToken({ namespace: "tsb", name: "tsb", pod }),
  );
  stack.defer(token.stop);
  const healthAddress = `127.0.0.1:${await freePort("127.0.0.1")}`;
  const destination = join(folder, "secrets", "config.yaml");
  const agents: Agent[] = [];

  const status = async () => JSON.parse((await get("/status")).text) as Status;

  async function get(path: string): Promise<{ status: number; text: string }> {
    const answer = await fetch(`http://${healthAddress}${path}`);
    return { status: answer.status, text: await answer.text() };
  }

  return {
    folder,
    guard,
    vault,
    seed,
    destination,
    tokenFile: token.file,
    database: `${postgres.host}:${postgres.port}/${postgres.database}`,
    healthAddress,
    path: (...parts) => join(folder, ...parts),
    async agent(configuration, { args = [], env = {}, within = [] } = {}) {
      const file = join(folder, "agent.hcl");
      await writeFile(file, configuration);
      const agent = startAgent({
        args: [`-config=${file}`, "-log-format=json", "-log-level=debug", ...args],
        env: { PATH: process.env.PATH, HOME: folder, ...env },
        guard,
        within,
      });
      test.onTestFailed(() => void process.stderr.write(`${agent.output()}\n`));
      agents.push(agent);
      stack.defer(agent.kill);
      return agent;
    },
    async application(habit, connections = 3, database = postgres) {
      const reloadPort = await freePort("127.0.0.1");
      const app = startSampleApplication(
        { application: habit, connections, connectionMaxLifetime: CONNECTION_LIFETIME, reloadPort },
        database,
        destination,
        process.env,
        guard,
      );
      stack.defer(async () => void (await app.child.stop(5_000)));
      const pidFile = join(folder, `application-${app.child.pid}.pid`);
      await writeFile(pidFile, `${app.child.pid}\n`);
      return {
        pid: app.child.pid!,
        pidFile,
        reloadUrl: `http://127.0.0.1:${reloadPort}/-/reload`,
        async until(wanted) {
          const since = Date.now();
          for (;;) {
            const report = app.report();
            if (report && report.at >= since && wanted(report)) return report;
            await sleep(20);
          }
        },
        async stop() {
          await app.child.stop(5_000);
          const report = app.report();
          if (!report) throw new Error("the application never reported");
          return report;
        },
      };
    },
    async credential() {
      const text = await readFile(destination, "utf8");
      const [, username, password] = /^username: (\S+)\npassword: (\S+)$/.exec(text) ?? [];
      if (!username || !password) throw new Error(`not a credential: ${text}`);
      return { username, password };
    },
    get,
    status,
    async statusWhere(wanted) {
      for (;;) {
        const now = await status();
        if (wanted(now)) return now;
        await sleep(20);
      }
    },
    async left(patience = 5_000) {
      const named = new Set(agents.flatMap(({ entries }) => entries.map(({ user }) => user)));
      for (const end = Date.now() + patience; ; await sleep(50)) {
        const users = (await ground.users.left(0)).filter((user) => named.has(user));
        const { body } = await seed.api.send("GET", `sys/leases/lookup/${seed.credentialPath}?list=true`);
        const found = [...users, ...((body.data?.keys ?? []) as string[])];
        if (found.length === 0 || Date.now() > end) return found;
      }
    },
    requests: vault.requests.count,
  };
}
