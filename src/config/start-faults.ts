/** What Vault Agent takes as valid and refuses when it starts, in its words. */
import type { Fault } from "../errors.ts";
import type { Place } from "./place.ts";
import type { ApiProxyConfig, TelemetryConfig } from "./server-types.ts";
import type { AgentConfig, AuthMethodConfig, SinkConfig, TemplateConfig, VaultConfig } from "./types.ts";

/** Every reason not to start that can be told from the configuration alone. */
export function startFaults(config: AgentConfig): readonly Fault[] {
  const { apiProxy, autoAuth, cache, telemetry } = config;
  return [
    ...unusableAddress(config.vault),
    ...clientCertificate(config.vault),
    ...(autoAuth ? backoff(autoAuth.method) : []),
    ...wrappedToken(config),
    ...(autoAuth?.sinks.flatMap(sinkFaults) ?? []),
    ...config.templates.flatMap(templateFaults),
    ...(apiProxy ? consistency(apiProxy) : []),
    ...(cache?.persist ? persistence(cache.persist) : []),
    ...(telemetry ? filterFaults(telemetry) : []),
    ...ownListener(config),
    ...(config.job && config.exec
      ? [fault(config.exec.place, "job: with exec the application's end is known", "leave the job block out")]
      : []),
  ];
}

function fault(place: Place | undefined, message: string, hint?: string): Fault {
  return { ...(place ?? { file: "configuration" }), message, ...(hint ? { hint } : {}) };
}

/** Nothing could ever be sent there. */
function unusableAddress({ address }: VaultConfig): readonly Fault[] {
  if (/^unix:(\/\/)?\/./.test(address) || /^https?:$/.test(URL.parse(address)?.protocol ?? "")) return [];
  const hint = "https://HOST:PORT, or unix:///PATH; -address goes before VAULT_ADDR, and that before the file";
  return [fault(undefined, `vault.address: ${JSON.stringify(address)} is not an address`, hint)];
}

function clientCertificate(vault: VaultConfig): readonly Fault[] {
  const certificate = vault.clientCert ?? vault.clientCertBytes;
  const key = vault.clientKey ?? vault.clientKeyBytes;
  return (certificate === undefined) === (key === undefined)
    ? []
    : [fault(undefined, "both client cert and client key must be provided")];
}

function backoff(method: AuthMethodConfig): readonly Fault[] {
  return method.minBackoff < method.maxBackoff
    ? []
    : [fault(method.place, "auth handler: min_backoff cannot be greater than max_backoff", "nor equal to it")];
}

/** Vault Agent starts, and then fails with every secret, because it takes the wrapping for the token. */
function wrappedToken({ autoAuth, envTemplates, templates }: AgentConfig): readonly Fault[] {
  if (!autoAuth || autoAuth.method.wrapTtl === 0 || templates.length + envTemplates.length === 0) return [];
  const message = "auto_auth.method.wrap_ttl: nobody here has the token, so that no template can be rendered with it";
  return [fault(autoAuth.method.place, message, "set wrap_ttl on the sink, or let whoever unwraps the token render")];
}

function sinkFaults(sink: SinkConfig): readonly Fault[] {
  if (sink.type !== "file") return [fault(sink.place, `unknown sink type "${sink.type}"`, 'the only type is "file"')];
  const faults: Fault[] = [];
  const { path, mode } = sink.config;
  const report = (message: string, hint?: string) =>
    faults.push(fault(sink.place, `error creating file sink: ${message}`, hint));
  if (path === undefined) report("'path' not specified for file sink");
  else if (typeof path !== "string") report("could not parse 'path' as string");
  if (mode !== undefined && typeof mode !== "number") {
    report("could not parse 'mode' as integer", "mode = 0640 in HCL, 416 in JSON");
  } else if (typeof mode === "number" && (mode < 0 || mode > 0o7777)) {
    report("file mode does not represent a regular file");
  }
  for (const key of ["uid", "gid", "owner", "group"]) {
    const id = sink.config[key];
    if (id !== undefined && typeof id !== "number") report(`could not parse '${key}' as integer`);
  }
  return faults;
}

function templateFaults(template: TemplateConfig): readonly Fault[] {
  const faults: Fault[] = [];
  if (template.source !== undefined && template.contents !== undefined) {
    faults.push(fault(template.place, "template: cannot specify both 'source' and 'contents'"));
  } else if (template.source === undefined && template.contents === undefined) {
    faults.push(fault(template.place, "template: must specify exactly one of 'source' or 'contents'"));
  }
  if (template.destination === "") faults.push(fault(template.place, "template: missing destination"));
  return faults;
}

function consistency({ enforceConsistency = "never", place, whenInconsistent = "fail" }: ApiProxyConfig) {
  const unknown = (key: string, value: string, allowed: readonly string[]) =>
    allowed.includes(value)
      ? []
      : [
          fault(
            place,
            `Unknown api_proxy setting for ${key}: ${JSON.stringify(value)}`,
            `one of ${allowed.join(", ")}`,
          ),
        ];
  return [
    ...unknown("enforce_consistency", enforceConsistency, ["always", "never"]),
    ...unknown("when_inconsistent", whenInconsistent, ["fail", "retry", "forward"]),
  ];
}

function persistence(persist: NonNullable<NonNullable<AgentConfig["cache"]>["persist"]>): readonly Fault[] {
  if (persist.type !== "kubernetes") {
    return [fault(persist.place, `persistent key protection type "${persist.type}" not supported`)];
  }
  return persist.path === "" ? [fault(persist.place, "must specify persistent cache path")] : [];
}

/** As after `export VAULT_ADDR=http://127.0.0.1:8200`, which is meant for the agent's clients: it would ask itself. */
function ownListener({ listeners, vault }: AgentConfig): readonly Fault[] {
  const asked = URL.parse(vault.address);
  if (asked === null) return [];
  const port = asked.port || (asked.protocol === "https:" ? "443" : "80");
  const isThisMachine = (host: string) => /^(localhost|127\.\d+\.\d+\.\d+|\[?::1\]?)$/.test(host);
  const own = listeners.find(({ address = "127.0.0.1:8200", type }) => {
    const [, host = "", ownPort] = /^(.*):(\d+)$/.exec(address) ?? [];
    const isEverywhere = host === "" || host === "0.0.0.0" || host === "[::]";
    const isSame = host === asked.hostname || (isThisMachine(asked.hostname) && (isEverywhere || isThisMachine(host)));
    return type === "tcp" && ownPort === port && isSame;
  });
  return own === undefined
    ? []
    : [
        fault(
          own.place,
          `vault.address is ${vault.address}, where this listener is to be: the agent would ask itself`,
          "name the server there; VAULT_ADDR goes before the file",
        ),
      ];
}

function filterFaults({ place, prefixFilter }: TelemetryConfig): readonly Fault[] {
  return prefixFilter
    .filter((rule) => !/^[+-]/.test(rule))
    .map((rule) =>
      fault(
        place,
        rule === ""
          ? "telemetry: cannot have empty filter rule in prefix_filter"
          : `telemetry: filter rule must begin with either '+' or '-': "${rule}"`,
        'as "-vault.runtime"',
      ),
    );
}
