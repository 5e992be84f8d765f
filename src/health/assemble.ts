/** The sidecar's Status from the states of its parts; pure. Readiness is said in words, each naming what it is about. */

import type { CredentialStatus, Status, TemplateStatus, TokenStatus } from "../status.ts";
import { deafnessText } from "./readiness.ts";

export interface StatusParts {
  readonly version: string;
  readonly pid: number;
  readonly startedAt: number;
  readonly now: number;
  readonly stopping: boolean;
  /** False for an agent without auto_auth, which lacks nothing without a token. */
  readonly logsIn: boolean;
  readonly token: TokenStatus | null;
  readonly loginError: string | null;
  readonly credentials: readonly CredentialStatus[];
  readonly templates: readonly TemplateStatus[];
  readonly warnings: readonly string[];
}

export function assembleStatus(parts: StatusParts): Status {
  const { loginError, logsIn, ...status } = parts;
  const started = parts.templates.every((template) => template.renderedAt !== null);
  const notReady = [
    ...(logsIn && parts.token === null && parts.credentials.every((one) => one.current === null)
      ? [loginReason(loginError)]
      : []),
    ...parts.templates.flatMap(templateReasons),
    ...parts.credentials.flatMap((credential) => credentialReasons(credential, parts.now)),
  ];
  return { ...status, started, notReady };
}

// ---- internal ----

function loginReason(error: string | null): string {
  return error === null ? "not logged in yet" : `not logged in: ${error}`;
}

function templateReasons(template: TemplateStatus): readonly string[] {
  if (template.error !== null) return [`${template.destination}: ${template.error}`];
  if (template.renderedAt !== null) return [];
  return [
    template.missing.length > 0
      ? `${template.destination}: waits for ${template.missing.join(", ")}`
      : `${template.destination}: not written yet`,
  ];
}

function credentialReasons(credential: CredentialStatus, now: number): readonly string[] {
  const { path, current, lastError, notListening, unasked } = credential;
  if (unasked) return [];
  const because = lastError === null ? "" : `: ${lastError}`;
  if (current === null) return [`${path}: there is no credential${because}`];
  if (current.expiry <= now) return [`${path}: the credential has expired${because}`];
  return notListening?.urgent ? [`${path}: ${deafnessText(notListening, now)}`] : [];
}
