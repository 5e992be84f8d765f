/** The gauges: one row each, read from the status at the moment of the scrape. */
import type { CredentialStatus, HeldStatus, Status } from "../status.ts";
import { type Labels, once, type Sample, type StatusMetric } from "./metric.ts";
import { reasonsNotReady } from "./readiness.ts";

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
  perCredential(
    "lessee_application_not_listening",
    "1 while the application goes on with an old credential though it should have taken the current one. Alert on it.",
    "notListening",
    ({ notListening }) => flag(notListening !== null),
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
  {
    type: "gauge",
    name: "lessee_owned_objects",
    help: "Tables, views and sequences that a user owns, for which it cannot be dropped; absent where not observed. Should be 0.",
    labels: ["path", "user"],
    shows: "credentials[].*.owned",
    read: ({ credentials }) =>
      credentials.flatMap(({ path, current, retiring }) => [
        ...present({ path, user: "new" }, current?.owned),
        ...present({ path, user: "old" }, sumOf(retiring.map(({ owned }) => owned))),
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
    "lessee_credential_margin_seconds",
    "How much longer than the lead the current credential lives if nothing more succeeds; negative while a renewal that fails would cut connections short, as with a token period below the lead. Absent without connection_max_lifetime.",
    "margin",
    ({ margin }) => (margin === null || margin === undefined ? null : margin / 1000),
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
    "The most database users that may be made in an hour: max_new_per_hour, else what planned rotations need, and 6.",
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
  return sumOf(retiring.map(({ sessions }) => sessions));
}

/** Of those that are known; null where none of several is. */
function sumOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return values.length > 0 && known.length === 0 ? null : known.reduce((sum, one) => sum + one, 0);
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
