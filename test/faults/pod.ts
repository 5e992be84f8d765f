/**
 * A pod in this process and in a time of its own: the sidecar's real parts, put together by `createSidecar`, an emulated
 * Vault, a real Postgres behind a gate, real files, and an application. Time stands still while anything is under way,
 * and then goes on to the next appointment: hours pass as fast as what is done in them, and no cell depends on the
 * machine's speed.
 */
import { spawn } from "node:child_process";
import * as fs from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { type EmulatedVault, startEmulatedVault } from "../../dev/vault/emulated-vault.ts";
import type { Fault } from "../../dev/vault/faults.ts";
import { type SeedWorld, setUpSeed } from "../../dev/vault/setup.ts";
import { parseAuthMethod } from "../../src/auth/methods.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { LesseeEvent } from "../../src/events.ts";
import { createLog } from "../../src/log/log.ts";
import { createScrubber } from "../../src/log/scrub.ts";
import type { Clock, HttpRequest, HttpResponse, World } from "../../src/ports.ts";
import { createSidecar, type Sidecar } from "../../src/program/sidecar.ts";
import { createVaultClient } from "../../src/vault/client.ts";
import { createTransport } from "../../src/vault/transport.ts";
import { noAnswer } from "../../src/vault/transport-failure.ts";
import { anyClaim } from "../support/claims.ts";
import { createFakeClock, type FakeClock } from "../support/fake-clock.ts";
import { type Application, type ApplicationOptions, createApplication } from "./application.ts";
import { createBusy } from "./busy.ts";
import { type Endpoint, startEndpoint } from "./endpoint.ts";
import { createDisk, type Disk } from "./files.ts";
import { type Gate, startGate } from "./gate.ts";
import type { Ground } from "./ground.ts";

/** `refused` and what a server answers are real exchanges; the time of a slow one is the pod's. */
export type HttpFault =
  | "refused"
  | "timeout"
  | "slow"
  | "cut"
  | "garbage"
  | { readonly status: number; readonly error: string };

export interface PodOptions {
  /** Into the credential's block. */
  readonly credential?: string;
  readonly ttl?: {
    readonly default?: string;
    readonly max?: string;
    readonly token?: string;
    readonly tokenMax?: string;
  };
  /** Whether its policy lets it revoke; the seed's does not. */
  readonly mayRevoke?: boolean;
  readonly reads?: ApplicationOptions["reads"];
  /** The verify query calls a function, whose body is `verifyQuery`. */
  readonly verifyFunction?: boolean;
  /** How long an answer of Postgres is waited for, by the machine's clock. */
  readonly connectTimeout?: string;
  /** The template reads a file too, which is `extra`. */
  readonly extra?: boolean;
  /** The token is written to `sink/token`, or the template writes `beside/user` too. */
  readonly writes?: "sink" | "beside";
  /** Before the first sidecar. */
  prepare?(folder: string): Promise<void>;
}

export interface Asked {
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly lease: string | undefined;
  /** undefined while it is not answered. */
  status?: number;
}

export interface Pod {
  readonly plot: string;
  readonly folder: string;
  readonly destination: string;
  readonly stateFolder: string;
  readonly vault: EmulatedVault;
  readonly seed: SeedWorld;
  readonly gate: Gate;
  readonly disk: Disk;
  readonly endpoint: Endpoint;
  readonly clock: FakeClock;
  readonly application: Application;
  /** Of all sidecars that the pod has had. */
  readonly events: readonly LesseeEvent[];
  /** The log as an operator reads it, from `info` on. */
  readonly lines: readonly string[];
  /** Requests of the sidecar to Vault. */
  readonly asked: readonly Asked[];
  /** Requests whose path matches fail, so many of them. */
  failRequests(path: RegExp, fault: HttpFault, times: number): void;
  mendRequests(): void;
  readonly failedRequests: number;
  sidecar(): Sidecar;
  verifyQuery(body: string): Promise<void>;
  /** What stands in the file; null is a link that leads out of the sandbox. */
  extra(content: string | null): Promise<void>;
  spoilState(how: (text: string) => string): Promise<void>;
  /** Lets so much time pass, and everything in it be done. */
  pass(milliseconds: number): Promise<void>;
  /** The first event of that kind since the start or the last call; or throws when `within` is over. */
  until<Is extends LesseeEvent["is"]>(
    is: Is,
    within: number,
    matches?: (event: Extract<LesseeEvent, { is: Is }>) => boolean,
  ): Promise<Extract<LesseeEvent, { is: Is }>>;
  /** As SIGKILL does, and what kubelet does then. */
  killAndRestart(): Promise<void>;
  /** In order: the application, then the sidecar. */
  stop(): Promise<number>;
  dispose(): Promise<void>;
}

