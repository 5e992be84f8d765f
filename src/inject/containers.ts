/** The two containers of an injection, as Vault's injector makes them. */
import { HOME, TOKEN_FILE } from "./agent-config.ts";
import { environment } from "./environment.ts";
import type { Container, Pod, VolumeMount } from "./kubernetes.ts";
import { quantity } from "./quantity.ts";
import { Refusal } from "./refusal.ts";
import type { InjectionRequest } from "./request.ts";
import { agentMounts } from "./volumes.ts";

export const INIT = "vault-agent-init";
export const SIDECAR = "vault-agent";

/** @param blocks lessee's own, for its configuration */
export function initContainer(pod: Pod, request: InjectionRequest, blocks: object): Container {
  return container(INIT, pod, request, true, blocks);
}

export function sidecarContainer(pod: Pod, request: InjectionRequest, blocks: object): Container {
  return { ...container(SIDECAR, pod, request, false, blocks), lifecycle: lifecycle(request) };
}

// ---- internal ----

const START = `echo \${VAULT_CONFIG?} | base64 -d > ${HOME}/config.json && vault agent -config=${HOME}/config.json`;

function container(name: string, pod: Pod, request: InjectionRequest, init: boolean, blocks: object): Container {
  const { annotations, setSecurityContext } = request;
  const configMap = annotations.text("agent-configmap") !== "";
  const file = init ? "config-init.hcl" : "config.hcl";
  const others = [...awsMounts(pod, request), ...copiedMounts(pod, annotations.text("agent-copy-volume-mounts"))];
  return {
    name,
    image: annotations.text("agent-image"),
    command: ["/bin/sh", "-ec"],
    args: [configMap ? `touch ${TOKEN_FILE} && vault agent -config=/vault/configs/${file}` : START],
    env: environment(pod, request, init, blocks),
    resources: resources(request),
    volumeMounts: agentMounts(request, init, others),
    ...(setSecurityContext ? { securityContext: securityContext(request) } : {}),
  };
}

function resources({ annotations }: InjectionRequest): object {
  const list = (which: "limits" | "requests") => {
    const values = [
      ["cpu", "cpu"],
      ["memory", "mem"],
      ["ephemeral-storage", "ephemeral"],
    ].flatMap(([resource = "", short]) => {
      const annotation = `agent-${which}-${short}`;
      const text = annotations.text(annotation);
      return text === "" ? [] : [[resource, amount(text, annotation)]];
    });
    return values.length === 0 ? {} : { [which]: Object.fromEntries(values) };
  };
  return { ...list("limits"), ...list("requests") };
}

function amount(text: string, annotation: string): string {
  try {
    return quantity(text);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Refusal(error.message, `vault.hashicorp.com/${annotation}: ${error.hint}`);
  }
}

function securityContext({ runAsUser, runAsGroup }: InjectionRequest) {
  return {
    capabilities: { drop: ["ALL"] },
    runAsUser,
    runAsGroup,
    runAsNonRoot: runAsUser !== 0 && runAsGroup !== 0,
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
  };
}

function lifecycle({ annotations, revokeOnShutdown, revokeGrace }: InjectionRequest): object {
  if (!revokeOnShutdown) return {};
  const { text } = annotations;
  const flags = [
    `-address=${text("service")}`,
    ...["ca-cert", "client-cert", "client-key"].flatMap((name) =>
      text(name) === "" ? [] : [`-${name}=${text(name)}`],
    ),
    "-self",
  ];
  const line = `/bin/sleep ${revokeGrace} && /bin/vault token revoke ${flags.join(" ")}`;
  return { preStop: { exec: { command: ["/bin/sh", "-c", line] } } };
}

function awsMounts({ spec }: Pod, { annotations }: InjectionRequest): readonly VolumeMount[] {
  if (annotations.text("auth-type") !== "aws") return [];
  const mount = spec.containers
    .flatMap((one) => one.volumeMounts ?? [])
    .find(({ mountPath }) => mountPath.includes("eks.amazonaws.com"));
  return mount === undefined ? [] : [{ name: mount.name, readOnly: true, mountPath: mount.mountPath }];
}

function copiedMounts({ spec }: Pod, from: string): readonly VolumeMount[] {
  if (from === "") return [];
  return [...spec.containers, ...(spec.initContainers ?? [])]
    .filter(({ name }) => name === from)
    .flatMap((one) => one.volumeMounts ?? [])
    .filter(({ mountPath }) => !mountPath.toLowerCase().includes("serviceaccount"));
}
