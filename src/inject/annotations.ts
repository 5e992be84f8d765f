/** The annotations of Vault's injector, with its defaults: first what a pod lacks is filled in, then all is read. */

import { checkDuration, goBool, goFloat, goInteger, goUnsigned } from "./go-values.ts";
import { parsePatch } from "./json-patch.ts";
import type { Annotations, Container } from "./kubernetes.ts";
import { Refusal } from "./refusal.ts";
import type { Settings } from "./settings.ts";

export const PREFIX = "vault.hashicorp.com/";
export const STATUS = `${PREFIX}agent-inject-status`;
export const INJECTED = "injected";

/** Reads one pod's annotations: by their names without the prefix. */
export interface AnnotationReader {
  /** Whether it is there, by the pod or by default. */
  has(name: string): boolean;
  /** Empty where it is absent. */
  text(name: string): string;
  bool(name: string): boolean;
  integer(name: string): number;
  unsigned(name: string): number;
  float(name: string): number;
  /** Annotations `NAME-…` in their order: what follows the dash, and the value. */
  family(name: string): readonly (readonly [rest: string, value: string])[];
}

/** The pod's annotations over the installation's settings. Throws a Refusal, as the injector's Init does. */
export function withDefaults(
  own: Annotations,
  settings: Settings,
  namespace: string,
  containers: readonly Container[],
): Annotations {
  if (settings.address === "" && (!settings.improve || own[`${PREFIX}service`] === undefined))
    throw new Refusal(
      "address for Vault required",
      "set -vault-address, or the annotation vault.hashicorp.com/service",
    );
  if (settings.authPath === "") throw new Refusal("Vault Auth Path required");
  if (namespace === "") throw new Refusal("kubernetes namespace required");
  const all = { ...prefixed(defaults(settings, namespace, containers)), ...own };
  for (const which of ["min", "max"]) checkDuration(`${which} backoff`, all[`${PREFIX}auth-${which}-backoff`] ?? "");
  for (const name of ["agent-json-patch", "agent-init-json-patch"]) checkPatch(`${PREFIX}${name}`, all);
  const chosen = ["agent-run-as-user", "agent-run-as-same-user", "agent-run-as-group"];
  const asksForUser = chosen.some((name) => own[`${PREFIX}${name}`] !== undefined);
  if (settings.setSecurityContext || own[`${PREFIX}agent-set-security-context`] !== undefined || !asksForUser)
    return all;
  return { ...all, [`${PREFIX}agent-set-security-context`]: "true" };
}

export function readerOf(annotations: Annotations): AnnotationReader {
  const text = (name: string) => annotations[`${PREFIX}${name}`] ?? "";
  const read =
    <T>(parse: (text: string) => T) =>
    (name: string): T => {
      try {
        return parse(text(name));
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        throw new Refusal(error.message, `${PREFIX}${name}: ${error.hint}`);
      }
    };
  return {
    has: (name) => annotations[`${PREFIX}${name}`] !== undefined,
    text,
    bool: read(goBool),
    integer: read(goInteger),
    unsigned: read(goUnsigned),
    float: (name) => (annotations[`${PREFIX}${name}`] === undefined ? 0 : read(goFloat)(name)),
    family: (name) => {
      const start = `${PREFIX}${name}-`;
      return Object.entries(annotations).flatMap(([key, value]) =>
        key.startsWith(start) ? [[key.slice(start.length), value] as const] : [],
      );
    },
  };
}

// ---- internal ----

function defaults(
  settings: Settings,
  namespace: string,
  containers: readonly Container[],
): Readonly<Record<string, string>> {
  return {
    service: settings.address,
    "auth-type": settings.authType || "kubernetes",
    "auth-path": settings.authPath,
    namespace: settings.vaultNamespace,
    "proxy-address": settings.proxyAddress,
    // Ours has no image of its own name yet that could be guessed.
    "agent-image": settings.image || (settings.improve ? "" : "hashicorp/vault:2.0.4"),
    "agent-request-namespace": namespace,
    "agent-limits-cpu": settings.limitCpu,
    "agent-limits-mem": settings.limitMemory,
    "agent-limits-ephemeral": settings.limitEphemeral,
    "agent-requests-cpu": settings.requestCpu,
    "agent-requests-mem": settings.requestMemory,
    "agent-requests-ephemeral": settings.requestEphemeral,
    "secret-volume-path": "/vault/secrets",
    "agent-pre-populate": "true",
    "agent-revoke-on-shutdown": String(settings.revokeOnShutdown),
    "agent-revoke-grace": "5",
    "log-level": "info",
    "log-format": "standard",
    "agent-set-security-context": String(settings.setSecurityContext),
    "agent-run-as-user": settings.userId || "100",
    "agent-run-as-same-user": String(settings.sameId),
    "agent-run-as-group": settings.groupId || "1000",
    "agent-cache-enable": "false",
    "agent-cache-listener-port": "8200",
    "agent-cache-use-auto-auth-token": "true",
    "agent-cache-exit-on-err": "false",
    "agent-inject-containers": containers.map(({ name }) => name).join(","),
    "agent-inject-default-template": settings.defaultTemplate,
    "template-config-exit-on-retry-failure": String(settings.exitOnRetryFailure),
    "template-static-secret-render-interval": settings.staticSecretRenderInterval,
    "template-max-connections-per-host": settings.maxConnectionsPerHost,
    "auth-min-backoff": settings.authMinBackoff,
    "auth-max-backoff": settings.authMaxBackoff,
    "agent-disable-idle-connections": settings.disableIdleConnections,
    "agent-disable-keep-alives": settings.disableKeepAlives,
  };
}

function prefixed(values: Readonly<Record<string, string>>): Annotations {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${PREFIX}${name}`, value]));
}

function checkPatch(annotation: string, all: Annotations): void {
  const text = all[annotation] ?? "";
  if (text === "") return;
  try {
    parsePatch(text);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Refusal(`error parsing JSON patch for annotation ${annotation}: ${error.message}`, error.hint);
  }
}
