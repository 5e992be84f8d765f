/** What a failure says of the credential: the one table that decides whether a new user would cure it (rule W9). */
import { DatabaseError } from "../errors.ts";

type Blame = DatabaseError["blames"];

interface Judgement {
  readonly blames: Blame;
  readonly hint?: string;
}

/** By SQLSTATE. What is not here is the server's matter: a new user costs more than a wait. */
const BY_SQLSTATE: Readonly<Record<string, Judgement>> = {
  "28P01": {
    blames: "credential",
    hint: "the password is wrong, VALID UNTIL is over, or the role is not there (yet, on a replica)",
  },
  "42501": { blames: "privilege", hint: "mend the GRANTs of the role's creation_statements" },
  // In a session whose role was dropped: the role's oid has no name any more.
  "42704": { blames: "credential", hint: "the role was dropped" },
  "3D000": { blames: "server", hint: "name an existing database in connection_url" },
  "42P01": { blames: "server", hint: "mend the verify_query" },
  "42601": { blames: "server", hint: "mend the verify_query" },
  "25006": {
    blames: "server",
    hint: "it is a standby, or read-only: name the primary, or let the verify_query only read",
  },
  "53100": { blames: "server", hint: "free some space on the disk of Postgres" },
  "53300": { blames: "server", hint: "raise max_connections or the role's CONNECTION LIMIT, or use smaller pools" },
  "57014": { blames: "server", hint: "the verify_query takes longer than connect_timeout" },
  "57P03": { blames: "server", hint: "Postgres is starting up or shutting down" },
};

const BY_NETWORK_CODE: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there: is Postgres running, and are host and port right?",
  ENOTFOUND: "the host name is not known",
  EAI_AGAIN: "the name server does not answer",
  ENOENT: "the socket does not exist",
  ETIMEDOUT: "no answer: is a network policy or firewall in between?",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "no route to the network",
  ECONNRESET: "the connection was cut",
  EPIPE: "the connection was cut",
  SELF_SIGNED_CERT_IN_CHAIN: "name the CA's file as sslrootcert",
  DEPTH_ZERO_SELF_SIGNED_CERT: "name the certificate's file as sslrootcert",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "name the CA's file as sslrootcert",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "name the CA's file as sslrootcert",
  ERR_TLS_CERT_ALTNAME_INVALID: "connect by a name of the certificate, or use sslmode=verify-ca",
  CERT_HAS_EXPIRED: "renew the server's certificate",
};

/** What is known of anything that pg, Node's sockets or TLS throw. */
export interface Failure {
  readonly message: string;
  /** A SQLSTATE where Postgres itself answered, else Node's code. */
  readonly code?: string;
  /** The function of the server's source that refused: tells apart what shares a SQLSTATE, in every language. */
  readonly routine?: string;
}

/** `where` says who tried what: `postgres:5432/tsb as v-1`. The password, should it occur in the text, is cut out. */
export function databaseError(where: string, thrown: unknown, password: string): DatabaseError {
  if (thrown instanceof DatabaseError) return thrown;
  const failure = readFailure(thrown);
  const sqlstate = failure.code !== undefined && /^[0-9A-Z]{5}$/.test(failure.code) ? failure.code : undefined;
  const { blames, hint } = judge(failure, sqlstate);
  const text = password.length === 0 ? failure.message : failure.message.replaceAll(password, "[redacted]");
  const code = failure.code === undefined || text.includes(failure.code) ? "" : ` (${failure.code})`;
  return new DatabaseError(blames, `${where}: ${text}${code}`, sqlstate, hint === undefined ? {} : { hint });
}

/** Node throws one error for every address of a host; the first says enough. */
function readFailure(thrown: unknown): Failure {
  const first: unknown = thrown instanceof AggregateError ? thrown.errors[0] : thrown;
  if (!(first instanceof Error)) return { message: String(first) };
  return {
    message: first.message || first.name,
    ...("code" in first && typeof first.code === "string" && { code: first.code }),
    ...("routine" in first && typeof first.routine === "string" && { routine: first.routine }),
  };
}

function judge(failure: Failure, sqlstate: string | undefined): Judgement {
  if (sqlstate === "28000") {
    // The role is gone or may not log in; otherwise pg_hba.conf refuses, whoever it is.
    return failure.routine === "InitializeSessionUserId"
      ? { blames: "credential", hint: "the role is gone or may not log in" }
      : { blames: "server", hint: "pg_hba.conf refuses this user, address, database or (missing) TLS" };
  }
  const known = sqlstate === undefined ? undefined : BY_SQLSTATE[sqlstate];
  if (known) return known;
  if (isWithoutTls(failure)) {
    return { blames: "server", hint: "turn TLS on in Postgres, or allow plain connections with sslmode=disable" };
  }
  const hint = failure.code === undefined ? hintByWords(failure.message) : BY_NETWORK_CODE[failure.code];
  return hint === undefined ? { blames: "server" } : { blames: "server", hint };
}

/** pg and we ourselves give no code for these. */
function hintByWords(message: string): string | undefined {
  if (message.startsWith("no answer within"))
    return "is Postgres overloaded, a network policy or firewall in between, or something else listening there?";
  if (message.startsWith("Connection terminated"))
    return "Postgres, or a proxy in between, has ended it: see their logs";
  return undefined;
}

/** pg's own words (it gives no code) when the server answers that it has no TLS. */
export function isWithoutTls(thrown: unknown): boolean {
  return (
    typeof thrown === "object" &&
    thrown !== null &&
    "message" in thrown &&
    thrown.message === "The server does not support SSL connections"
  );
}
