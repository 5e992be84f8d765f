/**
 * What an installation says for all its pods; annotations say it for one. Names and variables are the injector's: flags,
 * help and documentation follow from the table.
 */

export interface Settings {
  readonly image: string;
  readonly address: string;
  readonly authType: string;
  readonly authPath: string;
  readonly vaultNamespace: string;
  readonly caCertBytes: string;
  readonly proxyAddress: string;
  readonly revokeOnShutdown: boolean;
  readonly userId: string;
  readonly groupId: string;
  readonly sameId: boolean;
  readonly setSecurityContext: boolean;
  readonly defaultTemplate: string;
  readonly requestCpu: string;
  readonly requestMemory: string;
  readonly requestEphemeral: string;
  readonly limitCpu: string;
  readonly limitMemory: string;
  readonly limitEphemeral: string;
  readonly exitOnRetryFailure: boolean;
  readonly staticSecretRenderInterval: string;
  readonly maxConnectionsPerHost: string;
  readonly authMinBackoff: string;
  readonly authMaxBackoff: string;
  readonly disableIdleConnections: string;
  readonly disableKeepAlives: string;
  /** False: exactly what Vault's own injector makes. */
  readonly improve: boolean;
  readonly nativeSidecar: "auto" | "true" | "false";
  /** As `v1.31.2`; empty where it is not known. */
  readonly kubernetesVersion: string;
}

export interface SettingDefinition {
  readonly key: keyof Settings;
  readonly flag: string;
  /** What the injector's own code calls it; in a file of settings either name will do. */
  readonly handler: string;
  readonly env: string;
  readonly kind: "text" | "bool" | "integer";
  readonly default: string;
  readonly help: string;
  readonly placeholder?: string;
  readonly oneOf?: readonly string[];
}

