/** The configuration that an injected container starts with: JSON with the injector's keys, in its order. */
import { AGENT_CACHE } from "../config/state-folders.ts";
import { joinPath } from "./go-values.ts";
import { Refusal } from "./refusal.ts";
import type { InjectionRequest } from "./request.ts";
import type { InjectedSecret } from "./secrets.ts";
import { telemetryOf } from "./telemetry.ts";

export const HOME = "/home/vault";
export const TOKEN_FILE = `${HOME}/.vault-token`;

/** @param init for the container that writes the files once and ends */
export function agentConfig(request: InjectionRequest, init: boolean): object {
  const { annotations } = request;
  const { text } = annotations;
  return filled({
    auto_auth: {
      method: filled({
        type: text("auth-type"),
        mount_path: text("auth-path"),
        min_backoff: text("auth-min-backoff"),
        max_backoff: text("auth-max-backoff"),
        namespace: text("namespace"),
        config: request.authConfig,
        exit_on_err: request.autoAuthExitOnError,
      }),
      sink: [TOKEN_FILE, ...(request.injectToken ? [joinPath(request.folder, "token")] : [])].map((path) => ({
        type: "file",
        config: { path },
      })),
    },
    exit_after_auth: { keep: init },
    pid_file: `${HOME}/.pid`,
    vault: {
      address: text("service"),
      ...filled({
        ca_cert: text("ca-cert"),
        // So the injector has it: a folder, whatever the annotation's name says.
        ca_path: text("ca-key"),
        tls_skip_verify: request.tlsSkipVerify,
        client_cert: text("client-cert"),
        client_key: text("client-key"),
        tls_server_name: text("tls-server-name"),
      }),
    },
    template: request.secrets.map((secret) => templateOf(secret, request.defaultTemplate)),
    ...listening(request, init),
    template_config: filled({
      exit_on_retry_failure: { keep: request.exitOnRetryFailure },
      static_secret_render_interval: text("template-static-secret-render-interval"),
      max_connections_per_host: request.maxConnectionsPerHost,
      lease_renewal_threshold: inJson(request.leaseRenewalThreshold),
    }),
    disable_idle_connections: listOf(text("agent-disable-idle-connections")),
    disable_keep_alives: listOf(text("agent-disable-keep-alives")),
    telemetry: telemetryOf(annotations),
  });
}

/** JSON has no word for a number without end, or for none. */
function inJson(number: number): number {
  if (Number.isFinite(number)) return number;
  const name = Number.isNaN(number) ? "NaN" : number > 0 ? "+Inf" : "-Inf";
  throw new Refusal(`json: unsupported value: ${name}`, "a number, as 0.75");
}

/** What is rendered for a secret; undefined where a file in the container holds the template. */
export function templateText(secret: InjectedSecret, defaultTemplate: "map" | "json"): string | undefined {
  const { path, template, templateFile } = secret;
  if (templateFile !== "") return undefined;
  if (template !== "") return template;
  return defaultTemplate === "json"
    ? `{{ with secret "${path}" }}{{ .Data | toJSON }}\n{{ end }}`
    : `{{ with secret "${path}" }}{{ range $k, $v := .Data }}{{ $k }}: {{ $v }}\n{{ end }}{{ end }}`;
}

// ---- internal ----

function templateOf(secret: InjectedSecret, defaultTemplate: "map" | "json"): object {
  return {
    destination: secret.destination,
    ...filled({
      contents: templateText(secret, defaultTemplate),
      left_delimiter: secret.leftDelimiter,
      right_delimiter: secret.rightDelimiter,
      command: secret.command,
      source: secret.templateFile,
      perms: secret.permissions,
      error_on_missing_key: secret.errorOnMissingKey,
    }),
  };
}

function listening(request: InjectionRequest, init: boolean): object {
  const { annotations, cacheEnabled, cacheExitOnError, cachePersists, enableQuit, prePopulateOnly } = request;
  const useAutoAuthToken = { use_auto_auth_token: annotations.text("agent-cache-use-auto-auth-token") };
  const cache = cachePersists
    ? {
        ...filled(useAutoAuthToken),
        persist: filled({ type: "kubernetes", path: AGENT_CACHE, exit_on_err: cacheExitOnError }),
      }
    : cacheEnabled && !prePopulateOnly && !init
      ? filled(useAutoAuthToken)
      : undefined;
  if (cache === undefined && !enableQuit) return {};
  const address = `127.0.0.1:${annotations.text("agent-cache-listener-port")}`;
  const quit = enableQuit ? { agent_api: { enable_quit: true } } : {};
  return { listener: [{ type: "tcp", address, tls_disable: true, ...quit }], cache: { keep: cache ?? {} } };
}

function listOf(text: string): readonly string[] | undefined {
  return text === "" ? undefined : text.split(",");
}

/** Without what Go leaves out: absent, empty, zero and false, unless it stands in `keep`. */
function filled(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) => {
      if (typeof value === "object" && value !== null && "keep" in value) return [[key, value.keep]];
      const empty = value === undefined || value === "" || value === 0 || value === false;
      return empty || (Array.isArray(value) && value.length === 0) ? [] : [[key, value]];
    }),
  );
}
