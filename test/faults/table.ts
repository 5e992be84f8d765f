/**
 * Every fault at every step, once and for ever: what is tried and how it is made, or why there is no such case. The type
 * makes the table complete.
 */
import type { GateFault } from "./gate.ts";
import type { HttpFault, Pod, PodOptions } from "./pod.ts";

export const OPERATIONS = [
  "login",
  "read",
  "renew",
  "revoke",
  "lookup",
  "verify",
  "render",
  "publish",
  "notify",
  "drain",
  "state file",
] as const;
export const FAULTS = [
  "refused",
  "timeout",
  "slow",
  "400",
  "403",
  "404",
  "412",
  "429",
  "500",
  "503 sealed",
  "garbage",
  "cut mid-body",
  "disk full",
  "read-only",
  "permission",
] as const;
export const DURATIONS = ["once", "for ever"] as const;

export type Operation = (typeof OPERATIONS)[number];
export type FaultName = (typeof FAULTS)[number];
export type Duration = (typeof DURATIONS)[number];

export interface Case {
  readonly pod?: PodOptions;
  /** From now on it fails: the first time, or every time. */
  begin(pod: Pod, duration: Duration): void | Promise<void>;
  /** The fault is gone. */
  mend(pod: Pod): void | Promise<void>;
  /** How often it was met. */
  hits(pod: Pod): number;
  /** What the log has to say while it lasts: what, where, and what to do. Null where nothing fails. */
  readonly says: RegExp | null;
  /** Cured by what follows, so that nobody needs to hear of it when it happens once. */
  readonly quietOnce?: boolean;
  /** Whether the application has a working credential all the while, however long the fault lasts. */
  readonly endures: boolean;
  /** How long it may take after the fault is gone; minutes. */
  readonly recovery?: number;
  /** The fault is not gone before the end: what it keeps from being given back ends with its lease. */
  readonly lastsToTheEnd?: boolean;
  /** Once everything is well again: what is expected beside the application's queries. */
  expectWell?(pod: Pod): Promise<void>;
  /** After the pod has ended. */
  dispose?(pod: Pod): Promise<void>;
}

export interface Void {
  readonly void: string;
}

type Row = Readonly<Record<FaultName, Case | Void>>;

const none = (reason: string): Void => ({ void: reason });

// ---- requests to Vault ---------------------------------------------------------------------------------------------

const ANSWERS = {
  "400": { status: 400, error: "the request is not understood" },
  "403": { status: 403, error: "1 error occurred:\n\t* permission denied\n\n" },
  "404": { status: 404, error: "no handler for route" },
  "412": { status: 412, error: "required index state not present" },
  "429": { status: 429, error: "request path: rate limit quota exceeded" },
  "500": { status: 500, error: "internal error" },
  "503 sealed": { status: 503, error: "Vault is sealed" },
} as const;

type OverHttp = Exclude<FaultName, "disk full" | "read-only" | "permission">;

/** What the log says of each, before what to do. */
const WORDS: Readonly<Record<OverHttp, string | null>> = {
  refused: "ECONNREFUSED.*\\(nothing listens there",
  timeout: "no answer within 60 s.*\\(is it overloaded",
  slow: null,
  "400": "400 the request is not understood.*\\(Vault's log",
  "403": "403 .*permission denied.*\\(.*polic",
  "404": "404 no handler for route.*\\(nothing is mounted",
  "412": "412 required index state not present.*\\(",
  "429": "429 .*rate limit.*\\(a rate limit of the server",
  "500": "500 internal error.*\\(Vault's log",
  "503 sealed": "503 Vault is sealed.*\\(.*unseal",
  garbage: "the answer is HTML.*\\(is there a proxy in between",
  "cut mid-body": "cut in the middle of the answer.*\\(",
};

function httpFault(name: OverHttp): HttpFault {
  if (name === "cut mid-body") return "cut";
  return name in ANSWERS ? ANSWERS[name as keyof typeof ANSWERS] : (name as "refused" | "timeout" | "slow" | "garbage");
}

interface HttpStep {
  readonly path: RegExp;
  readonly pod?: PodOptions;
  readonly endures: boolean;
  readonly lastsToTheEnd?: boolean;
  /** Before the words of the fault. */
  readonly where: string;
  readonly recovery?: Partial<Record<OverHttp, number>>;
  readonly quietOnce?: OverHttp;
  /** In place of the usual words; null where it is none of the operator's matters. */
  readonly words?: Partial<Record<OverHttp, string | null>>;
  also?(pod: Pod): void;
}

