/** `listener "tcp" | "unix"`. */
import {
  bool,
  duration,
  looseBool,
  looseInteger,
  nonEmptyString,
  positiveDuration,
  quote,
  string,
  strings,
} from "../kinds.ts";
import type { Place } from "../place.ts";
import type { BlockReader } from "../reader.ts";
import type { ListenerConfig } from "../server-types.ts";

/** The role is kept as written, and the types of the rest as the program uses them. */
export type DeclaredListener = Omit<ListenerConfig, "role"> & {
  readonly place: Place;
  readonly role?: "default" | "metrics_only";
};

export function decodeListeners(root: BlockReader): readonly DeclaredListener[] {
  return root
    .blocks("listener", {
      context: "error parsing 'listener': ",
      notABlock: "error parsing 'listener': listener: not an object type for struct",
      labelledUnless: [
        "type",
        "address",
        "agent_api",
        "proxy_api",
        "telemetry",
        "profiling",
        "custom_response_headers",
      ],
    })
    .map(decodeListener);
}

function decodeListener(block: BlockReader, index: number): DeclaredListener {
  const fault = (message: string, key: string) =>
    block.fault(`listeners.${index}: ${message}`, undefined, block.attribute(key)?.line);
  const type = (nonEmptyString(block, "type") ?? (block.labels.length === 1 ? block.labels[0]! : "")).toLowerCase();
  if (type === "") fault("listener type must be specified", "type");
  else if (type !== "tcp" && type !== "unix") fault(`unsupported listener type ${quote(type)}`, "type");
  const role = nonEmptyString(block, "role");
  if (role !== undefined && role !== "default" && role !== "metrics_only") {
    fault(`unsupported listener role ${quote(role)}`, "role");
  }
  const invalid = (key: string) => `listeners.${index} invalid value for ${key}: `;
  const flag = (key: string) => looseBool(block, key, invalid(key)) ?? false;
  const listener: DeclaredListener = {
    place: block.place,
    type: type === "unix" ? "unix" : "tcp",
    role: role === "metrics_only" || role === "default" ? role : undefined,
    address: nonEmptyString(block, "address"),
    tlsDisable: flag("tls_disable"),
    tlsCertFile: nonEmptyString(block, "tls_cert_file"),
    tlsKeyFile: nonEmptyString(block, "tls_key_file"),
    tlsMinVersion: nonEmptyString(block, "tls_min_version"),
    tlsMaxVersion: nonEmptyString(block, "tls_max_version"),
    tlsCipherSuites: nonEmptyString(block, "tls_cipher_suites"),
    tlsRequireAndVerifyClientCert: flag("tls_require_and_verify_client_cert"),
    tlsClientCaFile: nonEmptyString(block, "tls_client_ca_file"),
    tlsDisableClientCerts: flag("tls_disable_client_certs"),
    requireRequestHeader: flag("require_request_header"),
    enableQuit: decodeAgentApi(block),
    socketMode: nonEmptyString(block, "socket_mode"),
    socketUser: nonEmptyString(block, "socket_user"),
    socketGroup: nonEmptyString(block, "socket_group"),
  };
  checkCipherSuites(block, fault);
  checkServerKeys(block, index);
  block.finish("ignored");
  return listener;
}

/** Several blocks are one; what stands under a label is not looked at. */
function decodeAgentApi(listener: BlockReader): boolean {
  const settings = listener
    .blocks("agent_api")
    .filter(({ labels }) => labels.length === 0)
    .map((block) => {
      const enableQuit = bool(block, "enable_quit");
      block.finish("ignored");
      return enableQuit;
    });
  return settings.findLast((enableQuit) => enableQuit !== undefined) ?? false;
}

/** Go's names, apart by commas. */
function checkCipherSuites(block: BlockReader, fault: (message: string, key: string) => void): void {
  const suites = nonEmptyString(block, "tls_cipher_suites")?.split(",") ?? [];
  const wrong = suites.find((suite) => !/^TLS_[A-Z0-9_]+$/.test(suite.trim()));
  if (wrong !== undefined)
    fault(`invalid value for tls_cipher_suites: unsupported cipher ${quote(wrong)}`, "tls_cipher_suites");
}

/** Keys of a Vault server's listener, which the agent's parser shares: checked, and without effect here. */
function checkServerKeys(block: BlockReader, index: number): void {
  const parsing = (key: string) => `listeners.${index} error parsing ${key}: `;
  const flag = (reader: BlockReader, key: string, name = key) =>
    looseBool(reader, key, `listeners.${index} invalid value for ${name}: `);
  for (const key of ["cluster_address", "proxy_protocol_behavior"]) string(block, key);
  for (const key of ["max_request_size", "max_request_json_memory", "max_request_json_strings"]) {
    looseInteger(block, key, parsing(key));
  }
  const skips = looseInteger(block, "x_forwarded_for_hop_skips", parsing("x_forwarded_for_hop_skips")) ?? 0;
  if (skips < 0) {
    const { line } = block.attribute("x_forwarded_for_hop_skips") ?? {};
    block.fault(`listeners.${index} x_forwarded_for_hop_skips cannot be negative but set to ${skips}`, undefined, line);
  }
  for (const key of ["http_read_timeout", "http_read_header_timeout", "http_write_timeout", "http_idle_timeout"]) {
    duration(block, key, parsing(key));
  }
  for (const key of ["x_forwarded_for_reject_not_present", "x_forwarded_for_reject_not_authorized", "cors_enabled"]) {
    flag(block, key);
  }
  positiveDuration(block, "max_request_duration", parsing("max_request_duration"));
  for (const [key, access] of [
    ["telemetry", "unauthenticated_metrics_access"],
    ["profiling", "unauthenticated_pprof_access"],
    ["inflight_requests_logging", "unauthenticated_in_flight_requests_access"],
  ] as const) {
    for (const inner of block.blocks(key)) flag(inner, access, `${key}.${access}`);
  }
  for (const api of block.blocks("proxy_api")) bool(api, "enable_quit");
  block.attribute("custom_response_headers");
  for (const key of ["cors_allowed_origins", "cors_allowed_headers"]) strings(block, key);
}
