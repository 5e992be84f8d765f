/** `listener "tcp" | "unix"`. */
import {
  bool,
  duration,
  integer,
  looseBool,
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
  const [agentApi] = block.blocks("agent_api");
  const listener: DeclaredListener = {
    place: block.place,
    type: type === "unix" ? "unix" : "tcp",
    role: role === "metrics_only" || role === "default" ? role : undefined,
    address: nonEmptyString(block, "address"),
    tlsDisable: looseBool(block, "tls_disable") ?? false,
    tlsCertFile: nonEmptyString(block, "tls_cert_file"),
    tlsKeyFile: nonEmptyString(block, "tls_key_file"),
    tlsMinVersion: nonEmptyString(block, "tls_min_version"),
    tlsMaxVersion: nonEmptyString(block, "tls_max_version"),
    tlsCipherSuites: nonEmptyString(block, "tls_cipher_suites"),
    tlsRequireAndVerifyClientCert: looseBool(block, "tls_require_and_verify_client_cert") ?? false,
    tlsClientCaFile: nonEmptyString(block, "tls_client_ca_file"),
    tlsDisableClientCerts: looseBool(block, "tls_disable_client_certs") ?? false,
    requireRequestHeader: looseBool(block, "require_request_header") ?? false,
    enableQuit: (agentApi && bool(agentApi, "enable_quit")) ?? false,
    socketMode: nonEmptyString(block, "socket_mode"),
    socketUser: nonEmptyString(block, "socket_user"),
    socketGroup: nonEmptyString(block, "socket_group"),
  };
  agentApi?.finish("ignored");
  checkCipherSuites(block, fault);
  checkServerKeys(block);
  block.finish("ignored");
  return listener;
}

/** Go's names, apart by commas. */
function checkCipherSuites(block: BlockReader, fault: (message: string, key: string) => void): void {
  const suites = nonEmptyString(block, "tls_cipher_suites")?.split(",") ?? [];
  const wrong = suites.find((suite) => !/^TLS_[A-Z0-9_]+$/.test(suite.trim()));
  if (wrong !== undefined)
    fault(`invalid value for tls_cipher_suites: unsupported cipher ${quote(wrong)}`, "tls_cipher_suites");
}

/** Keys of a Vault server's listener, which the agent's parser shares: checked, and without effect here. */
function checkServerKeys(block: BlockReader): void {
  for (const key of ["cluster_address", "proxy_protocol_behavior"]) string(block, key);
  integer(block, "max_request_size");
  const skips = integer(block, "x_forwarded_for_hop_skips") ?? 0;
  if (skips < 0) {
    const { line } = block.attribute("x_forwarded_for_hop_skips") ?? {};
    block.fault(`x_forwarded_for_hop_skips cannot be negative but set to ${skips}`, undefined, line);
  }
  for (const key of ["http_read_timeout", "http_read_header_timeout", "http_write_timeout", "http_idle_timeout"]) {
    duration(block, key);
  }
  for (const key of ["x_forwarded_for_reject_not_present", "x_forwarded_for_reject_not_authorized", "cors_enabled"]) {
    looseBool(block, key);
  }
  positiveDuration(block, "max_request_duration");
  for (const [key, access] of [
    ["telemetry", "unauthenticated_metrics_access"],
    ["profiling", "unauthenticated_pprof_access"],
    ["inflight_requests_logging", "unauthenticated_in_flight_requests_access"],
  ] as const) {
    for (const inner of block.blocks(key)) looseBool(inner, access);
  }
  for (const api of block.blocks("proxy_api")) bool(api, "enable_quit");
  block.attribute("custom_response_headers");
  for (const key of ["cors_allowed_origins", "cors_allowed_headers"]) strings(block, key);
}