function overHttp(step: HttpStep): Readonly<Record<OverHttp, Case>> {
  const cells = Object.entries(WORDS).map(([name, words]): [string, Case] => {
    const fault = httpFault(name as OverHttp);
    const own = step.words?.[name as OverHttp];
    const text = own === undefined ? words : own;
    return [
      name,
      {
        pod: step.pod ?? {},
        begin(pod, duration) {
          pod.failRequests(step.path, fault, duration === "once" ? 1 : Number.POSITIVE_INFINITY);
          step.also?.(pod);
        },
        mend: (pod) => pod.mendRequests(),
        hits: (pod) => pod.failedRequests,
        says: text === null ? null : new RegExp(`${step.where}.*${text}`),
        endures: step.endures || name === "slow",
        lastsToTheEnd: step.lastsToTheEnd ?? false,
        recovery: step.recovery?.[name as OverHttp] ?? 7,
        quietOnce: step.quietOnce === name,
      },
    ];
  });
  return Object.fromEntries(cells) as Record<OverHttp, Case>;
}

const WRITES_NOTHING = {
  "disk full": none("it writes no file"),
  "read-only": none("it writes no file"),
} as const;
const ON_VAULT = { ...WRITES_NOTHING, permission: none("what the server forbids is 403") } as const;

/** The token ends first, so that a login is due in the time of the test. */
const SHORT_TOKEN = { ttl: { max: "1h", token: "10m", tokenMax: "12m" } };

// ---- Postgres ------------------------------------------------------------------------------------------------------

type OverPostgres = "refused" | "timeout" | "slow" | "garbage" | "cut mid-body";

const NO_HTTP = "Postgres speaks no HTTP";
const NOT_OF_POSTGRES = {
  "400": none(NO_HTTP),
  "403": none(NO_HTTP),
  "404": none(NO_HTTP),
  "412": none(NO_HTTP),
  "429": none(NO_HTTP),
  "500": none(NO_HTTP),
  "503 sealed": none(NO_HTTP),
} as const;

const POSTGRES_WORDS: Readonly<Record<OverPostgres, string | null>> = {
  refused: "ECONNRESET.*\\(",
  timeout: "no answer within \\d+ ms.*\\(",
  slow: null,
  garbage: "127.0.0.1:\\d+/tsb as v-kubernet.*\\(",
  "cut mid-body": "127.0.0.1:\\d+/tsb as v-kubernet.*\\(",
};

/** From the moment on at which `from` says that the step is next. */
function overPostgres(
  at: "login" | "question",
  from: (pod: Pod) => Promise<unknown>,
  where: string,
): Readonly<Record<OverPostgres, Case>> {
  const cells = Object.entries(POSTGRES_WORDS).map(([name, words]): [string, Case] => [
    name,
    {
      pod: { connectTimeout: name === "slow" ? "2s" : "200ms" },
      async begin(pod, duration) {
        await from(pod);
        const fault = name === "cut mid-body" ? "cut" : (name as GateFault);
        const [known] = pod.application.users;
        pod.gate.fail(
          at,
          fault,
          duration === "once" ? 1 : Number.POSITIVE_INFINITY,
          at === "login" ? known : undefined,
        );
      },
      mend: (pod) => pod.gate.mend(),
      hits: (pod) => pod.gate.hits,
      says: words === null ? null : new RegExp(`${where}.*${words}`),
      endures: true,
    },
  ]);
  return Object.fromEntries(cells) as Record<OverPostgres, Case>;
}

/** Postgres itself refuses the verify query: the function that it calls raises the error. */
function refusedByPostgres(sqlstate: string, message: string, says: RegExp, endures: boolean): Case {
  return {
    pod: { verifyFunction: true },
    async begin(pod, duration) {
      await pod.verifyQuery(`RAISE EXCEPTION '${message}' USING ERRCODE = '${sqlstate}';`);
      if (duration === "for ever") return;
      await pod.until("verification failed", 3_600_000);
      await pod.verifyQuery("");
    },
    mend: (pod) => pod.verifyQuery(""),
    hits: (pod) => pod.events.filter(({ is }) => is === "verification failed").length,
    says,
    endures,
  };
}

// ---- files ---------------------------------------------------------------------------------------------------------

type OnDisk = "disk full" | "read-only" | "permission";

const CODES = { "disk full": "ENOSPC", "read-only": "EROFS", permission: "EACCES" } as const;
const DISK_WORDS: Readonly<Record<OnDisk, string>> = {
  "disk full": "(no space left|ENOSPC).*\\(",
  "read-only": "read-only.*\\(",
  permission: "permission denied.*\\(",
};

