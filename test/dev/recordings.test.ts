/** Every recorded exchange with a real server, in order, against the emulated one: status, shape, warnings, error texts. */
import { connect, createServer, type Server, type Socket } from "node:net";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createServiceAccountSigner } from "../../dev/kubernetes/service-accounts.ts";
import { type Kubernetes, startKubernetes } from "../../dev/kubernetes/token-review.ts";
import { type RunningPostgres, startPostgres } from "../../dev/postgres.ts";
import { type EmulatedVault, startEmulatedVault } from "../../dev/vault/emulated-vault.ts";
import { setUpSeed } from "../../dev/vault/setup.ts";
import { sharedAvailable } from "../support/shared.ts";
import { type Count, differences, type Exchange, recordings, type Substitutions } from "./recordings.ts";

const FILES = [
  "auth-kubernetes.json",
  "auth-other.json",
  "database.json",
  "database-faults.json",
  "kv.json",
  "pki.json",
  "server-states.json",
  "token-max-ttl.json",
  "wrapping.json",
];

/** Recorded with the token that another exchange gave; all others with that of a login before. */
const TOKEN_FROM: Readonly<Record<string, string>> = {
  "token-lookup-self": "login",
  "token-renew-self": "login",
  "token-renew-self-increment": "login",
  "token-revoke-self-read-creds": "token-revoke-self-login",
  "token-revoke-self": "token-revoke-self-login",
  "token-lookup-self-after-revoke": "token-revoke-self-login",
  "token-renew-self-after-revoke": "token-revoke-self-login",
  "batch-lookup-self": "batch-token",
  "batch-renew-self": "batch-token",
  "batch-creds": "batch-token",
  "periodic-lookup-self": "periodic-token",
  "short-token-creds": "short-token-login",
  "short-token-renew-self-1": "short-token-login",
  "short-token-renew-self-2": "short-token-login",
  "short-token-renew-self-3": "short-token-login",
  "short-token-renew-self-4": "short-token-login",
  "short-token-read-after-expiry": "short-token-login",
  unwrap: "wrap",
  "unwrap-again": "wrap",
};

/** Made early in a second: from here the notes count, and what is rounded is rounded as it was recorded. */
const ISSUED = new Set(["short-creds", "short-token-login", "batch-token"]);

/**
 * What is not asked as it was recorded: Node's HTTP parser knows no LIST, so that the emulated server takes only the
 * other spelling of it, which clients use too. The answer is the same.
 */
const OTHER_SPELLING: Readonly<Record<string, string>> = {
  "kv-list-verb": "/v1/kv?list=true",
  "kv-list-empty": "/v1/kv/none?list=true",
};

/** Recorded while Postgres was stopped. */
const WITHOUT_POSTGRES = new Set(["pg-down-creds", "pg-down-renew"]);

describe.skipIf(!sharedAvailable)("the emulated Vault answers as recorded", () => {
  let postgres: RunningPostgres;
  let kubernetes: Kubernetes;
  let admin: pg.Client;
  beforeAll(async () => {
    [postgres, kubernetes] = await Promise.all([startPostgres(), startKubernetes()]);
    admin = new pg.Client(postgres.url);
    await admin.connect();
    await admin.query("CREATE ROLE vaultadmin SUPERUSER LOGIN PASSWORD 'never told'");
  });
  afterAll(async () => {
    await admin?.end();
    await Promise.all([postgres?.stop(), kubernetes?.stop()]);
  });

  describe.each(FILES)("%s", (file) => {
    let replay: Replay;
    beforeAll(async () => {
      replay = await startReplay(postgres, kubernetes);
    });
    afterAll(() => replay?.stop());

    const exchanges = sharedAvailable ? recordings(file) : [];
    it.each(exchanges.map((exchange) => [exchange.name, exchange] as const))("%s", async (_, exchange) => {
      if ("value" in exchange) return expect(await replay.usersAfter(exchange, admin)).toBe(exchange.value);
      const { status, headers, body } = await replay.send(exchange);
      expect({ status, headers }).toEqual({
        status: exchange.response.status,
        headers: constantHeaders(exchange.response.headers),
      });
      expect(differences(exchange.response.body, body, replay.known)).toEqual([]);
    });
  });
});

interface Replay {
  readonly known: Substitutions;
  send(exchange: Exchange): Promise<{ status: number; headers: Record<string, string>; body: unknown }>;
  /** Users of the last credential, so many milliseconds later as the count's name says. */
  usersAfter(count: Count, admin: pg.Client): Promise<number>;
  stop(): Promise<void>;
}

