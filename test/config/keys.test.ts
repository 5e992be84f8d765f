/** Keys of Vault Agent's blocks that no other test of the configuration has: what becomes of each. */
import { describe, expect, it } from "vitest";
import { loadValid, MINIMAL } from "./folder.ts";

it("a template has its sandbox, its delimiters, its denied functions, and what its command may see and how it is ended", async () => {
  const { config, warnings } = await loadValid(`${MINIMAL}template {
  source = "/t"
  destination = "/d"
  create_dest_dirs = false
  backup = true
  error_on_missing_key = true
  left_delimiter = "<<"
  right_delimiter = ">>"
  sandbox_path = "/box"
  function_denylist = ["env"]
  function_blacklist = ["plugin"]
  exec {
    command = ["reload"]
    timeout = "4s"
    kill_timeout = "3s"
    env { whitelist = ["A*"] blacklist = ["B"] }
  }
}
`);
  expect(warnings).toEqual([]);
  expect(config.templates).toMatchObject([
    {
      source: "/t",
      createDestDirs: false,
      backup: true,
      errorOnMissingKey: true,
      leftDelimiter: "<<",
      rightDelimiter: ">>",
      sandboxPath: "/box",
      functionDenylist: ["env", "plugin"],
      command: { timeout: 4_000, killTimeout: 3_000, env: { allowlist: ["A*"], denylist: ["B"] } },
    },
  ]);
});

it("exec has its output's files, and a variable its delimiters and denied functions", async () => {
  const { config, warnings } = await loadValid(`${MINIMAL}env_template "A" {
  contents = "x"
  error_on_missing_key = true
  left_delimiter = "<<"
  right_delimiter = ">>"
  function_denylist = ["env"]
}
env_template "B" { source = "/b" function_blacklist = ["plugin"] }
exec {
  command = ["app"]
  child_process_stdout = "/out"
  child_process_stderr = "/err"
}
`);
  expect(warnings).toEqual([]);
  expect(config.exec).toMatchObject({ childStdout: "/out", childStderr: "/err" });
  expect(config.envTemplates).toMatchObject([
    { errorOnMissingKey: true, leftDelimiter: "<<", rightDelimiter: ">>", functionDenylist: ["env"] },
    { source: "/b", functionDenylist: ["plugin"] },
  ]);
});

it("a listener, what is persisted and telemetry have theirs", async () => {
  const { config, warnings } = await loadValid(`${MINIMAL}listener "tcp" {
  address = "127.0.0.1:1"
  role = "metrics_only"
  require_request_header = true
  tls_cert_file = "/c"
  tls_key_file = "/k"
  tls_min_version = "tls13"
  tls_max_version = "tls13"
  tls_cipher_suites = "TLS_AES_128_GCM_SHA256"
  tls_disable_client_certs = true
}
cache {
  persist "kubernetes" { path = "/p" keep_after_import = true service_account_token_file = "/t" exit_on_err = true }
}
telemetry {
  metrics_prefix = "mine"
  statsd_address = "s:1"
  statsite_address = "t:1"
  dogstatsd_tags = ["a:b"]
  prometheus_retention_time = "1h"
  disable_hostname = true
  enable_hostname_label = true
  prefix_filter = ["-a"]
  filter_default = false
}
`);
  expect(warnings).toEqual([]);
  expect(config.listeners).toMatchObject([
    {
      role: "metrics_only",
      requireRequestHeader: true,
      tlsMinVersion: "tls13",
      tlsMaxVersion: "tls13",
      tlsCipherSuites: "TLS_AES_128_GCM_SHA256",
      tlsDisableClientCerts: true,
    },
  ]);
  expect(config.cache?.persist).toMatchObject({ path: "/p", keepAfterImport: true, serviceAccountTokenFile: "/t" });
  expect(config.telemetry).toMatchObject({
    metricsPrefix: "mine",
    statsdAddress: "s:1",
    statsiteAddress: "t:1",
    dogstatsdTags: ["a:b"],
    prometheusRetentionTime: 3_600_000,
    disableHostname: true,
    enableHostnameLabel: true,
    prefixFilter: ["-a"],
    filterDefault: false,
  });
});

describe("a key of a Vault server's listener", () => {
  const keys = [
    "cluster_address",
    "proxy_protocol_behavior",
    "max_request_size",
    "max_request_json_memory",
    "max_request_json_strings",
    "max_request_duration",
    "http_read_timeout",
    "http_read_header_timeout",
    "http_write_timeout",
    "http_idle_timeout",
    "x_forwarded_for_hop_skips",
    "x_forwarded_for_reject_not_present",
    "x_forwarded_for_reject_not_authorized",
    "cors_enabled",
    "cors_allowed_origins",
    "cors_allowed_headers",
    "custom_response_headers",
    "telemetry",
    "profiling",
    "inflight_requests_logging",
  ];
  it.each(keys)("%s changes nothing of what is understood, and is no reason for a warning", async (key) => {
    const listener = (more: string) => `${MINIMAL}listener "tcp" { address = "127.0.0.1:1"\n ${more} }\n`;
    const without = await loadValid(listener(""));
    const value = /^cors_allowed/.test(key)
      ? ' = ["1"]'
      : /^(telemetry|profiling|inflight)/.test(key)
        ? " {}"
        : ' = "1"';
    const found = await loadValid(listener(`${key}${value}`));
    expect([found.config.listeners, found.warnings]).toEqual([without.config.listeners, without.warnings]);
  });
});