interface DiskStep {
  readonly below: (pod: Pod) => string;
  readonly pod?: PodOptions;
  readonly endures: boolean;
  readonly where: string;
}

function onDisk({ below, pod: options = {}, endures, where }: DiskStep): Readonly<Record<OnDisk, Case>> {
  const cells = Object.entries(CODES).map(([name, code]): [string, Case] => [
    name,
    {
      pod: options,
      begin: (pod, duration) =>
        pod.disk.fail({ below: below(pod), code }, duration === "once" ? 1 : Number.POSITIVE_INFINITY),
      mend: (pod) => pod.disk.mend(),
      hits: (pod) => pod.disk.hits,
      says: new RegExp(`${where}.*${DISK_WORDS[name as OnDisk]}`),
      endures,
    },
  ]);
  return Object.fromEntries(cells) as Record<OnDisk, Case>;
}

function onlyOfFiles(reason: string): Readonly<Record<Exclude<OverHttp, "garbage" | "cut mid-body">, Void>> {
  const names = ["refused", "timeout", "slow", "400", "403", "404", "412", "429", "500", "503 sealed"] as const;
  return Object.fromEntries(names.map((name) => [name, none(reason)])) as Record<(typeof names)[number], Void>;
}

const NO_SERVER = "nobody is asked for it over a network";

/** What the template reads beside the secret. */
function extraFile(broken: (pod: Pod) => Promise<void>, says: RegExp): Case {
  return {
    pod: { extra: true },
    async begin(pod, duration) {
      await broken(pod);
      if (duration === "for ever") return;
      await pod.until("render failed", 3_600_000);
      await pod.extra('{"flavour":"vanilla"}');
    },
    mend: (pod) => pod.extra('{"flavour":"vanilla"}'),
    hits: (pod) => pod.events.filter(({ is }) => is === "render failed").length,
    says,
    endures: false,
  };
}

/** The file is spoilt, and the sidecar is killed and started: once, or again and again. */
function spoiltState(spoil: (text: string) => string, says: RegExp): Case {
  return {
    async begin(pod, duration) {
      for (let times = duration === "once" ? 1 : 3; times > 0; times--) {
        await pod.spoilState(spoil);
        await pod.killAndRestart();
        await pod.until("confirmed", 600_000);
      }
    },
    mend: () => {},
    hits: () => 1,
    says,
    endures: true,
  };
}

// ---- the table -----------------------------------------------------------------------------------------------------

const path = "database/creds/p\\d+";
const secondPublished = (pod: Pod) => pod.until("published", 3_600_000);

