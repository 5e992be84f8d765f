/** Volumes of an injected pod, and where each container mounts them. */
import { AGENT_CACHE, WEBHOOKS_VOLUME } from "../config/state-folders.ts";
import { HOME } from "./agent-config.ts";
import type { Volume, VolumeMount } from "./kubernetes.ts";
import type { InjectionRequest } from "./request.ts";
import { furtherFolders } from "./secrets.ts";

/** Those that an injection adds, whatever they are called further on. */
export function isInjectedVolume(name: string): boolean {
  return NAMES.includes(name) || /^vault-secrets-custom-\d+$/.test(name);
}

/** Init container and sidecar share it; the application does not mount it, because it holds the token. */
export const STATE_MOUNT: VolumeMount = { name: "lessee-state", mountPath: WEBHOOKS_VOLUME };

export function stateVolume(): Volume {
  return { name: "lessee-state", emptyDir: { medium: "Memory", sizeLimit: "4Mi" } };
}

export function injectedVolumes(request: InjectionRequest): readonly Volume[] {
  const { annotations, prePopulate, prePopulateOnly, cachePersists, token } = request;
  const configMap = annotations.text("agent-configmap");
  const extra = annotations.text("agent-extra-secret");
  const tls = annotations.text("tls-secret");
  return [
    ...(prePopulate ? [inMemory("home-init")] : []),
    ...(prePopulateOnly ? [] : [inMemory("home-sidecar")]),
    ...secretMounts(request).map(({ name }) => inMemory(name)),
    ...(configMap === "" ? [] : [{ name: "vault-config", configMap: { name: configMap } }]),
    ...(extra === "" ? [] : [{ name: "extra-secrets", secret: { secretName: extra } }]),
    ...(tls === "" ? [] : [{ name: "vault-tls-secrets", secret: { secretName: tls } }]),
    ...(cachePersists ? [inMemory("vault-agent-cache")] : []),
    ...(token.added === undefined ? [] : [token.added]),
  ];
}

/** What the application mounts: a folder for all secrets, and one for each folder that a secret names for itself. */
export function secretMounts({ secrets, folder }: InjectionRequest): readonly VolumeMount[] {
  return [
    { name: "vault-secrets", mountPath: folder },
    ...furtherFolders(secrets, folder).map((mountPath, at) => ({ name: `vault-secrets-custom-${at}`, mountPath })),
  ];
}

/** @param others mounts of the application's that the injected containers are to have as well */
export function agentMounts(
  request: InjectionRequest,
  init: boolean,
  others: readonly VolumeMount[],
): readonly VolumeMount[] {
  const { annotations, token } = request;
  const home = { name: init ? "home-init" : "home-sidecar", mountPath: HOME };
  const serviceAccount = readOnly(token.volume, token.mountPath);
  const given = (annotation: string, name: string, mountPath: string) =>
    annotations.text(annotation) === "" ? [] : [readOnly(name, mountPath)];
  return [
    ...(init ? [home, serviceAccount] : [serviceAccount, home]),
    ...secretMounts(request),
    ...given("agent-extra-secret", "extra-secrets", "/vault/custom"),
    ...others,
    ...given("agent-configmap", "vault-config", "/vault/configs"),
    ...given("tls-secret", "vault-tls-secrets", "/vault/tls"),
    ...(request.cachePersists ? [{ name: "vault-agent-cache", mountPath: AGENT_CACHE }] : []),
  ];
}

// ---- internal ----

const NAMES = [
  ...["home-init", "home-sidecar", "vault-secrets", "vault-config", "extra-secrets", "vault-tls-secrets"],
  ...["vault-agent-cache", "lessee-state", "lessee-token"],
];

function inMemory(name: string): Volume {
  return { name, emptyDir: { medium: "Memory" } };
}

function readOnly(name: string, mountPath: string): VolumeMount {
  return { name, readOnly: true, mountPath };
}
