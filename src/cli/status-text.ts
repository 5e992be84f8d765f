/** What `lessee status` prints: readiness, a line for every database user that is held, and what is wrong. */
import { deafnessText, reasonsNotReady } from "../health/readiness.ts";
import { ago, ahead, rounded } from "../health/relative.ts";
import { escapeInvisible } from "../log/invisible.ts";
import type { CredentialStatus, HeldStatus, Status, TokenStatus } from "../status.ts";

export function statusText(status: Status): string {
  const { now } = status;
  const reasons = reasonsNotReady(status);
  const lines = [
    `lessee ${status.version}: ${reasons.length === 0 ? "ready" : "not ready"}, up ${rounded(now - status.startedAt)}, pid ${status.pid}`,
    ...reasons.map((reason) => `  not ready: ${reason}`),
    ...status.warnings.map((warning) => `  warning: ${warning}`),
    "",
    ...table([HEADINGS, ...status.credentials.flatMap((one) => credentialRows(one, now))]),
    "",
    ...status.credentials.flatMap((one) => credentialLines(one, now)),
    tokenLine(status.token, now),
    ...status.templates.map(({ destination, renderedAt, missing, error }) => {
      const state = renderedAt === null ? "not rendered yet" : `rendered ${ago(renderedAt, now)}`;
      const wanted = missing.length === 0 ? "" : `, waits for ${missing.join(", ")}`;
      return `${destination}: ${state}${wanted}${error === null ? "" : `, ${error}`}`;
    }),
  ];
  return `${lines.map(escapeInvisible).join("\n")}\n`;
}

const HEADINGS = [
  "CREDENTIAL",
  "STAGE",
  "USER",
  "STEP",
  "SESSIONS",
  "ENDS",
  "AT THE LATEST",
  "RENEWALS",
  "VERIFIED",
  "TAKEN",
];

function credentialRows(credential: CredentialStatus, now: number): readonly (readonly string[])[] {
  const { path, current, candidate, retiring } = credential;
  const held = [current, candidate, ...retiring].filter((one) => one !== null);
  return held.length === 0 ? [[path, "none"]] : held.map((one) => [path, ...heldCells(one, now)]);
}

function heldCells(held: HeldStatus, now: number): readonly string[] {
  const end = (at: number) => (at > now ? ahead(at, now) : `ended ${ago(at, now)}`);
  return [
    held.stage,
    held.user ?? held.lease,
    held.step,
    held.sessions === null ? "?" : String(held.sessions),
    end(held.expiry),
    held.horizon === null ? "?" : end(held.horizon),
    held.renewable ? String(held.renewals) : "no",
    held.verified ? "yes" : "no",
    held.heard === "not observed" ? "?" : held.heard,
  ];
}

function credentialLines(credential: CredentialStatus, now: number): readonly string[] {
  const { path, rotationDue, lead, leadFits, rotations, newUsersLastHour, maxNewPerHour } = credential;
  // A sidecar of an older version does not know whether it is heard.
  const { lastError, notListening = null } = credential;
  const due = rotationDue === null ? "not known yet" : ahead(rotationDue, now);
  const users = `${newUsersLastHour} of ${maxNewPerHour} new users in the last hour`;
  return [
    `${path}: next rotation ${due}, ${rotations} done, ${users}`,
    ...(leadFits
      ? []
      : [`  the TTLs leave no room for a lead of ${rounded(lead)}: connections may outlive their user`]),
    ...(notListening === null ? [] : [`  ${deafnessText(notListening, now)}`]),
    ...(lastError === null ? [] : [`  last error: ${lastError}`]),
  ];
}

function tokenLine(token: TokenStatus | null, now: number): string {
  if (token === null) return "token: not logged in";
  const end = token.expiry === null ? "never ends" : `ends ${ahead(token.expiry, now)}`;
  const horizon = token.horizon === null ? "" : `, ${ahead(token.horizon, now)} at the latest`;
  const older = token.older === 0 ? "" : `, ${token.older} older still in use`;
  return `token: ${token.method}, ${end}${horizon}${token.renewable ? "" : ", not renewable"}${older}`;
}

/** Columns as wide as their widest cell, two spaces between them. */
function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd((widths[column] ?? 0) + 2))
      .join("")
      .trimEnd(),
  );
}
