/**
 * Every metric there is, one row each: the registry, docs/metrics.md and the tests are made from this table.
 * Counters and histograms are moved by events; gauges are read from the status at the moment of the scrape.
 */
import type { LesseeEvent } from "../events.ts";
import type { CredentialStatus, HeldStatus, Status } from "../status.ts";
import { reasonsNotReady } from "./readiness.ts";

export type Labels = Readonly<Record<string, string | number>>;

/** A counter adds the value, a histogram observes it, a gauge is set to it. */
export type Sample = readonly [labels: Labels, value: number];

export interface EventMetric {
  readonly type: "counter" | "histogram";
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram, in its unit. */
  readonly buckets?: readonly number[];
  readonly on: EventReadings;
}

export interface StatusMetric {
  readonly type: "gauge";
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** The part of the status that it shows, for the documentation. */
  readonly shows: string;
  readonly read: (status: Status) => readonly Sample[];
}

export type EventReadings = {
  readonly [Name in LesseeEvent["is"]]?: (event: Extract<LesseeEvent, { readonly is: Name }>) => readonly Sample[];
};

/** From a query in the same pod to a drain that waits for an hour-long connection. */
const STAGE_BUCKETS = [0.01, 0.05, 0.25, 1, 5, 15, 60, 300, 1_800, 7_200];
const REQUEST_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60];

export const EVENT_METRICS: readonly EventMetric[] = [
  {
    type: "counter",
    name: "lessee_vault_requests_total",
    help: "Requests to Vault; the status is the HTTP status, or error when no answer came.",
    labels: ["operation", "status"],
    on: { request: ({ operation, status }) => once({ operation, status }) },
  },
  {
    type: "histogram",
    name: "lessee_vault_request_duration_seconds",
    help: "How long requests to Vault took, whatever became of them.",
    labels: ["operation"],
    buckets: REQUEST_BUCKETS,
    on: { request: ({ operation, took }) => [[{ operation }, took / 1000]] },
  },
  {
    type: "counter",
    name: "lessee_logins_total",
    help: "Logins to Vault by outcome: ok or failed.",
    labels: ["method", "outcome"],
    on: {
      login: ({ method }) => once({ method, outcome: "ok" }),
      "login failed": ({ method }) => once({ method, outcome: "failed" }),
    },
  },
  {
    type: "counter",
    name: "lessee_token_renewals_total",
    help: "Renewals of the token by outcome: renewed, failed (the token may live on) or lost.",
    labels: ["outcome"],
    on: {
      "token renewed": () => once({ outcome: "renewed" }),
      "token renewal failed": ({ lost }) => once({ outcome: lost ? "lost" : "failed" }),
    },
  },
  {
    type: "counter",
    name: "lessee_credential_reads_total",
    help: "Reads of a credential by outcome: ok or failed. For a dynamic secret every one that is ok makes a database user.",
    labels: ["path", "outcome"],
    on: {
      read: ({ path }) => once({ path, outcome: "ok" }),
      "read failed": ({ path }) => once({ path, outcome: "failed" }),
    },
  },
  {
    type: "counter",
    name: "lessee_credentials_adopted_total",
    help: "Credentials that were taken over from the init container or from before a restart.",
    labels: ["path"],
    on: { adopted: ({ path }) => once({ path }) },
  },
  {
    type: "counter",
    name: "lessee_verifications_total",
    help: "Test logins to Postgres by outcome: ok or failed.",
    labels: ["path", "outcome"],
    on: {
      verified: ({ path }) => once({ path, outcome: "ok" }),
      "verification failed": ({ path }) => once({ path, outcome: "failed" }),
    },
  },
  {
    type: "counter",
    name: "lessee_publishes_total",
    help: "Publishes of a credential by outcome: verified, unverified (nobody logged in with it before) or failed.",
    labels: ["path", "outcome"],
    on: {
      published: ({ path, verified }) => once({ path, outcome: verified ? "verified" : "unverified" }),
      "publish failed": ({ path }) => once({ path, outcome: "failed" }),
    },
  },
  {
    type: "counter",
    name: "lessee_lease_renewals_total",
    help: "Renewals of leases by outcome: renewed, or what the failure means for the lease: kept, ended, lost or unknown.",
    labels: ["path", "outcome"],
    on: {
      renewed: ({ path }) => once({ path, outcome: "renewed" }),
      "renewal failed": ({ path, verdict }) => once({ path, outcome: verdict }),
    },
  },
  {
    type: "counter",
    name: "lessee_rotations_begun_total",
    help: "Rotations that became due, by reason.",
    labels: ["path", "reason"],
    on: { "rotation due": ({ path, reason }) => once({ path, reason }) },
  },
  {
    type: "counter",
    name: "lessee_rotations_total",
    help: "Rotations that were completed: the old credential is released.",
    labels: ["path"],
    on: { rotated: ({ path }) => once({ path }) },
  },
  {
    type: "histogram",
    name: "lessee_rotation_stage_duration_seconds",
    help: "How long each stage of the completed rotations took: read, verify, publish, notify, confirm, drain, release.",
    labels: ["path", "stage"],
    buckets: STAGE_BUCKETS,
    on: {
      rotated: ({ path, stages }) =>
        Object.entries(stages).map(([stage, took]): Sample => [{ path, stage }, took / 1000]),
    },
  },
  {
    type: "counter",
    name: "lessee_notifications_total",
    help: "Attempts to tell the application, by kind (signal, http, exec, file) and outcome: ok or failed.",
    labels: ["path", "kind", "outcome"],
    on: {
      notified: ({ path, kind }) => once({ path, kind, outcome: "ok" }),
      "notify failed": ({ path, kind }) => once({ path, kind, outcome: "failed" }),
    },
  },
  {
    type: "counter",
    name: "lessee_confirmations_total",
    help: "How it was known that the application took the new credential: by its answer (notify) or by its sessions.",
    labels: ["path", "by"],
    on: { confirmed: ({ path, by }) => once({ path, by }) },
  },
  {
    type: "counter",
    name: "lessee_sessions_terminated_total",
    help: "Sessions of an old user that were ended because the application did not let go in time: idle ones, or all.",
    labels: ["path", "which"],
    on: { terminated: ({ path, which, sessions }) => [[{ path, which }, sessions]] },
  },
  {
    type: "counter",
    name: "lessee_releases_total",
    help: "Credentials that were let go, by way: revoke, short renewal, token or expiry.",
    labels: ["path", "way"],
    on: { released: ({ path, by }) => once({ path, way: by }) },
  },
  {
    type: "counter",
    name: "lessee_release_failures_total",
    help: "Failed attempts to let a credential go.",
    labels: ["path"],
    on: { "release failed": ({ path }) => once({ path }) },
  },
  {
    type: "counter",
    name: "lessee_credentials_lost_total",
    help: "Credentials that ended before anybody let them go. Should stay 0.",
    labels: ["path"],
    on: { lost: ({ path }) => once({ path }) },
  },
  {
    type: "counter",
    name: "lessee_renders_total",
    help: "Renders by destination and outcome: written, unchanged or failed.",
    labels: ["destination", "outcome"],
    on: {
      rendered: ({ destination, changed }) => once({ destination, outcome: changed ? "written" : "unchanged" }),
      "render failed": ({ destination }) => once({ destination, outcome: "failed" }),
    },
  },
  {
    type: "counter",
    name: "lessee_configuration_reloads_total",
    help: "Reloads of the configuration by outcome: ok or refused (the old one stays).",
    labels: ["outcome"],
    on: {
      "configuration reloaded": () => once({ outcome: "ok" }),
      "configuration refused": () => once({ outcome: "refused" }),
    },
  },
  {
    type: "counter",
    name: "lessee_warnings_total",
    help: "Warnings by their code.",
    labels: ["code"],
    on: { warning: ({ code }) => once({ code }) },
  },
];