const ROOT = "root-of-the-matrix";
const TIMEOUT = 60_000;
const SLOW = 8_000;

export async function startPod(ground: Ground, options: PodOptions = {}): Promise<Pod> {
  await using undo = new AsyncDisposableStack();
  const plot = await ground.plot();
  const { postgres, kubernetes } = ground;
  const folder = join(ground.folder, plot);
  const start = Date.now();
  const clock = createFakeClock(start);
  const vault = await startEmulatedVault({
    rootToken: ROOT,
    time: () => start,
    retries: { base: 10_000, attempts: 6 },
  });
  undo.defer(vault.stop);
  const seed = await setUpSeed({ address: vault.address, token: ROOT, postgres, kubernetes, ttl: TTL(options) });
  await ownRole(seed, plot, ground, options);
  const jwt = join(folder, "jwt");
  await fs.writeFile(jwt, kubernetes.signToken({ namespace: "tsb", name: "tsb", lifetimeSeconds: 86_400 }));

  const busy = createBusy();
  const gate = await startGate(postgres, busy);
  undo.defer(gate.stop);
  const endpoint = await startEndpoint();
  undo.defer(endpoint.stop);
  const disk = createDisk();
  const destination = join(folder, "secrets", "config.yaml");
  const stateFolder = join(folder, "state");
  for (const name of ["secrets", "beside", "sink", "state"]) await fs.mkdir(join(folder, name));
  const path = `database/creds/${plot}`;
  const inSandbox = join(folder, "sandbox", "extra.json");
  await fs.mkdir(join(folder, "sandbox"));
  async function extra(content: string | null): Promise<void> {
    await fs.rm(inSandbox, { force: true });
    if (content !== null) await fs.writeFile(inSandbox, content);
    else await fs.symlink(jwt, inSandbox);
  }
  await options.prepare?.(folder);
  await extra('{"flavour":"vanilla"}');
  const verifyQuery = (body: string) => ground.define(`check_${plot}`, body);
  await verifyQuery("");
  const configFile = join(folder, "agent.hcl");
  await fs.writeFile(configFile, configuration({ vault, jwt, folder, path, gate, endpoint }, options));

  const events: LesseeEvent[] = [];
  const lines: string[] = [];
  const asked: Asked[] = [];
  const rules: { readonly path: RegExp; readonly fault: HttpFault; left: number }[] = [];
  let failedRequests = 0;
  let seen = 0;
  let held = undo;
  let current: Sidecar;
  let kill: () => void = () => {};
  undo.defer(() => kill());

  const application = createApplication({
    file: destination,
    postgres,
    table: plot,
    connections: 2,
    lifetime: 120_000,
    reads: options.reads ?? "per connection",
    now: clock.now,
  });
  undo.defer(application.stop);
  endpoint.onTold(() => application.reload());

  async function send(
    request: HttpRequest,
    real: (request: HttpRequest) => Promise<HttpResponse>,
  ): Promise<HttpResponse> {
    const url = new URL(request.url);
    if (!request.url.startsWith(vault.address)) return meet(request, real);
    const lease = /"lease_id":"([^"]+)"/.exec(String(request.body ?? ""))?.[1];
    const one: Asked = { at: clock.now(), method: request.method, path: url.pathname, lease };
    asked.push(one);
    const answer = await meet(request, real);
    one.status = answer.status;
    return answer;
  }

  async function meet(
    request: HttpRequest,
    real: (request: HttpRequest) => Promise<HttpResponse>,
  ): Promise<HttpResponse> {
    const url = new URL(request.url);
    const rule = rules.find((one) => one.left > 0 && one.path.test(url.pathname));
    if (rule === undefined) return busy.during(real(request));
    rule.left--;
    failedRequests++;
    const { fault } = rule;
    if (fault === "refused") return busy.during(real({ ...request, url: `http://127.0.0.1:1${url.pathname}` }));
    if (fault === "timeout" || fault === "slow") {
      // The server has done it, and nobody hears of it in time.
      const answer = await busy.during(real(request));
      await clock.sleep(clock.now() + (fault === "slow" ? SLOW : request.timeout), request.signal ?? NEVER);
      if (fault === "slow" && !request.signal?.aborted) return answer;
      throw noAnswer(url.origin, request.timeout, "unknown");
    }
    if (!request.url.startsWith(vault.address)) return busy.during(endpoint.failing(fault, () => real(request)));
    const injected = vault.faults.inject((one) => one.path === url.pathname, emulated(fault), 1);
    try {
      return await busy.during(real(request));
    } finally {
      injected.remove();
    }
  }

  async function startSidecar(): Promise<void> {
    let dead = false;
    const never = new Promise<never>(() => {});
    const alive = async () => {
      if (dead) await never;
    };
    const ownClock: Clock = { now: clock.now, sleep: (until, signal) => (dead ? never : clock.sleep(until, signal)) };
    const world = worldOf(ownClock, disk.files(busy, alive), folder);
    const scrubber = createScrubber();
    const log = createLog({
      level: "info",
      format: "standard",
      clock,
      write: (line) => lines.push(line),
      scrub: scrubber.scrub,
    });
    const emit = (event: LesseeEvent) => {
      if (dead) return;
      events.push(event);
      log.observe(event);
    };
    const { config } = await loadConfig({
      paths: [configFile],
      files: fs,
      env: {},
      flags: { values: new Map(), positional: [] },
    });
    const transport = createTransport({ proxyEnv: {} });
    const own = async (request: HttpRequest) => {
      await alive();
      const answer = await send(request, transport.send);
      await alive();
      return answer;
    };
    const client = createVaultClient(
      { address: vault.address, namespace: "", headers: {}, timeout: TIMEOUT },
      own,
      ownClock,
      emit,
    );
    const { autoAuth } = config;
    const sidecar = await createSidecar({
      config,
      autoAuth: autoAuth!,
      method: parseAuthMethod(autoAuth!.method.type, autoAuth!.method.config),
      vault: {
        client,
        transport: { ...transport, send: own, prepare: async () => () => false },
        address: vault.address,
        namespace: "",
      },
      world,
      emit,
      learn: scrubber.learn,
      redact: scrubber.scrub,
      application: null,
      onEnd: () => {},
    });
    kill = () => {
      dead = true;
      transport.close();
    };
    current = sidecar;
    await sidecar.start(new AbortController().signal);
  }

  /** To the next appointment, and no further than `end`. */
  async function step(end: number): Promise<void> {
    await busy.idle();
    const by = Math.max(0, Math.min(clock.next, application.next, end) - clock.now());
    vault.advance(by);
    await vault.idle();
    await clock.advance(by);
    await busy.idle();
    if (application.next <= clock.now()) await application.tick();
  }

  /** Carries `work` to its end, while time goes on. */
  async function carry<T>(work: Promise<T>): Promise<T> {
    let over = false;
    const settled = work.finally(() => {
      over = true;
    });
    settled.catch(() => {});
    const giveUp = clock.now() + 3_600_000;
    for (await busy.idle(); !over; await busy.idle()) {
      if (clock.now() >= giveUp) throw new Error("it comes to no end");
      // Without an appointment it is at work where nobody counts, as at the reading of its configuration.
      if (clock.sleepers > 0) await step(giveUp);
      else await sleep(1);
    }
    return settled;
  }

  const pod: Pod = {
    plot,
    folder,
    destination,
    stateFolder,
    vault,
    seed,
    gate,
    disk,
    endpoint,
    clock,
    application,
    events,
    lines,
    asked,
    failRequests: (matching, fault, times) => void rules.push({ path: matching, fault, left: times }),
    mendRequests: () => void rules.splice(0),
    get failedRequests() {
      return failedRequests;
    },
    sidecar: () => current,
    verifyQuery,
    extra,
    async spoilState(how) {
      const file = join(stateFolder, "lessee-state.json");
      await fs.writeFile(file, how(await fs.readFile(file, "utf8")));
    },
    async pass(milliseconds) {
      const end = clock.now() + milliseconds;
      do await step(end);
      while (clock.now() < end);
    },
    async until(is, within, matches = () => true) {
      type Wanted = Extract<LesseeEvent, { is: typeof is }>;
      const giveUp = clock.now() + within;
      for (;;) {
        await busy.idle();
        const found = events.findIndex((event, i) => i >= seen && event.is === is && matches(event as Wanted));
        if (found >= 0) {
          seen = found + 1;
          return events[found] as Wanted;
        }
        if (clock.now() >= giveUp)
          throw new Error(`no "${is}" within ${within / 1000} s:\n${lines.slice(-12).join("")}`);
        await step(giveUp);
      }
    },
    async killAndRestart() {
      await busy.idle();
      kill();
      await carry(startSidecar());
    },
    async stop() {
      await application.stop();
      const now = clock.now();
      return carry(current.stop({ at: now, until: now + 20_000, release: "drained" }, 0));
    },
    dispose: () => held.disposeAsync(),
  };
  await carry(startSidecar());
  await pod.until("published", 60_000);
  application.start();
  await pod.until("confirmed", 60_000);
  held = undo.move();
  return pod;
}

