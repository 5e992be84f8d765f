/** The annotations that Vault's injector knows: what else begins like them has no effect, in silence, and is a typing error. */
import { nearest } from "../config/nearest.ts";
import { PREFIX } from "./annotations.ts";
import type { Annotations } from "./kubernetes.ts";

/** A warning for each, with the nearest that is known. */
export function misspelt(annotations: Annotations): readonly string[] {
  return Object.keys(annotations).flatMap((annotation) => {
    if (!annotation.startsWith(PREFIX)) return [];
    const name = annotation.slice(PREFIX.length);
    if (EXACT.includes(name) || FAMILIES.some((family) => name.startsWith(family) && name !== family)) return [];
    const likely = nearest(name, [...EXACT, ...FAMILIES.map((family) => family + name.slice(family.length))]);
    const hint = likely === undefined ? "" : ` (did you mean ${PREFIX}${likely}?)`;
    return [`${annotation} is no annotation of Vault's injector, and has no effect${hint}`];
  });
}

// ---- internal ----

const EXACT: readonly string[] = [
  ...["agent-inject", "agent-inject-status", "agent-inject-default-template", "agent-inject-containers"],
  ...["agent-inject-token", "agent-image", "agent-init-first", "agent-pre-populate", "agent-pre-populate-only"],
  ...["agent-configmap", "agent-extra-secret", "agent-copy-volume-mounts", "agent-request-namespace"],
  ...["cpu", "mem", "ephemeral"].flatMap((one) => [`agent-limits-${one}`, `agent-requests-${one}`]),
  ...["agent-revoke-on-shutdown", "agent-revoke-grace", "agent-run-as-user", "agent-run-as-group"],
  ...["agent-run-as-same-user", "agent-set-security-context", "agent-share-process-namespace"],
  ...["agent-service-account-token-volume-name", "agent-cache-enable", "agent-cache-use-auto-auth-token"],
  ...["agent-cache-listener-port", "agent-cache-exit-on-err", "agent-enable-quit", "agent-auto-auth-exit-on-err"],
  ...["auth-min-backoff", "auth-max-backoff", "auth-type", "auth-path", "role", "service", "namespace"],
  ...["template-config-exit-on-retry-failure", "template-static-secret-render-interval"],
  ...["template-max-connections-per-host", "template-lease-renewal-threshold", "agent-disable-idle-connections"],
  ...["agent-disable-keep-alives", "agent-json-patch", "agent-init-json-patch", "proxy-address", "tls-skip-verify"],
  ...["tls-secret", "tls-server-name", "ca-cert", "ca-key", "client-cert", "client-key", "client-max-retries"],
  ...["client-timeout", "go-max-procs", "log-level", "log-format", "secret-volume-path", "preserve-secret-case"],
];

/** Each with a name at its end. */
const FAMILIES: readonly string[] = [
  ...["agent-inject-secret-", "agent-inject-template-", "agent-inject-template-file-", "agent-inject-file-"],
  ...["agent-inject-perms-", "agent-inject-command-", "agent-template-left-delim-", "agent-template-right-delim-"],
  ...["error-on-missing-key-", "secret-volume-path-", "preserve-secret-case-", "agent-telemetry-", "auth-config-"],
];
