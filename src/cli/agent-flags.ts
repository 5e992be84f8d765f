/** The flags of `agent`; `validate` takes the same, so that a command line can be checked as it is. */
import type { FlagDefinition } from "./flags.ts";

const AGENT = "Agent";
const SERVER = "Connection to Vault";
const LOG = "Log";

/** Of every command that asks the server. */
export const SERVER_FLAGS: readonly FlagDefinition[] = [
  {
    name: "address",
    kind: "text",
    group: SERVER,
    placeholder: "URL",
    default: "https://127.0.0.1:8200",
    env: "VAULT_ADDR",
    help: "The Vault server.",
  },
  {
    name: "agent-address",
    kind: "text",
    group: SERVER,
    env: "VAULT_AGENT_ADDR",
    hidden: true,
    help: "Without effect: an agent talks to the server.",
  },
  {
    name: "ca-cert",
    kind: "text",
    group: SERVER,
    placeholder: "FILE",
    env: "VAULT_CACERT",
    help: "PEM file of the authority that the server's certificate is checked against; it goes before -ca-path.",
  },
  {
    name: "ca-path",
    kind: "text",
    group: SERVER,
    placeholder: "FOLDER",
    env: "VAULT_CAPATH",
    help: "Folder of such PEM files.",
  },
  {
    name: "client-cert",
    kind: "text",
    group: SERVER,
    placeholder: "FILE",
    env: "VAULT_CLIENT_CERT",
    help: "PEM file of the certificate that is shown to the server; it needs -client-key.",
  },
  {
    name: "client-key",
    kind: "text",
    group: SERVER,
    placeholder: "FILE",
    env: "VAULT_CLIENT_KEY",
    help: "PEM file of that certificate's private key.",
  },
  {
    name: "tls-server-name",
    kind: "text",
    group: SERVER,
    placeholder: "NAME",
    env: "VAULT_TLS_SERVER_NAME",
    help: "The name that the server's certificate must be for, where it is not the address's.",
  },
  {
    name: "tls-skip-verify",
    kind: "bool",
    group: SERVER,
    env: "VAULT_SKIP_VERIFY",
    help: "Do not check the server's certificate. Whoever stands in between then reads every secret.",
  },
  {
    name: "namespace",
    kind: "text",
    group: SERVER,
    placeholder: "PATH",
    env: "VAULT_NAMESPACE",
    help: "The namespace of every request.",
  },
  {
    name: "ns",
    kind: "text",
    group: SERVER,
    hidden: true,
    help: "Short for -namespace, before which it goes.",
  },
  {
    name: "header",
    kind: "pairs",
    group: SERVER,
    placeholder: "NAME=VALUE",
    help: "A header of every request; not one that begins with X-Vault-.",
  },
  {
    name: "disable-redirects",
    kind: "bool",
    group: SERVER,
    env: "VAULT_DISABLE_REDIRECTS",
    help: "Do not follow a redirect.",
  },
  ...ignored("duration", "wrap-ttl"),
  ...ignored("text", "mfa", "unlock-key"),
  ...ignored("bool", "policy-override", "output-curl-string", "output-policy", "non-interactive"),
];

export const AGENT_FLAGS: readonly FlagDefinition[] = [
  {
    name: "config",
    kind: "list",
    group: AGENT,
    placeholder: "PATH",
    env: "VAULT_AGENT_CONFIG_PATH",
    help: "A configuration file, HCL or JSON, or a folder of them. Several are merged in their order.",
  },
  {
    name: "exit-after-auth",
    kind: "bool",
    group: AGENT,
    help: "Log in, write every sink and template once, and exit 0.",
  },
  {
    name: "test-verify-only",
    kind: "bool",
    group: AGENT,
    hidden: true,
    help: "Check the configuration and exit.",
  },
  ...SERVER_FLAGS,
  {
    name: "log-level",
    kind: "text",
    group: LOG,
    placeholder: "LEVEL",
    default: "info",
    env: "VAULT_LOG_LEVEL",
    help: "trace, debug, info, warn or error.",
  },
  {
    name: "log-format",
    kind: "text",
    group: LOG,
    placeholder: "FORMAT",
    default: "standard",
    env: "VAULT_LOG_FORMAT",
    help: "standard or json.",
  },
  {
    name: "log-file",
    kind: "text",
    group: LOG,
    placeholder: "FILE",
    help: "Write the log to this file as well.",
  },
  {
    name: "log-rotate-bytes",
    kind: "integer",
    group: LOG,
    placeholder: "N",
    default: "0, without a bound",
    help: "Start a new log file after so many bytes.",
  },
  {
    name: "log-rotate-duration",
    kind: "text",
    group: LOG,
    placeholder: "DURATION",
    default: "24h",
    help: "Start a new log file after this time.",
  },
  {
    name: "log-rotate-max-files",
    kind: "integer",
    group: LOG,
    placeholder: "N",
    default: "0, all of them",
    help: "Keep so many old log files; -1 keeps none.",
  },
  { name: "combine-logs", kind: "bool", group: LOG, help: "Write the log to stdout instead of stderr." },
];

/** Flags that every command of Vault has and that mean nothing to an agent. */
function ignored(kind: "text" | "duration" | "bool", ...names: readonly string[]): readonly FlagDefinition[] {
  return names.map((name) => ({ name, kind, group: AGENT, hidden: true, help: "Without effect." }));
}