export const SETTINGS: readonly SettingDefinition[] = [
  setting("image", "vault-image", "ImageVault", "AGENT_INJECT_VAULT_IMAGE", "The image of the injected containers.", {
    placeholder: "IMAGE",
  }),
  setting("address", "vault-address", "VaultAddress", "AGENT_INJECT_VAULT_ADDR", "The Vault server.", {
    placeholder: "URL",
  }),
  setting("authType", "vault-auth-type", "VaultAuthType", "AGENT_INJECT_VAULT_AUTH_TYPE", "The auth method.", {
    default: "kubernetes",
    placeholder: "TYPE",
  }),
  setting(
    "authPath",
    "vault-auth-path",
    "VaultAuthPath",
    "AGENT_INJECT_VAULT_AUTH_PATH",
    "Where the auth method is mounted.",
    {
      default: "auth/kubernetes",
      placeholder: "PATH",
    },
  ),
  setting(
    "vaultNamespace",
    "vault-namespace",
    "VaultNamespace",
    "AGENT_INJECT_VAULT_NAMESPACE",
    "The namespace of the login.",
    {
      placeholder: "PATH",
    },
  ),
  setting(
    "caCertBytes",
    "vault-cacert-bytes",
    "VaultCACertBytes",
    "AGENT_INJECT_VAULT_CACERT_BYTES",
    "The authority of the server's certificate as PEM, or as Base64 of it.",
    { placeholder: "PEM" },
  ),
  setting("proxyAddress", "proxy-address", "ProxyAddress", "AGENT_INJECT_PROXY_ADDR", "A proxy on the way to Vault.", {
    placeholder: "URL",
  }),
  setting(
    "revokeOnShutdown",
    "revoke-on-shutdown",
    "RevokeOnShutdown",
    "AGENT_INJECT_REVOKE_ON_SHUTDOWN",
    "Nothing of a pod is left in Vault when it ends.",
    { kind: "bool", default: "false" },
  ),
  setting("userId", "run-as-user", "UserID", "AGENT_INJECT_RUN_AS_USER", "The user of the injected containers.", {
    default: "100",
    placeholder: "UID",
  }),
  setting("groupId", "run-as-group", "GroupID", "AGENT_INJECT_RUN_AS_GROUP", "Their group.", {
    default: "1000",
    placeholder: "GID",
  }),
  setting(
    "sameId",
    "run-as-same-user",
    "SameID",
    "AGENT_INJECT_RUN_AS_SAME_USER",
    "They run as the application's user.",
    {
      kind: "bool",
      default: "false",
    },
  ),
  setting(
    "setSecurityContext",
    "set-security-context",
    "SetSecurityContext",
    "AGENT_INJECT_SET_SECURITY_CONTEXT",
    "The injected containers get a security context.",
    { kind: "bool", default: "true" },
  ),
  setting(
    "defaultTemplate",
    "default-template",
    "DefaultTemplate",
    "AGENT_INJECT_DEFAULT_TEMPLATE",
    "How a secret without a template is written: map or json.",
    { default: "map" },
  ),
  setting(
    "requestCpu",
    "cpu-request",
    "ResourceRequestCPU",
    "AGENT_INJECT_CPU_REQUEST",
    "Processor time that is reserved.",
    {
      default: "250m",
    },
  ),
  setting(
    "requestMemory",
    "memory-request",
    "ResourceRequestMem",
    "AGENT_INJECT_MEM_REQUEST",
    "Memory that is reserved.",
    {
      default: "64Mi",
    },
  ),
  setting(
    "requestEphemeral",
    "ephemeral-storage-request",
    "ResourceRequestEphemeral",
    "AGENT_INJECT_EPHEMERAL_REQUEST",
    "Storage that is reserved.",
  ),
  setting("limitCpu", "cpu-limit", "ResourceLimitCPU", "AGENT_INJECT_CPU_LIMIT", "Processor time at most.", {
    default: "500m",
  }),
  setting("limitMemory", "memory-limit", "ResourceLimitMem", "AGENT_INJECT_MEM_LIMIT", "Memory at most.", {
    default: "128Mi",
  }),
  setting(
    "limitEphemeral",
    "ephemeral-storage-limit",
    "ResourceLimitEphemeral",
    "AGENT_INJECT_EPHEMERAL_LIMIT",
    "Storage at most.",
  ),
  setting(
    "exitOnRetryFailure",
    "template-config-exit-on-retry-failure",
    "ExitOnRetryFailure",
    "AGENT_INJECT_TEMPLATE_CONFIG_EXIT_ON_RETRY_FAILURE",
    "A container that cannot read its secrets ends.",
    { kind: "bool", default: "true" },
  ),
  setting(
    "staticSecretRenderInterval",
    "template-static-secret-render-interval",
    "StaticSecretRenderInterval",
    "AGENT_INJECT_TEMPLATE_STATIC_SECRET_RENDER_INTERVAL",
    "How often a secret without a lease is read.",
    { placeholder: "DURATION" },
  ),
  setting(
    "maxConnectionsPerHost",
    "template-max-connections-per-host",
    "MaxConnectionsPerHost",
    "AGENT_INJECT_TEMPLATE_MAX_CONNECTIONS_PER_HOST",
    "Without effect in lessee.",
    { kind: "integer", default: "0", placeholder: "N" },
  ),
  setting(
    "authMinBackoff",
    "auth-min-backoff",
    "AuthMinBackoff",
    "AGENT_INJECT_AUTH_MIN_BACKOFF",
    "Least wait after a login failed.",
    {
      placeholder: "DURATION",
    },
  ),
  setting("authMaxBackoff", "auth-max-backoff", "AuthMaxBackoff", "AGENT_INJECT_AUTH_MAX_BACKOFF", "Most.", {
    placeholder: "DURATION",
  }),
  setting(
    "disableIdleConnections",
    "disable-idle-connections",
    "DisableIdleConnections",
    "AGENT_INJECT_DISABLE_IDLE_CONNECTIONS",
    "Parts of the agent, separated by commas.",
    { placeholder: "PARTS" },
  ),
  setting(
    "disableKeepAlives",
    "disable-keep-alives",
    "DisableKeepAlives",
    "AGENT_INJECT_DISABLE_KEEP_ALIVES",
    "As above.",
    {
      placeholder: "PARTS",
    },
  ),
  setting("improve", "improve", "Improve", "AGENT_INJECT_IMPROVE", "False: exactly the pod of Vault's own injector.", {
    kind: "bool",
    default: "true",
  }),
  setting(
    "nativeSidecar",
    "native-sidecar",
    "NativeSidecar",
    "AGENT_INJECT_NATIVE_SIDECAR",
    "The sidecar is an init container that stays: auto (where the Kubernetes version is known to have it), true or false.",
    { default: "auto", oneOf: ["auto", "true", "false"] },
  ),
  setting(
    "kubernetesVersion",
    "kubernetes-version",
    "KubernetesVersion",
    "AGENT_INJECT_KUBERNETES_VERSION",
    "The cluster's version, as v1.31.2.",
    { placeholder: "VERSION" },
  ),
];

// ---- internal ----

type Rest = Partial<Pick<SettingDefinition, "kind" | "default" | "placeholder" | "oneOf">>;

function setting(
  key: keyof Settings,
  flag: string,
  handler: string,
  env: string,
  help: string,
  rest: Rest = {},
): SettingDefinition {
  return { key, flag, handler, env, help, kind: "text", default: "", ...rest };
}
