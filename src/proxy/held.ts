/** Secrets that the sidecar holds for its templates, as answers to clients: one user serves both. */
import type { JsonValue } from "../json.ts";
import type { Alarm } from "../ports.ts";
import type { VaultSecret } from "../vault/secret.ts";
import { jsonText } from "./json-text.ts";

export interface HeldSecret {
  readonly secret: VaultSecret;
  readonly readAt: number;
  readonly expiry: number;
}

export interface HeldSecrets {
  /**
   * By its path with the namespace before it: the secret with a lease, `coming` while it is being read for the first
   * time, null where nobody holds it.
   */
  get(path: string): HeldSecret | "coming" | null;
  /** Aborts at the next change of any. */
  readonly changed: Alarm;
}

/**
 * The body of Vault's answer. Its lease is the sidecar's to renew, so that it is not renewable for the client, who
 * reads again when its time is over and is given what has taken its place.
 */
export function heldAnswer({ secret, expiry }: HeldSecret, now: number): string {
  const data: JsonValue = secret.data.reveal();
  const seconds = Math.max(0, Math.floor((expiry - now) / 1_000));
  return `{"request_id":${JSON.stringify(secret.requestId)},"lease_id":${JSON.stringify(secret.lease.id)},"renewable":false,"lease_duration":${seconds},"data":${jsonText(data)},"wrap_info":null,"warnings":null,"auth":null}\n`;
}
