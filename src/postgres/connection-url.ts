/** What a `connection_url` means: libpq's form and libpq's words, with the places of the credential in it. */
import { LesseeError } from "../errors.ts";
import type { DatabaseUser } from "../ports.ts";

/** libpq's modes. `allow` is taken as `prefer`: TLS first, and without it only where the server has none. */
export type SslMode = "disable" | "allow" | "prefer" | "require" | "verify-ca" | "verify-full";

export interface ConnectionTarget {
  /** A host name or address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly sslMode: SslMode;
  /** A file of PEM certificates; absent or `system`: those that Node trusts. */
  readonly sslRootCert: string | undefined;
  readonly sslCert: string | undefined;
  readonly sslKey: string | undefined;
  readonly sslNegotiation: "postgres" | "direct";
  /** Command-line options for the server, as in libpq. */
  readonly options: string | undefined;
}

const SSL_MODES: readonly SslMode[] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/** The parameters that are understood; the second list is accepted and has no effect here. */
const PARAMETERS = ["host", "port", "dbname", "user", "password", "options", "sslmode", "sslrootcert", "sslcert"];
const MORE_PARAMETERS = ["sslkey", "sslnegotiation"];
const WITHOUT_EFFECT = ["application_name", "fallback_application_name", "connect_timeout", "channel_binding"];

/**
 * Inserts the credential (percent-encoded) and reads the URL. Throws a LesseeError whose text never holds the
 * password. A URL without user information is fine: the credential's is used; one with another user is not.
 */
export function parseConnectionUrl(template: string, user: DatabaseUser): ConnectionTarget {
  const url = readUrl(template, user);
  const parameter = (name: string) => url.searchParams.get(name) ?? undefined;
  for (const name of url.searchParams.keys()) {
    if (![...PARAMETERS, ...MORE_PARAMETERS, ...WITHOUT_EFFECT].includes(name)) {
      throw fault(
        `the parameter "${name}" is not known`,
        `known are ${[...PARAMETERS, ...MORE_PARAMETERS].join(", ")}`,
      );
    }
  }
  const name = parameter("user") ?? decoded(url.username);
  if (name !== "" && name !== user.username) {
    throw fault(`it names the user "${name}"`, "write {{username}}:{{password}}@ where the credential's go");
  }
  const port = Number(parameter("port") ?? (url.port || 5432));
  if (!(Number.isInteger(port) && port > 0 && port < 65_536)) {
    throw fault("its port is not a number from 1 to 65535", "it has the form HOST:PORT");
  }
  return {
    host: parameter("host") ?? (decoded(url.hostname).replace(/^\[(.*)\]$/, "$1") || "localhost"),
    port,
    database: parameter("dbname") ?? (decoded(url.pathname.slice(1)) || user.username),
    sslMode: sslMode(parameter("sslmode")),
    sslRootCert: parameter("sslrootcert"),
    sslCert: parameter("sslcert"),
    sslKey: parameter("sslkey"),
    sslNegotiation: parameter("sslnegotiation") === "direct" ? "direct" : "postgres",
    options: parameter("options"),
  };
}

/** For messages: `postgres:5432/tsb`. */
export function targetName(target: ConnectionTarget): string {
  const host = target.host.includes(":") ? `[${target.host}]` : target.host;
  return `${host}:${target.port}/${target.database}`;
}

/** A connection that never leaves this machine needs no TLS. */
export function isLocal(target: ConnectionTarget): boolean {
  return /^(\/|localhost$|127\.|::1$)/.test(target.host);
}

/** Whether the server's certificate is checked: `require` does so only with an `sslrootcert`, as in libpq. */
export function checksCertificate(target: ConnectionTarget): boolean {
  return (
    target.sslMode === "verify-full" ||
    target.sslMode === "verify-ca" ||
    (target.sslMode === "require" && target.sslRootCert !== undefined)
  );
}

function readUrl(template: string, user: DatabaseUser): URL {
  const filled = template.replace(/\{\{\s*(username|password)\s*\}\}/g, (_, which: string) =>
    encodeURIComponent(which === "username" ? user.username : user.password.reveal()),
  );
  // libpq allows an empty host (`user@/database?host=/run/postgresql`), the URL standard does not.
  const withHost = filled.replace(/@(?=$|[/?])/, "@localhost");
  // The parser's own error is not passed on: it holds its input, and so the password.
  if (!URL.canParse(withHost)) {
    const several = /\/\/[^/?]*,/.test(template);
    throw fault(
      several ? "it names several hosts" : "it is not a URL",
      several
        ? "write one postgres block for each server"
        : "its form is postgresql://{{username}}:{{password}}@HOST:PORT/DATABASE?sslmode=verify-full",
    );
  }
  const url = new URL(withHost);
  if (url.protocol !== "postgresql:" && url.protocol !== "postgres:") {
    throw fault(`it begins with ${url.protocol}`, "it begins with postgresql://");
  }
  return url;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw fault("a % in it is not followed by two hexadecimal digits", "a % itself is written %25");
  }
}

function sslMode(text: string | undefined): SslMode {
  const mode = text === undefined ? "prefer" : SSL_MODES.find((known) => known === text);
  if (!mode) throw fault(`sslmode=${text} is not known`, `it is one of ${SSL_MODES.join(", ")}`);
  return mode;
}

function fault(what: string, hint: string): LesseeError {
  return new LesseeError("postgres-url", `connection_url cannot be used: ${what}`, { hint });
}