export const STATUS_METRICS: readonly StatusMetric[] = [
  {
    type: "gauge",
    name: "lessee_build_info",
    help: "Always 1; the version is in the label.",
    labels: ["version"],
    shows: "version",
    read: ({ version }) => once({ version }),
  },
  whole("lessee_start_time_seconds", "When the sidecar started, in seconds since 1970.", "startedAt", (status) =>
    seconds(status.startedAt),
  ),
  whole("lessee_ready", "1 when ready, as /readyz says, else 0.", "notReady", (status) =>
    flag(reasonsNotReady(status).length === 0),
  ),
  whole("lessee_started", "1 once all templates were published, as /startupz says.", "started", (status) =>
    flag(status.started),
  ),
  whole("lessee_stopping", "1 while stopping.", "stopping", (status) => flag(status.stopping)),
  whole(
    "lessee_token_expiry_timestamp_seconds",
    "When the token ends if nothing more succeeds; absent without a token or an end.",
    "token.expiry",
    ({ token }) => seconds(token?.expiry),
  ),
  whole(
    "lessee_token_horizon_timestamp_seconds",
    "What no renewal of the token can pass; absent while not known.",
    "token.horizon",
    ({ token }) => seconds(token?.horizon),
  ),
  whole("lessee_token_ttl_seconds", "Time until the token's expiry.", "token.expiry", ({ token, now }) =>
    left(token?.expiry, now),
  ),
  whole(
    "lessee_tokens_older",
    "Older tokens that still are the parents of leases.",
    "token.older",
    ({ token }) => token?.older,
  ),
  perCredential(
    "lessee_credential_expiry_timestamp_seconds",
    "The deadline: when the current credential ends if nothing more succeeds.",
    "current.expiry",
    ({ current }) => seconds(current?.expiry),
  ),
  perCredential(
    "lessee_credential_horizon_timestamp_seconds",
    "What no renewal of the current credential can pass; absent while not known.",
    "current.horizon",
    ({ current }) => seconds(current?.horizon),
  ),
  perCredential(
    "lessee_credential_ttl_seconds",
    "Time until the current credential's expiry; negative when it has ended.",
    "current.expiry",
    ({ current }, now) => left(current?.expiry, now),
  ),
  perCredential(
    "lessee_credential_verified",
    "1 when somebody logged in to Postgres with the current credential before it was published.",
    "current.verified",
    ({ current }) => current && flag(current.verified),
  ),
  perCredential(
    "lessee_credential_heard",
    "1 when the application has taken the current credential, 0 when not; absent where that is not observed.",
    "current.heard",
    ({ current }) => (current === null || current.heard === "not observed" ? null : flag(current.heard === "yes")),
  ),
  {
    type: "gauge",
    name: "lessee_credentials_held",
    help: "Database users that this sidecar holds, by stage: candidate, current or retiring.",
    labels: ["path", "stage"],
    shows: "credentials[]",
    read: ({ credentials }) =>
      credentials.flatMap(({ path, candidate, current, retiring }): Sample[] => [
        [{ path, stage: "candidate" }, flag(candidate !== null)],
        [{ path, stage: "current" }, flag(current !== null)],
        [{ path, stage: "retiring" }, retiring.length],
      ]),
  },
  {
    type: "gauge",
    name: "lessee_sessions",
    help: "Sessions in Postgres of the current user (new) and of the retiring ones (old); absent where not observed.",
    labels: ["path", "user"],
    shows: "credentials[].*.sessions",
    read: ({ credentials }) =>
      credentials.flatMap(({ path, current, retiring }) => [
        ...present({ path, user: "new" }, current?.sessions),
        ...present({ path, user: "old" }, oldSessions(retiring)),
      ]),
  },
  perCredential(
    "lessee_rotation_due_timestamp_seconds",
    "When the next rotation begins; absent while no end of the credential is known.",
    "rotationDue",
    ({ rotationDue }) => seconds(rotationDue),
  ),
  perCredential(
    "lessee_rotation_lead_seconds",
    "How long before the horizon a rotation begins.",
    "lead",
    ({ lead }) => lead / 1000,
  ),
  perCredential(
    "lessee_rotation_lead_fits",
    "1 when horizon and lead leave room for a rotation; 0 means that the TTLs are too short for the application.",
    "leadFits",
    ({ leadFits }) => flag(leadFits),
  ),
  perCredential(
    "lessee_new_users_last_hour",
    "Database users made in the last hour.",
    "newUsersLastHour",
    ({ newUsersLastHour }) => newUsersLastHour,
  ),
  perCredential(
    "lessee_new_users_per_hour_limit",
    "The most database users that may be made in an hour (max_new_per_hour).",
    "maxNewPerHour",
    ({ maxNewPerHour }) => maxNewPerHour,
  ),
  {
    type: "gauge",
    name: "lessee_render_timestamp_seconds",
    help: "When a destination was last rendered.",
    labels: ["destination"],
    shows: "templates[].renderedAt",
    read: ({ templates }) =>
      templates.flatMap(({ destination, renderedAt }) => present({ destination }, seconds(renderedAt))),
  },
];

