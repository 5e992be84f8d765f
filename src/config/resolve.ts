/** Declared configuration, environment and command line → AgentConfig. Flags beat the environment, it beats the files. */
import type { Fault } from "../errors.ts";
import { Sensitive } from "../sensitive.ts";
import type { Declared } from "./declared.ts";
import type { DeclaredCommand, DeclaredEnvTemplate, DeclaredTemplate } from "./decode/template.ts";
import { defined } from "./defaults.ts";
import { durationFault, parseDurationOrSeconds, toMilliseconds } from "./duration.ts";
import { parseBool, quote } from "./kinds.ts";
import { resolveLog } from "./log.ts";
import { canonicalNamespace } from "./namespace.ts";
import { parseInteger } from "./numbers.ts";
import type { TelemetryConfig } from "./server-types.ts";
import type {
  AgentConfig,
  AutoAuthConfig,
  CommandConfig,
  EnvTemplateConfig,
  ParsedFlags,
  TemplateConfig,
  TemplateEngineConfig,
  VaultConfig,
} from "./types.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Resolved {
  readonly config: AgentConfig;
  /** Settings that make the configuration invalid, as an unknown log level. */
  readonly faults: readonly Fault[];
  /** Settings of environment and command line that Vault Agent looks at only when it starts. */
  readonly refusals: readonly Fault[];
}

export function resolve(declared: Declared, env: Environment, flags: ParsedFlags): Resolved {
  const faults: Fault[] = [];
  const refusals: Fault[] = [];
  const exitAfterAuth = lastFlag(flags, "exit-after-auth") ?? String(declared.exitAfterAuth);
  const config: AgentConfig = {
    ...defined({
      pidFile: declared.pidFile,
      cache: declared.cache,
      apiProxy: declared.apiProxy,
      job: declared.job,
      kubernetes: declared.kubernetes,
    }),
    exitAfterAuth: exitAfterAuth === "true",
    vault: resolveVault(declared, env, flags, refusals),
    ...(declared.autoAuth && { autoAuth: resolveAutoAuth(declared.autoAuth) }),
    templates: declared.templates.map(resolveTemplate),
    templateConfig: resolveTemplateEngine(declared),
    listeners: declared.listeners.map((listener) => ({ ...listener, role: listener.role ?? "default" })),
    ...(declared.exec && { exec: resolveExec(declared.exec) }),
    envTemplates: declared.envTemplates.map(resolveEnvTemplate),
    ...(declared.telemetry && { telemetry: resolveTelemetry(declared.telemetry) }),
    disableIdleConnections: declared.disableIdleConnections,
    disableKeepAlives: declared.disableKeepAlives,
    log: resolveLog(declared.log, env, flags, faults),
    credentials: declared.credentials,
    health: { address: exitAfterAuth === "true" ? "" : (declared.health?.address ?? "0.0.0.0:9102") },
    // The cache's own file would hold what the state file holds: its folder is taken for that one.
    state: { ...defined({ path: declared.cache?.persist?.path || undefined }), ...declared.state },
    ...defined({ jobLifetime: resolveJobLifetime(env, refusals) }),
    shutdownTimeout: declared.shutdownTimeout ?? 20_000,
    releaseOnExit: declared.releaseOnExit ?? "drained",
  };
  return { config, faults, refusals };
}

/** The flag's value; of several the last. */
function lastFlag(flags: ParsedFlags, name: string): string | undefined {
  return flags.values.get(name)?.at(-1);
}

const DEFAULT_ADDRESS = "https://127.0.0.1:8200";

