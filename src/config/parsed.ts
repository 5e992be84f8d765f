/**
 * The merged configuration as `lessee validate -json` prints it: Vault Agent's names, durations and signals as Go
 * prints them, what is absent or zero left out, lessee's own blocks under `lessee`.
 */
import type { Declared, DeclaredTemplateConfig } from "./declared.ts";
import type { DeclaredAutoAuth, DeclaredSink } from "./decode/auto-auth.ts";
import type { DeclaredListener } from "./decode/listener.ts";
import type { DeclaredApiProxy, DeclaredCache, DeclaredVault } from "./decode/server.ts";
import { goWord } from "./decode/signals.ts";
import type { DeclaredTelemetry } from "./decode/telemetry.ts";
import type { DeclaredCommand, DeclaredEnvTemplate, DeclaredExec, DeclaredTemplate } from "./decode/template.ts";
import { defined } from "./defaults.ts";
import { formatDuration, type Nanoseconds } from "./duration.ts";
import { parsedLessee } from "./parsed-lessee.ts";
import type { PersistConfig } from "./server-types.ts";
import type { CommandEnvironment } from "./types.ts";

export function toParsed(config: Declared): object {
  const { disableIdleConnections: idle, disableKeepAlives: keepAlives, log } = config;
  return present({
    pid_file: config.pidFile,
    exit_after_auth: config.exitAfterAuth,
    vault: config.vault && vault(config.vault),
    auto_auth: config.autoAuth && autoAuth(config.autoAuth),
    cache: config.cache && cache(config.cache),
    api_proxy: config.apiProxy && tokenUse(config.apiProxy),
    template: config.templates.map(template),
    template_config: config.templateConfig && templateConfig(config.templateConfig),
    exec: config.exec && exec(config.exec),
    env_template: config.envTemplates.map(envTemplate),
    listener: config.listeners.map(listener),
    telemetry: config.telemetry && telemetry(config.telemetry),
    disable_idle_conns_auto_auth: idle.autoAuth,
    disable_idle_conns_api_proxy: idle.apiProxy,
    disable_idle_conns_templating: idle.templating,
    disable_keep_alives_auto_auth: keepAlives.autoAuth,
    disable_keep_alives_api_proxy: keepAlives.apiProxy,
    disable_keep_alives_templating: keepAlives.templating,
    log_level: log.level?.value,
    log_format: log.format?.value,
    log_file: log.file,
    log_rotate_bytes: log.rotateBytes,
    log_rotate_duration: log.rotateDuration?.value,
    log_rotate_max_files: log.rotateMaxFiles,
    cluster_name: config.clusterName,
    default_max_request_duration: go(config.defaultMaxRequestDuration),
    lessee: parsedLessee(config),
  });
}

function vault(config: DeclaredVault): object {
  return {
    ...present({
      address: config.address,
      ca_cert: config.caCert,
      ca_path: config.caPath,
      client_cert: config.clientCert,
      client_key: config.clientKey,
      tls_server_name: config.tlsServerName,
      namespace: config.namespace,
      num_retries: config.numRetries,
    }),
    tls_skip_verify: config.tlsSkipVerify,
  };
}

function autoAuth({ method, sinks, enableReauthOnNewCredentials }: DeclaredAutoAuth): object {
  return present({
    method: {
      ...present({
        type: method.type,
        mount_path: method.mountPath,
        namespace: method.namespace,
        wrap_ttl: go(method.wrapTtl),
        min_backoff: go(method.minBackoff),
        max_backoff: go(method.maxBackoff),
        exit_on_err: method.exitOnErr,
      }),
      config: method.config ?? null,
    },
    sink: sinks.map(sink),
    enable_reauth_on_new_credentials: enableReauthOnNewCredentials,
  });
}

function sink(config: DeclaredSink): object {
  return {
    ...present({
      type: config.type,
      wrap_ttl: go(config.wrapTtl),
      dh_type: config.dhType,
      dh_path: config.dhPath,
      derive_key: config.deriveKey,
      aad: config.aad,
    }),
    config: config.config ?? null,
  };
}

function tokenUse(config: DeclaredApiProxy | DeclaredCache): object {
  return { use_auto_auth_token: config.useAutoAuthToken, force: config.forceAutoAuthToken };
}

function cache(config: DeclaredCache): object {
  return { ...tokenUse(config), ...(config.persist && { persist: persist(config.persist) }) };
}

function persist(config: PersistConfig): object {
  return {
    type: config.type,
    path: config.path,
    keep_after_import: config.keepAfterImport,
    exit_on_err: config.exitOnErr,
    service_account_token_file: config.serviceAccountTokenFile,
  };
}

