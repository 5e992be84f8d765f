/** The environment of an injected container. */
import { agentConfig } from "./agent-config.ts";
import { fromBase64, toBase64 } from "./base64.ts";
import type { EnvVar, Pod } from "./kubernetes.ts";
import type { InjectionRequest } from "./request.ts";

/** @param blocks lessee's own, for the configuration; where a config map holds that, for LESSEE_CONFIG */
export function environment(pod: Pod, request: InjectionRequest, init: boolean, blocks: object): readonly EnvVar[] {
  const { annotations, caCertBytes } = request;
  const { text } = annotations;
  return [
    ...DOWNWARD,
    ...given("GOMAXPROCS", text("go-max-procs")),
    ...given("VAULT_CLIENT_TIMEOUT", text("client-timeout")),
    ...given("VAULT_MAX_RETRIES", text("client-max-retries")),
    ...given("VAULT_LOG_LEVEL", text("log-level")),
    ...given("VAULT_LOG_FORMAT", text("log-format")),
    ...given("HTTPS_PROXY", text("proxy-address")),
    ...(text("agent-configmap") === ""
      ? [{ name: "VAULT_CONFIG", value: toBase64(JSON.stringify({ ...agentConfig(request, init), ...blocks })) }]
      : [
          ...given("VAULT_ADDR", text("service")),
          ...given("VAULT_CACERT", text("ca-cert")),
          ...given("VAULT_CAPATH", text("ca-key")),
          ...given("VAULT_CLIENT_CERT", text("client-cert")),
          ...given("VAULT_CLIENT_KEY", text("client-key")),
          { name: "VAULT_SKIP_VERIFY", value: String(request.tlsSkipVerify) },
          ...given("VAULT_TLS_SERVER_NAME", text("tls-server-name")),
          ...given("LESSEE_CONFIG", Object.keys(blocks).length === 0 ? "" : JSON.stringify(blocks)),
        ]),
    ...given("VAULT_CACERT_BYTES", fromBase64(caCertBytes) ?? caCertBytes),
    ...(text("auth-type") === "aws" ? awsVariables(pod, request) : []),
  ];
}

// ---- internal ----

const DOWNWARD: readonly EnvVar[] = [
  ["NAMESPACE", "metadata.namespace"],
  ["HOST_IP", "status.hostIP"],
  ["POD_IP", "status.podIP"],
].map(([name = "", fieldPath = ""]) => ({ name, valueFrom: { fieldRef: { fieldPath } } }));

const AWS = ["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_DEFAULT_REGION", "AWS_REGION"];

/** What the application's containers know of their role at Amazon, the first one's word first. */
function awsVariables({ spec }: Pod, { authConfig }: InjectionRequest): readonly EnvVar[] {
  const all = spec.containers.flatMap((container) => container.env ?? []);
  const first = AWS.flatMap((name) => {
    const found = all.find((variable) => variable.name === name);
    return found === undefined ? [] : [{ name, ...(found.value === undefined ? {} : { value: found.value }) }];
  });
  return [...first, ...given("AWS_REGION", authConfig.region ?? "")];
}

function given(name: string, value: string): readonly EnvVar[] {
  return value === "" ? [] : [{ name, value }];
}