function resolveVault(declared: Declared, env: Environment, flags: ParsedFlags, refusals: Fault[]): VaultConfig {
  const file = declared.vault;
  /** A variable that is there but empty still keeps the file from being heard. */
  const setting = (flag: string, variable: string, written: string | undefined) =>
    (lastFlag(flags, flag) ?? env[variable] ?? written) || undefined;
  const refuse = (variable: string, message: string, hint: string) => refusals.push({ file: variable, message, hint });
  const namespace =
    lastFlag(flags, "ns") ||
    setting("namespace", "VAULT_NAMESPACE", file?.namespace ?? declared.autoAuth?.method.namespace);
  return {
    address: setting("address", "VAULT_ADDR", file?.address) ?? DEFAULT_ADDRESS,
    ...defined({
      caCert: setting("ca-cert", "VAULT_CACERT", file?.caCert),
      caPath: setting("ca-path", "VAULT_CAPATH", file?.caPath),
      caCertBytes: env.VAULT_CACERT_BYTES || undefined,
      clientCert: setting("client-cert", "VAULT_CLIENT_CERT", file?.clientCert),
      clientKey: setting("client-key", "VAULT_CLIENT_KEY", file?.clientKey),
      clientCertBytes: env.VAULT_CLIENT_CERT_BYTES || undefined,
      clientKeyBytes: env.VAULT_CLIENT_KEY_BYTES ? new Sensitive(env.VAULT_CLIENT_KEY_BYTES) : undefined,
      tlsServerName: setting("tls-server-name", "VAULT_TLS_SERVER_NAME", file?.tlsServerName),
      namespace: canonicalNamespace(namespace),
    }),
    tlsSkipVerify: switchSetting("tls-skip-verify", "VAULT_SKIP_VERIFY", file?.tlsSkipVerify ?? false),
    clientTimeout: clientTimeout(),
    numRetries: Math.max(0, maxRetries() ?? file?.numRetries ?? 12),
    headers: requestHeaders(flags, refusals),
    disableRedirects: switchSetting("disable-redirects", "VAULT_DISABLE_REDIRECTS", false),
    ...defined({ rateLimit: rateLimit() }),
    srvLookup: switchSetting("srv-lookup", "VAULT_SRV_LOOKUP", false),
  };

  /** A real boolean: `VAULT_SKIP_VERIFY=false` does not turn verification off. */
  function switchSetting(flag: string, variable: string, written: boolean): boolean {
    const text = lastFlag(flags, flag) ?? env[variable] ?? "";
    if (text === "") return written;
    const value = parseBool(text);
    if (value === undefined) refuse(variable, `${quote(text)} is neither true nor false`, "write true or false");
    return value ?? false;
  }

  function clientTimeout(): number {
    const text = env.VAULT_CLIENT_TIMEOUT ?? "";
    const parsed = text === "" ? undefined : parseDurationOrSeconds(text);
    if (text !== "" && parsed === undefined) {
      refuse("VAULT_CLIENT_TIMEOUT", durationFault(text), 'a duration such as "30s", or a number of seconds');
    }
    return parsed === undefined || parsed <= 0 ? 60_000 : toMilliseconds(parsed);
  }

  /** `rate`, or `rate:burst`. */
  function rateLimit(): VaultConfig["rateLimit"] {
    const text = env.VAULT_RATE_LIMIT ?? "";
    if (text === "") return undefined;
    const [, rate, burst = rate] = /^(\d+(?:\.\d+)?)(?::(\d+))?$/.exec(text.trim()) ?? [];
    if (Number(rate) > 0) return { rate: Number(rate), burst: Math.max(1, Math.floor(Number(burst))) };
    refuse("VAULT_RATE_LIMIT", `${quote(text)} is not a rate`, 'requests a second, as "10" or, with a burst, "10:20"');
    return undefined;
  }

  function maxRetries(): number | undefined {
    const text = env.VAULT_MAX_RETRIES ?? "";
    if (text === "") return undefined;
    const value = parseInteger(text);
    if (value !== undefined && value >= 0) return value;
    refuse("VAULT_MAX_RETRIES", `strconv.ParseInt: parsing ${quote(text)}: invalid syntax`, "a number from 0");
    return undefined;
  }
}

function resolveJobLifetime({ LESSEE_JOB_LIFETIME: text = "" }: Environment, refusals: Fault[]): number | undefined {
  if (text === "") return undefined;
  const parsed = parseDurationOrSeconds(text);
  if (parsed !== undefined && parsed > 0) return toMilliseconds(parsed);
  const message = parsed === undefined ? durationFault(text) : "it must be longer than nothing";
  refusals.push({ file: "LESSEE_JOB_LIFETIME", message, hint: 'a duration such as "1h", or a number of seconds' });
  return undefined;
}

/** `-header name=value`; Vault's own headers are not for the user to set. */
function requestHeaders(flags: ParsedFlags, refusals: Fault[]): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const text of flags.values.get("header") ?? []) {
    const [name = "", ...value] = text.split("=");
    if (/^x-vault-/i.test(name)) {
      refusals.push({ file: "-header", message: `setting headers by name ${quote(name)} is not allowed` });
    } else {
      headers[name] = value.join("=");
    }
  }
  return headers;
}

