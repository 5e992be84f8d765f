/** What a failed exchange means, and what mends it. */
import { TransportError } from "../errors.ts";

/** What comes of a request that is not answered in time. */
export function noAnswer(origin: string, timeout: number, effect: TransportError["effect"]): TransportError {
  const seconds = Math.round(timeout / 100) / 10;
  return new TransportError("timeout", `${origin}: no answer within ${seconds} s`, effect, { hint: HINTS.ETIMEDOUT });
}

/** What Node says of a request that failed, in one line. */
export function explain(error: Error, origin: string, effect: "never sent" | "unknown"): TransportError {
  const code = (error as NodeJS.ErrnoException).code ?? "network";
  const first = error instanceof AggregateError ? (error.errors[0] as Error | undefined) : error;
  const hint = code in HINTS ? HINTS[code as keyof typeof HINTS] : undefined;
  const text = first?.message || error.message || code;
  return new TransportError(
    code,
    `${origin}: ${text.replace(NODES_ADVICE, "").replace(/\s+/g, " ").trim()}`,
    effect,
    hint === undefined ? {} : { hint },
  );
}

/** The server, or something on the way, has broken the connection off. */
export function cutShort(origin: string): TransportError {
  const message = `${origin}: the connection was cut in the middle of the answer`;
  return new TransportError("cut", message, "unknown", { hint: HINTS.ECONNRESET });
}

/** For who starts Node himself; what a user of lessee can do is in the hint. */
const NODES_ADVICE = /; if the root CA is installed locally, try running Node\.js with --use-system-ca/;

const HINTS = {
  ECONNREFUSED: "nothing listens there; check vault.address or VAULT_ADDR",
  ENOTFOUND: "the name is not known; check vault.address or VAULT_ADDR",
  EAI_AGAIN: "the name server does not answer",
  EHOSTUNREACH: "there is no way to that host",
  ECONNRESET: "the server, or a proxy in between, has ended the connection: see their logs",
  EPIPE: "the server, or a proxy in between, has ended the connection: see their logs",
  ETIMEDOUT: "is it overloaded, or is a network policy or firewall in between?",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "the server's certificate is signed by a CA that is not known; set vault.ca_cert or VAULT_CACERT",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    "the server's certificate is signed by a CA that is not known; set vault.ca_cert or VAULT_CACERT",
  SELF_SIGNED_CERT_IN_CHAIN:
    "the server's certificate is signed by a CA that is not known; set vault.ca_cert or VAULT_CACERT",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the server's certificate is signed by itself; set vault.ca_cert or VAULT_CACERT",
  CERT_HAS_EXPIRED: "the server's certificate has expired",
  ERR_TLS_CERT_ALTNAME_INVALID:
    "the server's certificate is for another name; check vault.address, or set vault.tls_server_name",
  EPROTO: "this does not look like TLS; is the address meant to be http://?",
  HPE_INVALID_CONSTANT:
    "what answers there does not speak HTTP; is the port Vault's, and the address meant to be https://?",
  HPE_HEADER_OVERFLOW: "no Vault sends so many headers; is there a proxy in between?",
  ERR_SSL_WRONG_VERSION_NUMBER: "this does not look like TLS; is the address meant to be http://?",
} as const;