/** A template's own values are shown as soon as they are written, whatever they are. */
function template(config: DeclaredTemplate): object {
  return defined({
    source: config.source,
    contents: config.contents,
    destination: config.destination,
    engine: config.engine,
    create_dest_dirs: config.createDestDirs,
    perms: config.perms === undefined ? undefined : `0${config.perms.toString(8)}`,
    user: config.user,
    group: config.group,
    uid: config.uid,
    gid: config.gid,
    backup: config.backup,
    command: config.command,
    command_timeout: written(config.commandTimeout),
    exec: config.exec && command(config.exec),
    wait: config.wait && defined({ min: written(config.wait.min), max: written(config.wait.max) }),
    error_on_missing_key: config.errorOnMissingKey,
    error_fatal: config.errorFatal,
    left_delimiter: config.leftDelimiter,
    right_delimiter: config.rightDelimiter,
    sandbox_path: config.sandboxPath,
    function_denylist: config.functionDenylist,
  });
}

function command(config: DeclaredCommand): object {
  return defined({
    enabled: config.enabled,
    command: config.command,
    timeout: written(config.timeout),
    kill_signal: config.killSignal && goWord(config.killSignal),
    kill_timeout: written(config.killTimeout),
    reload_signal: config.reloadSignal && goWord(config.reloadSignal),
    splay: written(config.splay),
    env: config.env && environment(config.env),
  });
}

function environment({ pristine, custom, allowlist, denylist }: CommandEnvironment): object {
  return present({ pristine, custom, allowlist, denylist });
}

function envTemplate(config: DeclaredEnvTemplate): object {
  return { env: config.name, ...template(config) };
}

function exec(config: DeclaredExec): object {
  return defined({
    command: config.command,
    restart_on_secret_changes: config.restartOnSecretChanges,
    restart_stop_signal: goWord(config.restartStopSignal),
    child_process_stdout: config.childStdout,
    child_process_stderr: config.childStderr,
  });
}

function templateConfig(config: DeclaredTemplateConfig): object {
  return {
    exit_on_retry_failure: config.exitOnRetryFailure,
    static_secret_render_interval: formatDuration(config.staticSecretRenderInterval),
  };
}

function listener(config: DeclaredListener): object {
  return present({
    type: config.type,
    address: config.address,
    role: config.role,
    tls_disable: config.tlsDisable,
    tls_cert_file: config.tlsCertFile,
    tls_key_file: config.tlsKeyFile,
    tls_min_version: config.tlsMinVersion,
    tls_max_version: config.tlsMaxVersion,
    tls_cipher_suites: config.tlsCipherSuites,
    tls_require_and_verify_client_cert: config.tlsRequireAndVerifyClientCert,
    tls_client_ca_file: config.tlsClientCaFile,
    tls_disable_client_certs: config.tlsDisableClientCerts,
    require_request_header: config.requireRequestHeader,
    agent_api: config.enableQuit ? { enable_quit: true } : undefined,
    socket_mode: config.socketMode,
    socket_user: config.socketUser,
    socket_group: config.socketGroup,
  });
}

function telemetry(config: DeclaredTelemetry): object {
  return {
    ...present({
      metrics_prefix: config.metricsPrefix,
      disable_hostname: config.disableHostname,
      enable_hostname_label: config.enableHostnameLabel,
      usage_gauge_period: go(config.usageGaugePeriod),
      maximum_gauge_cardinality: config.maximumGaugeCardinality,
      statsite_address: config.statsiteAddress,
      statsd_address: config.statsdAddress,
      dogstatsd_addr: config.dogstatsdAddr,
      dogstatsd_tags: config.dogstatsdTags,
      prometheus_retention_time: go(config.prometheusRetentionTime),
      lease_metrics_epsilon: go(config.leaseMetricsEpsilon),
      num_lease_metrics_buckets: config.numLeaseMetricsBuckets,
      add_lease_metrics_namespace_labels: config.addLeaseMetricsNamespaceLabels,
      prefix_filter: config.prefixFilter,
    }),
    ...defined({ filter_default: config.filterDefault }),
    ...withoutToken(config.services),
  };
}

function withoutToken(services: DeclaredTelemetry["services"]): object {
  return { ...services, ...("circonus_api_token" in services ? { circonus_api_token: "[redacted]" } : {}) };
}

function go(duration: Nanoseconds | undefined): string | undefined {
  return duration ? formatDuration(duration) : undefined;
}

function written(duration: Nanoseconds | undefined): string | undefined {
  return duration === undefined ? undefined : formatDuration(duration);
}

/** Without what is absent, empty, zero or false. */
function present(values: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => Boolean(value) && !(Array.isArray(value) && value.length === 0)),
  );
}