export const TABLE: Readonly<Record<Operation, Row>> = {
  login: {
    ...overHttp({
      path: /^\/v1\/auth\/kubernetes\/login$/,
      pod: SHORT_TOKEN,
      endures: false,
      where: "login failed: .*(auth/kubernetes/login|127.0.0.1)",
    }),
    ...WRITES_NOTHING,
    permission: {
      pod: SHORT_TOKEN,
      begin: (pod, duration) =>
        pod.disk.fail(
          { below: `${pod.folder}/jwt`, code: "EACCES", calls: /^readFile$/ },
          duration === "once" ? 1 : Number.POSITIVE_INFINITY,
        ),
      mend: (pod) => pod.disk.mend(),
      hits: (pod) => pod.disk.hits,
      says: /login failed: .*cannot read the service account token \S*jwt: .*\(/,
      endures: false,
    },
  },
  read: {
    ...overHttp({
      path: /^\/v1\/database\/creds\//,
      endures: false,
      where: `read failed: path=${path}`,
      pod: { credential: "max_new_per_hour = 9" },
      // Each of these may have made a user, and the last tries of the hour's budget are kept for later.
      recovery: { timeout: 15, "500": 15, "cut mid-body": 15 },
      // A login may cure it, and is tried first.
      quietOnce: "403",
    }),
    ...ON_VAULT,
  },
  renew: {
    ...overHttp({
      path: /^\/v1\/(sys\/leases\/renew|auth\/token\/renew-self)$/,
      pod: { credential: "max_new_per_hour = 20" },
      endures: true,
      where: `renewal failed: path=${path}`,
    }),
    ...ON_VAULT,
  },
  revoke: {
    ...overHttp({
      path: /^\/v1\/(sys\/leases\/revoke|auth\/token\/revoke-self)$/,
      pod: { mayRevoke: true },
      endures: true,
      lastsToTheEnd: true,
      where: "release failed: .*",
      // Where it may not revoke it lets the lease end by a short renewal; and what was done without an answer is seen by
      // the lookup that follows. Neither is a fault.
      words: { "403": null, timeout: null, "cut mid-body": null },
    }),
    ...ON_VAULT,
  },
  lookup: {
    ...overHttp({
      path: /^\/v1\/(sys\/leases\/lookup|auth\/token\/lookup-self)$/,
      endures: true,
      lastsToTheEnd: true,
      where: "",
      // A renewal that fails is judged by a lookup. Where that says 400, the lease is unknown to the server.
      also: (pod) => pod.failRequests(/^\/v1\/sys\/leases\/renew$/, { status: 400, error: "failed to renew entry" }, 1),
      words: { slow: "failed to renew entry", "400": "lost: .*failed to renew entry" },
    }),
    ...ON_VAULT,
  },
  verify: {
    ...overPostgres("login", async () => {}, `verification failed: path=${path}`),
    ...NOT_OF_POSTGRES,
    "disk full": refusedByPostgres(
      "53100",
      "could not extend file: No space left on device",
      /verification failed: .*No space left on device.*\(/,
      true,
    ),
    "read-only": refusedByPostgres(
      "25006",
      "cannot execute UPDATE in a read-only transaction",
      /verification failed: .*read-only transaction.*\(/,
      true,
    ),
    permission: refusedByPostgres(
      "42501",
      "permission denied for table orders",
      /verification failed: .*permission denied for table orders.*\(mend the GRANTs/,
      false,
    ),
  },
  render: {
    ...onlyOfFiles("a template is evaluated in memory; what it needs was read before"),
    "cut mid-body": none("a template is evaluated in memory; what it needs was read before"),
    garbage: extraFile((pod) => pod.extra("{"), /render failed: .*config\.yaml.*parseJSON/),
    "disk full": none("it writes no file; publish does"),
    "read-only": none("it writes no file; publish does"),
    permission: extraFile((pod) => pod.extra(null), /render failed: .*config\.yaml.*outside of sandbox/),
  },
  publish: {
    ...onlyOfFiles(NO_SERVER),
    garbage: none("it reads nothing but what it wrote, and replaces that whole"),
    "cut mid-body": none("a crash in the middle is test/faults/kill.test.ts"),
    ...onDisk({
      below: (pod) => `${pod.folder}/secrets`,
      endures: false,
      where: `publish failed: path=${path}.*config\\.yaml`,
    }),
  },
  notify: {
    ...overHttp({
      path: /^\/-\/reload$/,
      pod: { reads: "when told", credential: `notify "http" { url = "ENDPOINT" }` },
      endures: false,
      where: "notify failed: .*http",
      words: {
        timeout: "no answer within 10 s.*\\(",
        "400": "answered 400.*\\(",
        "403": "answered 403.*\\(",
        "404": "answered 404.*\\(",
        "412": "answered 412.*\\(",
        "429": "answered 429.*\\(",
        "500": "answered 500.*\\(",
        "503 sealed": "answered 503.*\\(",
        refused: "ECONNREFUSED.*\\(does the application listen",
        garbage: "127.0.0.1:\\d+.*\\(",
        // Whichever comes first: the reset, or the end of the answer.
        "cut mid-body": "(cut|ECONNRESET).*\\(",
      },
    }),
    ...onDisk({
      below: (pod) => `${pod.folder}/reload-me`,
      pod: { credential: `notify "file" { path = "FOLDER/reload-me" }` },
      endures: true,
      where: "notify failed: .*reload-me",
    }),
  },
  drain: {
    ...overPostgres("question", secondPublished, "the sessions cannot be seen"),
    ...NOT_OF_POSTGRES,
    "disk full": none("it only asks who is connected"),
    "read-only": none("it only asks who is connected"),
    permission: none("every user may ask who is connected; where rows are hidden it says that it is blind"),
  },
  "state file": {
    ...onlyOfFiles(NO_SERVER),
    garbage: spoiltState(() => "\u0000garbage", /the state in \S+ is not taken up and was put aside as .*\.unusable/),
    "cut mid-body": spoiltState(
      (text) => text.slice(0, text.length / 2),
      /the state in \S+ is not taken up and was put aside as .*\.unusable/,
    ),
    ...onDisk({
      below: (pod) => pod.stateFolder,
      endures: true,
      where: "the state cannot be kept: (?=.*/state)",
    }),
  },
};
