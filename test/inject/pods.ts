/** Pods as a cluster hands them to an injector, and what an injection makes of them. */
import { INJECTED, STATUS } from "../../src/inject/annotations.ts";
import { type Injection, inject } from "../../src/inject/inject.ts";
import type { Container, Pod, PodSpec } from "../../src/inject/kubernetes.ts";
import { readSettings } from "../../src/inject/read-settings.ts";
import type { Settings } from "../../src/inject/settings.ts";

export const VAULT = "vault.hashicorp.com";

export const SETTINGS: Settings = readSettings([
  { "vault-image": "registry.example/lessee:1", "vault-address": "https://vault.vault.svc:8200" },
]);

/** The seed's annotations. */
export const SEED: Readonly<Record<string, string>> = {
  [`${VAULT}/agent-inject`]: "true",
  [`${VAULT}/role`]: "pg",
  [`${VAULT}/agent-inject-secret-config.yaml`]: "database/creds/pg-role",
  [`${VAULT}/agent-inject-template-config.yaml`]:
    '{{- with secret "database/creds/pg-role" -}}\nusername: {{ .Data.username }}\npassword: {{ .Data.password }}\n{{- end -}}\n',
  [`${VAULT}/secret-volume-path`]: "/etc/dbvault",
};

const TOKEN = { name: "kube-api-access", mountPath: "/var/run/secrets/kubernetes.io/serviceaccount", readOnly: true };

export function container(name: string, more: Partial<Container> = {}): Container {
  return { name, image: "registry.example/app:1", ...more, volumeMounts: [...(more.volumeMounts ?? []), TOKEN] };
}

export function podOf(annotations: Readonly<Record<string, string>> = {}, spec: Partial<PodSpec> = {}): Pod {
  return {
    metadata: { name: "tsb-1", namespace: "tsb", annotations: { ...SEED, ...annotations } },
    spec: {
      containers: [container("tsb")],
      ...spec,
      volumes: [{ name: TOKEN.name, projected: {} }, ...(spec.volumes ?? [])],
    },
  };
}

function outcomeOf(pod: unknown, settings: Partial<Settings> = {}): Injection {
  return inject(pod, { settings: { ...SETTINGS, ...settings }, namespace: "tsb", admitted: true });
}

/** The pod and what is said beside it; fails where it is not injected. */
export function injected(pod: unknown, settings: Partial<Settings> = {}) {
  const outcome = outcomeOf(pod, settings);
  if (outcome.outcome !== "injected") throw new Error(`left alone: ${outcome.reason}`);
  const { spec } = outcome.pod;
  const all = [...(spec.initContainers ?? []), ...spec.containers];
  const named = (name: string) => all.find((one) => one.name === name) as Container;
  return { ...outcome, spec, sidecarContainer: named("vault-agent"), initContainer: named("vault-agent-init") };
}

/** Why it is refused, with what to do; undefined where it is not. */
export function refusalOf(pod: unknown, settings: Partial<Settings> = {}): string | undefined {
  try {
    outcomeOf(pod, settings);
    return undefined;
  } catch (error) {
    const { message, hint } = error as { message: string; hint?: string };
    return hint === undefined ? message : `${message} (${hint})`;
  }
}

/** What is in VAULT_CONFIG. */
export function configOf(one: Container): Record<string, unknown> {
  const value = one.env?.find(({ name }) => name === "VAULT_CONFIG")?.value ?? "";
  return JSON.parse(Buffer.from(value, "base64").toString());
}

export function isInjected(pod: Pod): boolean {
  return pod.metadata?.annotations?.[STATUS] === INJECTED;
}

/** As an API server asks about an object. */
export function reviewOf(object: unknown, request: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: "0d2c0a4e",
      kind: { group: "", version: "v1", kind: "Pod" },
      resource: { group: "", version: "v1", resource: "pods" },
      namespace: "tsb",
      operation: "CREATE",
      object,
      ...request,
    },
  };
}
