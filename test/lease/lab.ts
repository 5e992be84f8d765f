/**
 * A token and a credential against the emulated Vault and a real Postgres, by a clock that the test moves: hours pass as
 * fast as the requests in them. Both clocks are moved together, and only when nothing is under way.
 */
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import pg from "pg";
import { afterAll, afterEach, beforeAll } from "vitest";
import { type Kubernetes, startKubernetes } from "../../dev/kubernetes/token-review.ts";
import { type RunningPostgres, startPostgres } from "../../dev/postgres.ts";
import { type EmulatedVault, startEmulatedVault } from "../../dev/vault/emulated-vault.ts";
import type { Fault, InjectedFault } from "../../dev/vault/faults.ts";
import { type SeedWorld, setUpSeed } from "../../dev/vault/setup.ts";
import { parseKubernetes } from "../../src/auth/kubernetes.ts";
import { defaultCredential } from "../../src/config/defaults.ts";
import type { CredentialConfig, PostgresConfig } from "../../src/config/types.ts";
import type { LesseeEvent } from "../../src/events.ts";
import { createKeeper, type Keeper } from "../../src/lease/keeping/keeper.ts";
import { createRightsCheck } from "../../src/lease/keeping/rights.ts";
import { createTokens, type Tokens } from "../../src/lease/keeping/tokens.ts";
import { adopt } from "../../src/lease/memory/adoption.ts";
import { handOver } from "../../src/lease/memory/hand-over.ts";
import { createSaver, type SavedState } from "../../src/lease/memory/state-file.ts";
import { policyOf } from "../../src/lease/policy.ts";
import type { Stopping } from "../../src/lease/state.ts";
import type { Clock, Databases, Notifier } from "../../src/ports.ts";
import { openDatabases } from "../../src/postgres/databases.ts";
import { createVaultClient, type VaultClient } from "../../src/vault/client.ts";
import type { VaultSecret } from "../../src/vault/secret.ts";
import { createTransport } from "../../src/vault/transport.ts";
import { createFakeClock, type FakeClock } from "../support/fake-clock.ts";

type Named<Is extends LesseeEvent["is"]> = Extract<LesseeEvent, { is: Is }>;

export interface SidecarOptions extends Partial<CredentialConfig> {
  /** Of the database mount; default `pg-role`. */
  readonly role?: string;
  /** Of the auth mount; default `pg`. */
  readonly authRole?: string;
  readonly givenAway?: boolean;
  /** Templates print what no renewal can pass. */
  readonly printsHorizon?: boolean;
  readonly notifiers?: readonly Notifier[];
  /** The time at its beginning; default now. */
  readonly from?: number;
  /** Whether files can be written. */
  readonly publishes?: () => boolean;
  /** What the token may do is asked for; default not, so that requests can be counted. */
  readonly asksRights?: boolean;
  /** Whether first credentials of others are on their way. */
  readonly isAwaited?: () => boolean;
}

export interface LabSidecar {
  readonly client: VaultClient;
  readonly tokens: Tokens;
  readonly keeper: Keeper;
  readonly clock: FakeClock;
  readonly events: readonly LesseeEvent[];
  run(): void;
  /** What it holds, as it is kept for the next one. */
  kept(): SavedState;
  /** Before `run`. */
  adopt(state: SavedState, stop?: AbortSignal): Promise<boolean>;
  handOver(shared: boolean, jobLifetime?: number): Promise<void>;
  /** The first event of that kind after the one that was last waited for; the time is moved on to it if need be. */
  until<Is extends LesseeEvent["is"]>(is: Is, matches?: (event: Named<Is>) => boolean): Promise<Named<Is>>;
  /** Lets so much time pass, and everything in it be done. */
  pass(milliseconds: number): Promise<void>;
  /** Resolves when nothing is under way. */
  quiet(): Promise<void>;
  count(is: LesseeEvent["is"]): number;
  /** Resolves when all of it has come to its end. */
  stop(release: Stopping["release"], patience?: number): Promise<void>;
}

