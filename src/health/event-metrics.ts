/** The counters and histograms: one row each, with the events that move it. */
import { type EventMetric, once, type Sample } from "./metric.ts";

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
    name: "lessee_application_starts_total",
    help: "Starts of the application in exec mode: the first, or a restart with new variables.",
    labels: ["kind"],
    on: { "application started": ({ restarted }) => once({ kind: restarted ? "restart" : "first" }) },
  },
  {
    type: "counter",
    name: "lessee_application_exits_total",
    help: "Ends of the application in exec mode: asked for by lessee, or by itself.",
    labels: ["by"],
    on: { "application ended": ({ asked }) => once({ by: asked ? "lessee" : "itself" }) },
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
    name: "lessee_application_not_listening_total",
    help: "How often the application went on with an old credential though it should have taken the new one.",
    labels: ["path"],
    on: { "not listening": ({ path }) => once({ path }) },
  },
  {
    type: "counter",
    name: "lessee_application_reminders_total",
    help: "How often the application was told again though it had answered, because it used the old credential still.",
    labels: ["path"],
    on: { reminded: ({ path }) => once({ path }) },
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
    name: "lessee_clock_jumps_total",
    help: "How often our clock has jumped forward by more than 30 s: the machine has slept, or somebody has set it.",
    labels: ["path"],
    on: { "clock jumped": ({ path }) => once({ path }) },
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
    name: "lessee_certificates_replaced_total",
    help: "Replacements of the certificates for Vault while running. One that cannot be used is a warning.",
    labels: [],
    on: { "certificates replaced": () => once({}) },
  },
  {
    type: "counter",
    name: "lessee_warnings_total",
    help: "Warnings by their code.",
    labels: ["code"],
    on: { warning: ({ code }) => once({ code }) },
  },
];