// ---- internal ----

const NEVER = new AbortController().signal;

function TTL({ ttl = {} }: PodOptions) {
  return { token: ttl.token ?? "1h", tokenMax: ttl.tokenMax ?? 0 };
}

/** With a table of its own: Postgres fails one of two users that change a table's grants at the same moment. */
async function ownRole(
  { api, policy }: SeedWorld,
  plot: string,
  { postgres }: Ground,
  { ttl = {}, mayRevoke = false }: PodOptions,
): Promise<void> {
  const { host, port, user: username, password, database } = postgres;
  await api.expect("POST", "database/config/tsb", {
    plugin_name: "postgresql-database-plugin",
    allowed_roles: plot,
    connection_url: `postgresql://{{username}}:{{password}}@${host}:${port}/${database}?sslmode=disable`,
    username,
    password,
  });
  await api.expect("POST", `database/roles/${plot}`, {
    db_name: "tsb",
    default_ttl: ttl.default ?? "10m",
    max_ttl: ttl.max ?? "12m",
    creation_statements:
      `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'; ` +
      `GRANT SELECT ON ${plot} TO "{{name}}";`,
    revocation_statements: `REVOKE ALL ON ${plot} FROM "{{name}}"; DROP ROLE IF EXISTS "{{name}}";`,
  });
  const revoke = mayRevoke ? `path "sys/leases/revoke" { capabilities = ["update"] }\n` : "";
  await api.expect("PUT", `sys/policies/acl/${policy}`, {
    policy: `path "database/creds/*" { capabilities = ["read"] }\n${revoke}`,
  });
}