export interface Lab {
  readonly vault: EmulatedVault;
  readonly seed: SeedWorld;
  readonly admin: pg.Client;
  /** Defines a database role; the seed's statements if nothing else is said. */
  databaseRole(name: string, settings: Record<string, unknown>): Promise<void>;
  authRole(name: string, settings: Record<string, unknown>): Promise<void>;
  /** Nothing runs yet. */
  prepare(options?: SidecarOptions): Promise<LabSidecar>;
  /** One that has published its first credential. */
  start(options?: SidecarOptions): Promise<LabSidecar>;
  /** A `postgres` block for the server. */
  block(changes?: Partial<PostgresConfig>): PostgresConfig;
  /** Users of the database roles that there are at this moment. */
  users(): Promise<readonly string[]>;
  login(sidecar: LabSidecar): Promise<pg.Client>;
  /** As a user that a sidecar still holds, or held. */
  loginAs(sidecar: LabSidecar, username: string): Promise<pg.Client>;
  fail(path: RegExp, fault: Fault, times?: number): InjectedFault;
  /** Requests to paths that match. */
  requests(path: RegExp): number;
}

/** Tells an application that always hears. */
export const HEARS: Notifier = { kind: "exec", target: "reload", notify: async () => {} };

export const refusal = (status: number, ...errors: string[]): Fault => ({ kind: "answer", status, body: { errors } });

const CREATION =
  `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'; ` +
  `GRANT ALL ON ALL TABLES IN SCHEMA public TO "{{name}}";`;

