/** A listener's TLS: what the configuration says in Go's words, as Node knows it. */
import { getCiphers, type TlsOptions } from "node:tls";
import type { ListenerConfig } from "../config/server-types.ts";
import { LesseeError } from "../errors.ts";
import type { Files } from "../ports.ts";

/** null for a listener without TLS. Rejects with a LesseeError (code `listener`) for what cannot be read or used. */
export async function listenerTls(config: ListenerConfig, files: Pick<Files, "readFile">): Promise<TlsOptions | null> {
  if (config.tlsDisable) return null;
  const { tlsCertFile, tlsKeyFile, tlsClientCaFile } = config;
  if (tlsCertFile === undefined || tlsKeyFile === undefined) {
    throw refusal("'tls_cert_file' and 'tls_key_file' are needed", "or set tls_disable = true");
  }
  const [minVersion, maxVersion] = versions(config);
  if (config.tlsDisableClientCerts && config.tlsRequireAndVerifyClientCert) {
    throw refusal("'tls_disable_client_certs' and 'tls_require_and_verify_client_cert' are mutually exclusive");
  }
  const verifies = config.tlsRequireAndVerifyClientCert;
  const read = (path: string, key: string) =>
    files.readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      throw refusal(`${key}: cannot read ${path}: ${error.code ?? error.message}`);
    });
  return {
    cert: await read(tlsCertFile, "tls_cert_file"),
    key: await read(tlsKeyFile, "tls_key_file"),
    minVersion,
    maxVersion,
    ...(config.tlsCipherSuites === undefined ? {} : { ciphers: ciphers(config.tlsCipherSuites) }),
    // One that a client shows is looked at only where it has to be one of ours.
    requestCert: !config.tlsDisableClientCerts,
    rejectUnauthorized: verifies,
    ...(verifies && tlsClientCaFile !== undefined ? { ca: await read(tlsClientCaFile, "tls_client_ca_file") } : {}),
    ALPNProtocols: ["http/1.1"],
  };
}

// ---- internal ----

const VERSIONS = { tls10: "TLSv1", tls11: "TLSv1.1", tls12: "TLSv1.2", tls13: "TLSv1.3" } as const;
const NAMES = Object.keys(VERSIONS);

function versions(config: ListenerConfig) {
  const { tlsMinVersion: min = "tls12", tlsMaxVersion: max = "tls13" } = config;
  for (const [key, value] of [
    ["tls_min_version", min],
    ["tls_max_version", max],
  ] as const) {
    if (NAMES.includes(value)) continue;
    throw refusal(`'${key}' value "${value}" not supported, please specify one of [${NAMES.join(",")}]`);
  }
  if (NAMES.indexOf(max) < NAMES.indexOf(min)) {
    throw refusal("'tls_max_version' must be greater than or equal to 'tls_min_version'");
  }
  return [VERSIONS[min as keyof typeof VERSIONS], VERSIONS[max as keyof typeof VERSIONS]] as const;
}

/** Those of TLS 1.3 are not for choice, as in Go: without them Node would not speak it at all. */
function ciphers(suites: string): string {
  const known = new Set(getCiphers());
  const chosen = suites.split(",").map((suite) => {
    const name = openSslName(suite.trim());
    // OpenSSL would pass over one that it does not know.
    if (!known.has(name.toLowerCase())) throw refusal(`tls_cipher_suites: ${suite.trim()} is not supported`);
    return name;
  });
  return [
    ...new Set(["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", ...chosen]),
  ].join(":");
}

/** `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256` → `ECDHE-RSA-AES128-GCM-SHA256`. */
function openSslName(suite: string): string {
  const [, exchange, cipher] = /^TLS_(\w+?)_WITH_(\w+)$/.exec(suite) ?? [];
  if (exchange === undefined || cipher === undefined) return suite;
  const name = cipher
    .replace(/^AES_(\d+)_/, "AES$1_")
    .replace(/_CBC_SHA/, "_SHA")
    .replace(/^3DES_EDE/, "DES_CBC3")
    .replace(/^(CHACHA20_POLY1305)_SHA256$/, "$1")
    .replaceAll("_", "-");
  return exchange === "RSA" ? name : `${exchange.replaceAll("_", "-")}-${name}`;
}

function refusal(message: string, hint?: string): LesseeError {
  return new LesseeError("listener", `listener: ${message}`, hint === undefined ? {} : { hint });
}
