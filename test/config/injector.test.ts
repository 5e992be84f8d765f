import { describe, expect, it } from "vitest";
import { load } from "./folder.ts";

/** As the Vault injector writes it for a pod with one secret, in its order of keys. */
const SIDECAR = {
  auto_auth: {
    method: {
      type: "kubernetes",
      mount_path: "auth/kubernetes",
      config: { role: "my-app", token_path: "/var/run/secrets/kubernetes.io/serviceaccount/token" },
    },
    sink: [{ type: "file", config: { path: "/home/vault/.vault-token" } }],
  },
  exit_after_auth: false,
  pid_file: "/home/vault/.pid",
  vault: { address: "https://vault.vault.svc:8200" },
  template: [
    {
      destination: "/etc/app/config.yaml",
      contents:
        '{{- with secret "database/creds/my-app" -}}\nusername: {{ .Data.username }}\npassword: {{ .Data.password }}\n{{- end }}\n',
      left_delimiter: "{{",
      right_delimiter: "}}",
    },
  ],
  template_config: { exit_on_retry_failure: true },
};

async function read(config: object, env: Record<string, string> = {}) {
  const { loaded, faults } = await load({ "config.json": JSON.stringify(config) }, ["-config=config.json"], env);
  return loaded ?? expect.fail(faults);
}

describe("the injector's configuration", () => {
  it("is read without a warning or a reason not to start", async () => {
    const { config, warnings, refusals } = await read(SIDECAR);
    expect(warnings).toEqual([]);
    expect(refusals).toEqual([]);
    expect(config).toMatchObject({
      exitAfterAuth: false,
      pidFile: "/home/vault/.pid",
      vault: { address: "https://vault.vault.svc:8200", numRetries: 12 },
      autoAuth: {
        method: { type: "kubernetes", mountPath: "auth/kubernetes", config: { role: "my-app" } },
        sinks: [{ type: "file", config: { path: "/home/vault/.vault-token" } }],
      },
      templates: [{ destination: "/etc/app/config.yaml", engine: "go", contents: SIDECAR.template[0]?.contents }],
      templateConfig: { exitOnRetryFailure: true },
    });
  });

  it("of an init container ends after its work and has no health server", async () => {
    const { config } = await read({ ...SIDECAR, exit_after_auth: true });
    expect(config).toMatchObject({ exitAfterAuth: true, health: { address: "" } });
  });

  it("is understood with every other key that annotations bring", async () => {
    const { config, warnings } = await read({
      ...SIDECAR,
      auto_auth: {
        ...SIDECAR.auto_auth,
        method: {
          ...SIDECAR.auto_auth.method,
          namespace: "ns1",
          min_backoff: "2s",
          max_backoff: "1m",
          exit_on_err: true,
        },
      },
      vault: { ...SIDECAR.vault, ca_cert: "/vault/tls/ca.crt", tls_skip_verify: true, tls_server_name: "vault" },
      template: [{ ...SIDECAR.template[0], command: "kill -HUP 1", perms: "0400", error_on_missing_key: true }],
      template_config: {
        exit_on_retry_failure: true,
        static_secret_render_interval: "1m",
        max_connections_per_host: 20,
        lease_renewal_threshold: 0.5,
      },
      disable_idle_connections: ["auto-auth"],
      disable_keep_alives: ["templating"],
    });
    expect(warnings).toEqual([]);
    expect(config).toMatchObject({
      autoAuth: { method: { namespace: "ns1/", minBackoff: 2_000, maxBackoff: 60_000, exitOnErr: true } },
      vault: { caCert: "/vault/tls/ca.crt", tlsSkipVerify: true, tlsServerName: "vault", namespace: "ns1/" },
      templates: [{ command: { command: ["kill -HUP 1"], timeout: 30_000 }, perms: 0o400, errorOnMissingKey: true }],
      templateConfig: { staticSecretRenderInterval: 60_000, maxConnectionsPerHost: 20, leaseRenewalThreshold: 0.5 },
      disableIdleConnections: { autoAuth: true, apiProxy: false, templating: false },
      disableKeepAlives: { autoAuth: false, apiProxy: false, templating: true },
    });
  });

  it("with cache, quit and telemetry is valid, and keeps its state where the cache would be", async () => {
    const { config, refusals } = await read({
      ...SIDECAR,
      listener: [{ type: "tcp", address: "127.0.0.1:8200", tls_disable: true, agent_api: { enable_quit: true } }],
      cache: { use_auto_auth_token: "true", persist: { type: "kubernetes", path: "/vault/agent-cache" } },
      telemetry: { disable_hostname: true, prometheus_retention_time: "24h" },
    });
    expect(config).toMatchObject({
      listeners: [{ type: "tcp", address: "127.0.0.1:8200", tlsDisable: true, enableQuit: true, role: "default" }],
      cache: { useAutoAuthToken: true, persist: { type: "kubernetes", path: "/vault/agent-cache" } },
      apiProxy: { useAutoAuthToken: true, forceAutoAuthToken: false },
      telemetry: { disableHostname: true, prometheusRetentionTime: 86_400_000 },
    });
    expect(config.state).toEqual({ path: "/vault/agent-cache" });
    expect(refusals).toEqual([]);
  });

  it("takes lessee's blocks from LESSEE_CONFIG, which agent-json-patch can bring", async () => {
    const { config } = await read(SIDECAR, {
      LESSEE_CONFIG: 'credential "database/creds/my-app" { connection_max_lifetime = "1h" }',
    });
    expect(config.credentials).toMatchObject([{ path: "database/creds/my-app", connectionMaxLifetime: 3_600_000 }]);
  });
});
