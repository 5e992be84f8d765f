/** lessee's own blocks as `lessee validate -json` prints them. */
import type { DeclaredLessee } from "./decode/lessee.ts";
import { defined } from "./defaults.ts";
import { formatDuration } from "./duration.ts";
import type { CredentialConfig } from "./types.ts";

/** With the defaults of a credential filled in; undefined when the files do not speak of it. */
export function parsedLessee(config: DeclaredLessee): object | undefined {
  const { credentials, health, state, job, kubernetes, shutdownTimeout, releaseOnExit } = config;
  const own = defined({
    credential: credentials.length > 0 ? credentials.map(withoutPasswords) : undefined,
    health,
    state,
    job,
    kubernetes,
    shutdownTimeout,
    releaseOnExit,
  });
  return Object.keys(own).length > 0 ? (inWordsOfTheFile(own) as object) : undefined;
}

/** A password in a connection URL and the values of HTTP headers are not shown. */
function withoutPasswords(credential: CredentialConfig): CredentialConfig {
  return {
    ...credential,
    postgres: credential.postgres.map((postgres) => ({
      ...postgres,
      connectionUrl: postgres.connectionUrl.replace(/(:\/\/[^/@:]*:)(?!\{\{)[^@/]*@/, "$1[redacted]@"),
    })),
    notify: credential.notify.map((notify) =>
      notify.kind === "http"
        ? { ...notify, headers: Object.fromEntries(Object.keys(notify.headers).map((name) => [name, "[redacted]"])) }
        : notify,
    ),
  };
}

const DURATIONS: ReadonlySet<string> = new Set([
  "connectionMaxLifetime",
  "lifetime",
  "readerGrace",
  "longestUse",
  "preparation",
  "hearing",
  "margin",
  "quietPeriod",
  "connectTimeout",
  "timeout",
  "shutdownTimeout",
]);

/** Names whose keys are the user's own. */
const MAPS: ReadonlySet<string> = new Set(["headers", "env"]);

/** In snake_case, with durations as Go prints them. */
function inWordsOfTheFile(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inWordsOfTheFile);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(defined(value as Record<string, unknown>)).map(([key, inner]) => {
    const name = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    if (DURATIONS.has(key)) return [name, formatDuration((inner as number) * 1e6)];
    return [name, MAPS.has(key) ? inner : inWordsOfTheFile(inner)];
  });
  return Object.fromEntries(entries);
}