async function startReplay(postgres: RunningPostgres, kubernetes: Kubernetes): Promise<Replay> {
  // Held still, so that a slow machine does not ask a second later than the recording did.
  const start = Date.now();
  const vault = await startEmulatedVault({ rootToken: "root", time: () => start });
  const door = await openDoor(postgres);
  const jwt = kubernetes.signToken({ namespace: "tsb", name: "tsb", uid: "u-tsb" });
  await setUpAsRecorded(vault, door.port, postgres, kubernetes);
  const clock = steppingClock(vault, start);
  const known: Substitutions = new Map([["u-tsb", "u-tsb"]]);
  const tokens = new Map<string, string>();
  const session = await login(vault, jwt);
  let lastUser = "";

  function headersOf({ name, request }: Exchange): Record<string, string> {
    const headers = { ...request.headers };
    if (headers["X-Vault-Token"] === "<client token>")
      headers["X-Vault-Token"] =
        name === "creds-bad-token" ? "s.nope" : (tokens.get(TOKEN_FROM[name] ?? "") ?? session);
    return headers;
  }
  function bodyOf({ name, request }: Exchange): string | undefined {
    if (request.body === null || typeof request.body === "string") return request.body ?? undefined;
    return JSON.stringify(request.body, (_, value: unknown) => {
      if (value === "<service account JWT>") return name in JWTS ? JWTS[name]!(kubernetes) : jwt;
      if (value === "<unseal key>") return vault.unsealKey;
      if (value === "<40 MiB of x>") return "x".repeat(40 * 2 ** 20);
      return typeof value === "string" ? (known.get(value) ?? value) : value;
    });
  }

  return {
    known,
    async send(exchange) {
      const { name, note, request } = exchange;
      if (ISSUED.has(name)) await clock.begin();
      const seconds = /^(\d+) s after/.exec(note ?? "")?.[1];
      if (seconds !== undefined) await clock.reach(Number(seconds));
      if (WITHOUT_POSTGRES.has(name)) await door.close();
      else await door.open();
      const spelling = OTHER_SPELLING[name];
      const answer = await fetch(vault.address + (spelling ?? request.path), {
        method: spelling === undefined ? request.method : "GET",
        headers: headersOf(exchange),
        body: bodyOf(exchange),
      });
      const text = await answer.text();
      const body: unknown = text === "" ? "" : JSON.parse(text);
      const { auth, wrap_info, data } = body as Answered;
      tokens.set(name, auth?.client_token ?? wrap_info?.token ?? "");
      lastUser = data?.username ?? lastUser;
      await vault.idle();
      return { status: answer.status, headers: constantHeaders(Object.fromEntries(answer.headers)), body };
    },
    async usersAfter({ name }, admin) {
      vault.advance(Number(/(\d+)ms-later$/.exec(name)![1]));
      await vault.idle();
      return (await admin.query("SELECT FROM pg_roles WHERE rolname = $1", [lastUser])).rowCount!;
    },
    async stop() {
      await vault.stop();
      await door.close();
    },
  };
}

interface Answered {
  readonly auth?: { readonly client_token: string } | null;
  readonly wrap_info?: { readonly token: string } | null;
  readonly data?: { readonly username?: string } | null;
}

/** The server as it stood when the exchanges were recorded. */
async function setUpAsRecorded(
  vault: EmulatedVault,
  port: number,
  { database }: RunningPostgres,
  kubernetes: Kubernetes,
): Promise<void> {
  const { api } = await setUpSeed({
    address: vault.address,
    token: vault.rootToken,
    postgres: { host: "127.0.0.1", port, user: "vaultadmin", password: "never told", database },
    kubernetes,
  });
  await api.expect("POST", "database/config/tsb", {
    plugin_name: "postgresql-database-plugin",
    allowed_roles: "pg-role,pg-short,pg-cap",
    connection_url: `postgresql://{{username}}:{{password}}@127.0.0.1:${port}/${database}?sslmode=disable`,
    username: "vaultadmin",
    password: "never told",
  });
  const { body: role } = await api.expect("GET", "database/roles/pg-role");
  await api.expect("POST", "database/roles/pg-short", { ...role.data, default_ttl: "10s", max_ttl: "30s" });
  await api.expect("POST", "auth/kubernetes/role/pg-shorttoken", {
    bound_service_account_names: "*",
    bound_service_account_namespaces: "tsb",
    policies: "pg-auth",
    ttl: "20s",
    token_max_ttl: "40s",
  });
}

/** The JWTs of the exchanges in which another than the application's was sent. */
const JWTS: Readonly<Record<string, (kubernetes: Kubernetes) => string>> = {
  "login-forged-signature": () => createServiceAccountSigner().sign({ namespace: "tsb", name: "tsb", uid: "u-tsb" }),
  "login-wrong-namespace": (kubernetes) => kubernetes.signToken({ namespace: "elsewhere", name: "tsb" }),
};

async function login(vault: EmulatedVault, jwt: string): Promise<string> {
  const answer = await fetch(`${vault.address}/v1/auth/kubernetes/login`, {
    method: "POST",
    body: JSON.stringify({ role: "pg", jwt }),
  });
  return ((await answer.json()) as { auth: { client_token: string } }).auth.client_token;
}

/** Moves the server's clock to so many seconds after a moment that lies early in a second. */
function steppingClock(vault: EmulatedVault, start: number) {
  let advanced = 0;
  let began = 0;
  const now = () => start + advanced;
  async function advance(milliseconds: number): Promise<void> {
    advanced += milliseconds;
    vault.advance(milliseconds);
    await vault.idle();
  }
  return {
    async begin() {
      await advance(1000 - (now() % 1000));
      began = now();
    },
    // Each of the recorded exchanges took its time too.
    reach: (seconds: number) => advance(began + seconds * 1010 - now()),
  };
}

/** A way to Postgres that can be shut, so that the server finds nobody there. */
async function openDoor({ host, port }: RunningPostgres) {
  const sockets = new Set<Socket>();
  const server: Server = createServer((incoming) => {
    const outgoing = connect(port, host);
    for (const socket of [incoming, outgoing]) {
      sockets.add(socket);
      socket.on("error", () => {}).once("close", () => sockets.delete(socket));
    }
    incoming.pipe(outgoing).pipe(incoming);
  });
  const listen = (at: number) => new Promise<void>((resolve) => server.listen(at, "127.0.0.1", resolve));
  await listen(0);
  const { port: bound } = server.address() as { port: number };
  return {
    port: bound,
    async open() {
      if (!server.listening) await listen(bound);
    },
    async close() {
      if (!server.listening) return;
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** What does not depend on the moment, the body's length or the HTTP library. */
function constantHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const constant = ["cache-control", "content-type", "strict-transport-security"];
  return Object.fromEntries(Object.entries(headers).filter(([name]) => constant.includes(name)));
}
