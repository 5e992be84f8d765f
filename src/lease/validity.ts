/** How long a secret says that it is good for, by any of the ways in which Vault's engines say it; pure. */
import { JsonNumber, type JsonValue } from "../json.ts";
import type { VaultSecret } from "../vault/secret.ts";

/** `for` counts from the read, in milliseconds; what Vault rotates is good until then and not a moment longer. */
export type Validity =
  | { readonly until: "unsaid" }
  /** `age` is how much of its whole time was over at the read, where that is known. */
  | { readonly until: "its end"; readonly for: number; readonly age?: number }
  /** `late` is for how long it has been due by Vault's own clock, where that is known. */
  | { readonly until: "rotation"; readonly for: number; readonly late?: number };

/** @param now for dates, which the server gives in its own time */
export function validityOf(secret: VaultSecret, now: number): Validity {
  const { lease } = secret;
  const data = secret.data.reveal() ?? {};
  if (lease.id === "") {
    const ttl = secondsIn(data.ttl);
    // Static roles of databases, LDAP, …: a second more, because the server cuts what is left to seconds.
    if (ttl !== undefined && data.rotation_period !== undefined) {
      const due = timeIn(data.last_vault_rotation) + (secondsIn(data.rotation_period) ?? Number.NaN);
      return { until: "rotation", for: ttl, ...(ttl === 0 && due <= now && { late: now - due }) };
    }
    const expiration = secondsIn(data.expiration);
    if (expiration !== undefined && data.certificate !== undefined) {
      const start = secondsIn(data.not_before);
      return { until: "its end", for: expiration - now, ...(start !== undefined && { age: Math.max(0, now - start) }) };
    }
    const secretIdTtl = secondsIn(data.secret_id_ttl);
    if (secretIdTtl && data.secret_id !== undefined) return { until: "its end", for: secretIdTtl };
  }
  const duration = lease.durationSeconds * 1_000;
  return duration > 0 ? { until: "its end", for: duration } : { until: "unsaid" };
}

/** NaN where it is none. */
function timeIn(value: JsonValue | undefined): number {
  return typeof value === "string" ? Date.parse(value) : Number.NaN;
}

/** In milliseconds. */
function secondsIn(value: JsonValue | undefined): number | undefined {
  const number = value instanceof JsonNumber ? value.toNumber() * 1_000 : Number.NaN;
  return Number.isFinite(number) ? Math.max(0, number) : undefined;
}