/** Registers the hooks of the test file that calls it. */
export function useLab(): Lab {
  let vault: EmulatedVault;
  let postgres: RunningPostgres;
  let kubernetes: Kubernetes;
  let seed: SeedWorld;
  let admin: pg.Client;
  let folder = "";
  let jwt = "";
  const began = Date.now();
  const afterwards: (() => unknown)[] = [];

  beforeAll(async () => {
    [postgres, kubernetes, vault] = await Promise.all([
      startPostgres(),
      startKubernetes(),
      // Its time stands still but for the steps of the test's clock: how long a test takes changes nothing.
      startEmulatedVault({ rootToken: "root", time: () => began, retries: { base: 60_000, attempts: 3 } }),
    ]);
    admin = new pg.Client(postgres.url);
    await admin.connect();
    await admin.query("CREATE TABLE orders (id int)");
    seed = await setUpSeed({ address: vault.address, token: "root", postgres, kubernetes });
    const { host, port, user, password, database } = postgres;
    await seed.api.expect("POST", "database/config/tsb", {
      plugin_name: "postgresql-database-plugin",
      allowed_roles: "*",
      connection_url: `postgresql://{{username}}:{{password}}@${host}:${port}/${database}?sslmode=disable`,
      username: user,
      password,
    });
    folder = await fs.mkdtemp(join(tmpdir(), "lab-"));
    jwt = join(folder, "token");
    await fs.writeFile(jwt, kubernetes.signToken({ namespace: "tsb", name: "tsb", lifetimeSeconds: 86_400 }));
  });
  afterAll(async () => {
    await vault?.stop();
    await admin?.end();
    await Promise.all([postgres?.stop(), kubernetes?.stop(), fs.rm(folder, { recursive: true, force: true })]);
  });
  afterEach(async () => {
    vault.faults.clear();
    for (const end of afterwards.splice(0).reverse()) await end();
    await seed.api.expect("PUT", "sys/leases/revoke-force/database/creds", {});
    // What a forced revocation has forgotten.
    const { rows } = await admin.query("SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-kubernet%'");
    for (const { rolname } of rows) await admin.query(`DROP OWNED BY "${rolname}"; DROP ROLE "${rolname}"`);
    vault.requests.clear();
  });

  async function prepare(options: SidecarOptions = {}): Promise<LabSidecar> {
    const { role = "pg-role", authRole = "pg", givenAway = false, notifiers = [], publishes = () => true } = options;
    const { asksRights = false, from = Date.now(), isAwaited = () => false, printsHorizon = false } = options;
    const path = `database/creds/${role}`;
    const config = defaultCredential(path, options);
    const policy = {
      ...policyOf(config, {
        staticInterval: 300_000,
        renewalThreshold: 0.9,
        jitter: 0,
        hasCommands: notifiers.length > 0,
        printsHorizon,
      }),
    };
    const clock = createFakeClock(from);
    const events: LesseeEvent[] = [];
    let busy = 0;
    let seen = 0;
    const emit = (event: LesseeEvent) => void events.push(event);
    const counted = <Args extends unknown[], T>(work: (...args: Args) => Promise<T>) => {
      return async (...args: Args): Promise<T> => {
        busy++;
        try {
          return await work(...args);
        } finally {
          busy--;
        }
      };
    };

    const transport = createTransport({ proxyEnv: {} });
    const client = createVaultClient(
      { address: vault.address, namespace: "", headers: {}, timeout: 20_000 },
      counted(transport.send),
      clock,
      emit,
    );
    const { verify, sessions, room, others, attach, forget, terminate, close } = openDatabases(config.postgres, {
      clock: STILL,
      files: fs,
    });
    const databases: Databases | null =
      config.postgres.length === 0
        ? null
        : {
            verify: counted(verify),
            sessions: counted(sessions),
            room: counted(room),
            others: counted(others),
            attach: counted(attach),
            forget: counted(forget),
            terminate: counted(terminate),
            close: counted(close),
          };
    const method = parseKubernetes({ role: authRole, token_path: jwt });
    const tokens = createTokens({
      client,
      method: { ...method, prepare: counted(method.prepare) },
      methodName: "kubernetes",
      mountPath: "auth/kubernetes",
      givenAway,
      files: fs,
      clock,
      random: () => 0,
      emit,
      policy: () => ({ lead: leadOfPolicy, jitter: 0, printsHorizon, backoff: { min: 1_000, max: 300_000 } }),
      learn: () => {},
      onLogin: () => {},
      onChange: (change) => keeper.take(change),
      onFailure: () => {},
    });
    const leadOfPolicy =
      policy.connectionMaxLifetime === null
        ? 0
        : policy.preparation +
          policy.hearing +
          policy.readerGrace +
          policy.connectionMaxLifetime +
          policy.longestUse +
          policy.margin;
    const rights = createRightsCheck({ client, clock, emit, tokens, take: (outcome) => keeper.take(outcome) });
    let published = 0;
    const keeper = createKeeper({
      dependency: { kind: "read", path },
      path,
      client,
      tokens,
      rights,
      clock,
      random: () => 0,
      emit,
      outOfTime: new AbortController().signal,
      policy: () => policy,
      databases: () => databases,
      notifiers: () => notifiers,
      publish: async () =>
        publishes()
          ? { is: "published", files: ["config.yaml"], changed: true, tell: published++ > 0, commands: [] }
          : { is: "failed", error: new Error("the disk is full") },
      isAwaited,
      learn: () => {},
      onChange: () => {
        tokens.setParents(keeper.parents());
        if (asksRights) rights.check(new Set(keeper.parents()));
      },
    });

    let loggedIn: Promise<void> = Promise.resolve();
    let kept: Promise<void> = Promise.resolve();
    async function quiet(): Promise<void> {
      for (let idle = 0; idle < 5; idle = busy === 0 ? idle + 1 : 0) await turn();
    }
    /** To the next appointment, and no further than `end`. */
    async function step(end: number): Promise<void> {
      await quiet();
      const by = Math.min(clock.next, end) - clock.now();
      if (by > 0) vault.advance(by);
      await vault.idle();
      await clock.advance(Math.max(by, 0));
      await quiet();
    }

    const sidecar: LabSidecar = {
      client,
      tokens,
      keeper,
      clock,
      events,
      quiet,
      kept() {
        const records = keeper.records();
        const token = records.map(({ held }) => tokens.tokenOf(held.token)).findLast((one) => one !== undefined);
        if (token === undefined) throw new Error("nothing is held");
        return { token, credentials: records.map((record) => createSaver()(keeper.dependency, record)) };
      },
      adopt: (state, stop = NEVER) =>
        adopt(
          state,
          {
            client,
            tokens,
            clock,
            random: () => 0,
            emit,
            keeperFor: () => keeper,
            policyFor: () => policy,
            databasesFor: () => databases,
          },
          stop,
        ),
      handOver: (shared, jobLifetime) =>
        handOver([keeper], {
          client,
          tokens,
          clock,
          emit,
          shared,
          jobLifetime: jobLifetime ?? null,
          credential: () => config,
        }),
      run() {
        loggedIn = tokens.run();
        kept = keeper.run();
      },
      async until(is, matches = () => true) {
        type Wanted = Named<typeof is>;
        const wanted = (event: LesseeEvent) => event.is === is && matches(event as Wanted);
        const giveUp = clock.now() + 3 * 86_400_000;
        for (;;) {
          await quiet();
          const found = events.findIndex((event, index) => index >= seen && wanted(event));
          if (found >= 0) {
            seen = found + 1;
            return events[found] as Wanted;
          }
          if (clock.now() >= giveUp || clock.sleepers === 0)
            throw new Error(`no ${is}; the last: ${JSON.stringify(events.slice(-4))}`);
          await step(giveUp);
        }
      },
      async pass(milliseconds) {
        const end = clock.now() + milliseconds;
        do await step(end);
        while (clock.now() < end);
        seen = events.length;
      },
      count: (is) => events.filter((event) => event.is === is).length,
      async stop(release, patience = 20_000) {
        const at = clock.now();
        keeper.stop({ at, until: at + patience, release });
        let over = false;
        void kept.then(() => {
          over = true;
        });
        for (await quiet(); !over; await step(at + 86_400_000))
          if (clock.now() > at + 80_000_000) throw new Error("no end");
        tokens.stop();
        await loggedIn;
      },
    };
    afterwards.push(async () => {
      rights.stop();
      await sidecar.stop("never", 0);
      await close();
      transport.close();
    });
    return sidecar;
  }

  async function logIn(secret: VaultSecret | undefined): Promise<pg.Client> {
    const data = secret?.data.reveal();
    const { host, port, database } = postgres;
    const credential = { user: String(data?.username), password: String(data?.password) };
    const client = new pg.Client({ host, port, database, ...credential });
    client.on("error", () => {});
    await client.connect();
    afterwards.push(() => client.end().catch(() => {}));
    return client;
  }

  return {
    get vault() {
      return vault;
    },
    get seed() {
      return seed;
    },
    get admin() {
      return admin;
    },
    prepare,
    async start(options) {
      const sidecar = await prepare(options);
      sidecar.run();
      await sidecar.until("published");
      await sidecar.quiet();
      return sidecar;
    },
    async databaseRole(name, settings) {
      await seed.api.expect("POST", `database/roles/${name}`, {
        db_name: "tsb",
        default_ttl: "12h",
        max_ttl: "24h",
        creation_statements: CREATION,
        ...settings,
      });
    },
    async authRole(name, settings) {
      await seed.api.expect("POST", `auth/kubernetes/role/${name}`, {
        bound_service_account_names: "*",
        bound_service_account_namespaces: "tsb",
        token_policies: "pg-auth",
        token_ttl: "1h",
        ...settings,
      });
    },
    block: (changes = {}) => ({
      connectionUrl: `postgresql://{{username}}:{{password}}@${postgres.host}:${postgres.port}/${postgres.database}?sslmode=disable`,
      verifyQuery: "SELECT count(*) FROM orders",
      drain: "watch",
      connectTimeout: 10_000,
      ...changes,
    }),
    async users() {
      const { rows } = await admin.query("SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-kubernet%' ORDER BY oid");
      return rows.map(({ rolname }: { rolname: string }) => rolname);
    },
    login: ({ keeper }) => logIn(keeper.secret()),
    loginAs: ({ keeper }, username) => logIn(keeper.records().find(({ held }) => held.user === username)?.secret),
    fail: (path, fault, times) => vault.faults.inject((request) => path.test(request.path), fault, times),
    requests: (path) => vault.requests.count((request) => path.test(request.path)),
  };
}

const NEVER = new AbortController().signal;

/** Connections that are kept for the next question are closed by `close`. */
const STILL: Clock = {
  now: () => 0,
  sleep: (_until, signal) =>
    new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true })),
};