function emulated(fault: Exclude<HttpFault, "refused" | "timeout" | "slow">): Fault {
  if (fault === "cut") return { kind: "cut" };
  if (fault === "garbage") return { kind: "garbage", text: "<html>Welcome</html>" };
  const answer = { kind: "answer", status: fault.status, body: { errors: [fault.error] } } as const;
  return fault.status === 429 ? { ...answer, headers: { "retry-after": "7" } } : answer;
}

function worldOf(clock: Clock, files: World["files"], folder: string): World {
  const output = { write: () => true };
  let drawn = 0;
  return {
    clock,
    // In the middle, and never the same twice: names are made of it.
    random: () => 0.5 + ++drawn * 1e-9,
    files,
    spawn,
    kill: process.kill,
    claim: anyClaim,
    env: { HOME: folder, POD_NAME: "tsb-0" },
    pid: process.pid,
    uid: process.getuid?.() ?? 0,
    stdin: Readable.from([]),
    stdout: output,
    stderr: output,
  };
}

interface Places {
  readonly vault: EmulatedVault;
  readonly jwt: string;
  readonly folder: string;
  readonly path: string;
  readonly gate: Gate;
  readonly endpoint: Endpoint;
}

/** The lead is 3 min 56 s, of which two minutes are the connections' lifetime. */
function configuration({ vault, jwt, folder, path, gate, endpoint }: Places, options: PodOptions): string {
  const { credential = "", extra = false, verifyFunction = false, writes } = options;
  const plot = path.split("/").at(-1);
  const beside = writes === "beside" ? `{{ .Data.username | writeToFile "${folder}/beside/user" "" "" "0644" }}` : "";
  const sink = writes === "sink" ? `sink "file" { config = { path = "${folder}/sink/token" } }` : "";
  const more = extra ? `flavour: {{ (file "${folder}/sandbox/extra.json" | parseJSON).flavour }}{{ "\\n" }}` : "";
  return `vault { address = "${vault.address}" }
auto_auth {
  method "kubernetes" {
    mount_path = "auth/kubernetes"
    config = {
      role       = "pg"
      token_path = "${jwt}"
    }
  }
  ${sink}
}
template {
  destination = "${folder}/secrets/config.yaml"
  ${extra ? `sandbox_path = "${folder}/sandbox"` : ""}
  contents    = <<EOT
${more}{{- with secret "${path}" -}}${beside}
username: {{ .Data.username }}
password: {{ .Data.password }}
{{- end -}}
EOT
}
credential "${path}" {
  connection_max_lifetime = "2m"
  reader_grace  = "30s"
  longest_use   = "40s"
  preparation   = "10s"
  hearing       = "30s"
  margin        = "6s"
  quiet_period  = "10s"
  postgres {
    connection_url  = "postgresql://{{username}}:{{password}}@${gate.address}/tsb?sslmode=disable"
    verify_query    = "SELECT ${verifyFunction ? `check_${plot}()` : `count(*) FROM ${plot}`}"
    connect_timeout = "${options.connectTimeout ?? "2s"}"
  }
  ${credential.replaceAll("ENDPOINT", endpoint.url).replaceAll("FOLDER", folder)}
}
health { address = "" }
state  { path = "${folder}/state" }
`;
}