function resolveAutoAuth(declared: NonNullable<Declared["autoAuth"]>): AutoAuthConfig {
  const { method, sinks, enableReauthOnNewCredentials } = declared;
  return {
    method: {
      ...method,
      wrapTtl: toMilliseconds(method.wrapTtl),
      minBackoff: toMilliseconds(method.minBackoff ?? 0) || 1_000,
      maxBackoff: toMilliseconds(method.maxBackoff ?? 0) || 300_000,
      config: method.config ?? {},
    },
    sinks: sinks.map((sink) => ({ ...sink, wrapTtl: toMilliseconds(sink.wrapTtl), config: sink.config ?? {} })),
    enableReauthOnNewCredentials,
  };
}

function resolveTemplate(declared: DeclaredTemplate): TemplateConfig {
  const command = resolveCommand(declared);
  const min = toMilliseconds(declared.wait?.min ?? 0);
  return {
    ...resolveText(declared),
    ...defined({
      perms: declared.perms || undefined,
      user: declared.user || ownerOf(declared.uid),
      group: declared.group || ownerOf(declared.gid),
      sandboxPath: declared.sandboxPath || undefined,
      command,
      wait: min > 0 ? { min, max: toMilliseconds(declared.wait?.max ?? 0) || 4 * min } : undefined,
    }),
    destination: declared.destination ?? "",
    createDestDirs: declared.createDestDirs ?? true,
    backup: declared.backup ?? false,
  };
}

function resolveEnvTemplate(declared: DeclaredEnvTemplate): EnvTemplateConfig {
  return { name: declared.name, ...resolveText(declared) };
}

function resolveText(declared: DeclaredTemplate) {
  return {
    ...defined({ source: declared.source || undefined, contents: declared.contents }),
    engine: declared.engine ?? (declared.source?.endsWith(".hbs") ? "handlebars" : "go"),
    errorOnMissingKey: declared.errorOnMissingKey ?? false,
    errorFatal: declared.errorFatal ?? true,
    leftDelimiter: declared.leftDelimiter || "{{",
    rightDelimiter: declared.rightDelimiter || "}}",
    functionDenylist: declared.functionDenylist ?? [],
    place: declared.place,
  } as const;
}

/** The `exec` block, or the older `command` beside it. */
function resolveCommand(declared: DeclaredTemplate): CommandConfig | undefined {
  const exec: DeclaredCommand = declared.exec?.command
    ? declared.exec
    : { ...declared.exec, ...defined({ command: declared.command, timeout: declared.commandTimeout }) };
  if (!exec.command?.length || exec.enabled === false) return undefined;
  const ms = (length: number | undefined) => (length === undefined ? undefined : toMilliseconds(length));
  return {
    command: exec.command,
    timeout: ms(exec.timeout) || 30_000,
    ...defined({
      killSignal: exec.killSignal,
      killTimeout: ms(exec.killTimeout),
      reloadSignal: exec.reloadSignal,
      splay: ms(exec.splay),
      env: exec.env,
    }),
  };
}

/** Negative means unchanged. */
function ownerOf(id: number | undefined): string | undefined {
  return id === undefined || id < 0 ? undefined : String(id);
}

function resolveExec(declared: NonNullable<Declared["exec"]>): AgentConfig["exec"] {
  const { restartOnSecretChanges } = declared;
  return { ...declared, restartOnSecretChanges: restartOnSecretChanges === "never" ? "never" : "always" };
}

function resolveTemplateEngine({ templateConfig }: Declared): TemplateEngineConfig {
  return {
    exitOnRetryFailure: templateConfig?.exitOnRetryFailure ?? false,
    staticSecretRenderInterval: toMilliseconds(templateConfig?.staticSecretRenderInterval ?? 0) || 300_000,
    leaseRenewalThreshold: templateConfig?.leaseRenewalThreshold || 0.9,
    ...defined({ maxConnectionsPerHost: templateConfig?.maxConnectionsPerHost || undefined }),
  };
}

function resolveTelemetry(declared: NonNullable<Declared["telemetry"]>): TelemetryConfig {
  return {
    ...declared,
    usageGaugePeriod: toMilliseconds(declared.usageGaugePeriod),
    prometheusRetentionTime: toMilliseconds(declared.prometheusRetentionTime),
  };
}