function once(labels: Labels): readonly Sample[] {
  return [[labels, 1]];
}

/** A gauge without labels. */
function whole(
  name: string,
  help: string,
  shows: string,
  read: (status: Status) => number | null | undefined,
): StatusMetric {
  return { type: "gauge", name, help, labels: [], shows, read: (status) => present({}, read(status)) };
}

/** A gauge of every credential, by path. */
function perCredential(
  name: string,
  help: string,
  shows: string,
  read: (credential: CredentialStatus, now: number) => number | null | undefined,
): StatusMetric {
  return {
    type: "gauge",
    name,
    help,
    labels: ["path"],
    shows: `credentials[].${shows}`,
    read: ({ credentials, now }) => credentials.flatMap((one) => present({ path: one.path }, read(one, now))),
  };
}

/** What is not known has no sample, rather than one that says 0. */
function present(labels: Labels, value: number | null | undefined): readonly Sample[] {
  return value === null || value === undefined ? [] : [[labels, value]];
}

function oldSessions(retiring: readonly HeldStatus[]): number | null {
  const observed = retiring.flatMap(({ sessions }) => (sessions === null ? [] : [sessions]));
  return retiring.length > 0 && observed.length === 0 ? null : observed.reduce((sum, one) => sum + one, 0);
}

function seconds(ms: number | null | undefined): number | null {
  return ms === null || ms === undefined ? null : ms / 1000;
}

function left(until: number | null | undefined, now: number): number | null {
  return until === null || until === undefined ? null : (until - now) / 1000;
}

function flag(value: boolean): number {
  return value ? 1 : 0;
}
