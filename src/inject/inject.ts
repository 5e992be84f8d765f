/** The injection whole: a pod, the installation's settings, and what becomes of the pod. Nothing is asked, nothing is changed. */
import { INJECTED, PREFIX, STATUS } from "./annotations.ts";
import { checkConfiguration, checkMounts, checkTemplates } from "./checks.ts";
import { asContainer } from "./container-shape.ts";
import { INIT, initContainer, SIDECAR, sidecarContainer } from "./containers.ts";
import { goBool } from "./go-values.ts";
import { type Improvement, improvementOf, probes } from "./improvement.ts";
import { applyPatch, parsePatch } from "./json-patch.ts";
import { misspelt } from "./known-annotations.ts";
import { annotationsOf, type Container, type Pod, readPod, type VolumeMount } from "./kubernetes.ts";
import { ownAnnotations, readOwnAnnotations, wantsImprovement } from "./own-annotations.ts";
import { Refusal, within } from "./refusal.ts";
import { type InjectionRequest, readRequest, type Surroundings } from "./request.ts";
import { checkContainer, checkOwnSize, checkValues } from "./values.ts";
import { injectedVolumes, isInjectedVolume, STATE_MOUNT, secretMounts, stateVolume } from "./volumes.ts";

export type Injection =
  | { readonly outcome: "unchanged"; readonly reason: string }
  | {
      readonly outcome: "injected";
      readonly pod: Pod;
      readonly init: boolean;
      readonly sidecar: boolean;
      readonly warnings: readonly string[];
    };

/** Throws a Refusal, in the injector's words where it has some. */
export function inject(value: unknown, surroundings: Surroundings): Injection {
  const reason = reasonToLeaveAlone(value);
  if (reason !== undefined) return { outcome: "unchanged", reason };
  const given = readPod(value);
  const { namespace } = surroundings;
  if (["kube-system", "kube-public"].includes(namespace))
    throw new Refusal(`error with request namespace: cannot inject into system namespaces: ${namespace}`);
  const improve = surroundings.settings.improve && wantsImprovement(annotationsOf(given));
  const settings = { ...surroundings.settings, improve };
  const pod = improve && annotationsOf(given)[STATUS] !== undefined ? withoutInjection(given) : given;
  const request = readRequest(pod, { ...surroundings, settings });
  const done = improve
    ? improved(pod, request, settings)
    : { pod: within("error creating patch for agent", () => faithful(pod, request)), warnings: ignored(pod) };
  return { outcome: "injected", ...done, init: request.prePopulate, sidecar: !request.prePopulateOnly };
}

// ---- internal ----

/** Pods that did not ask are not looked at any further, whatever is in them. */
function reasonToLeaveAlone(value: unknown): string | undefined {
  const { metadata, status } = (value ?? {}) as { metadata?: Pod["metadata"]; status?: Pod["status"] };
  const annotations: unknown = metadata?.annotations;
  const of = (name: string): unknown =>
    typeof annotations === "object" && annotations !== null && Object.hasOwn(annotations, name)
      ? (annotations as Record<string, unknown>)[name]
      : undefined;
  const wanted = of(`${PREFIX}agent-inject`);
  if (wanted === undefined) return "it did not ask";
  if (typeof wanted === "string") {
    const asked = within("error checking if should inject agent", () => goBool(wanted));
    if (!asked) return "it did not ask";
  }
  const phase: unknown = status?.phase;
  if (typeof phase === "string" && phase !== "" && phase !== "Pending") return `its phase is ${phase}`;
  return of(STATUS) === INJECTED ? "it has been injected already" : undefined;
}

/** As Vault's injector does it. */
function faithful(pod: Pod, request: InjectionRequest): Pod {
  const { initFirst, prePopulate, prePopulateOnly, shareProcessNamespace } = request;
  const init = prePopulate ? [patched(initContainer(pod, request, {}), request, "agent-init-json-patch")] : [];
  const mounts = secretMounts(request);
  // Written anew, every container has `resources`.
  const others = (pod.spec.initContainers ?? []).map((one) =>
    mountedInit(initFirst ? { ...one, resources: one.resources ?? {} } : one, mounts),
  );
  // One that a patch has given another name is like the pod's own where it stands among them.
  const own = initFirst ? init.map((one) => mountedInit(one, mounts)) : init;
  return assembled(pod, request, {
    init: prePopulate ? (initFirst ? [...own, ...others] : [...others, ...own]) : undefined,
    sidecars: prePopulateOnly ? [] : [patched(sidecarContainer(pod, request, {}), request, "agent-json-patch")],
    volumes: injectedVolumes(request),
    annotations: {},
    shareProcessNamespace: prePopulate ? shareProcessNamespace : undefined,
  });
}

function improved(pod: Pod, request: InjectionRequest, settings: Surroundings["settings"]) {
  checkValues(pod, request);
  checkOwnSize(annotationsOf(pod));
  const wishes = readOwnAnnotations(annotationsOf(pod), request.secrets);
  const improvement = improvementOf(pod, request, wishes, settings);
  const { blocks, native, shareProcessNamespace, warnings } = improvement;
  const { initFirst, prePopulate, prePopulateOnly } = request;
  checkTemplates(request);
  checkConfiguration(request, wishes, blocks.sidecar);
  checkMounts(pod, request, blocks.sidecar);
  // Nothing of the pod's is taken from it while its application still drains (rule M9).
  const calm = { ...request, runAsUser: improvement.runAsUser, revokeOnShutdown: false };
  const { init, sidecar } = within("error creating patch for agent", () => ({
    init: prePopulate
      ? [better(initContainer(pod, calm, blocks.init), improvement, wishes.config)].map((one) =>
          patched(one, request, "agent-init-json-patch"),
        )
      : [],
    sidecar: prePopulateOnly
      ? []
      : [better(sidecarContainer(pod, calm, blocks.sidecar), improvement, wishes.config)].map((one) =>
          patched({ ...one, ...observed(request, improvement) }, request, "agent-json-patch"),
        ),
  }));
  for (const one of [...init, ...sidecar]) checkContainer(one);
  const own = [...init, ...(native ? sidecar.map((one) => ({ ...one, restartPolicy: "Always" })) : [])];
  const others = (pod.spec.initContainers ?? []).map((one) =>
    prePopulate ? mountedInit(one, secretMounts(request)) : one,
  );
  const present = (pod.spec.volumes ?? []).map(({ name }) => name);
  const volumes = [...injectedVolumes(request), ...(improvement.sharesState ? [stateVolume()] : [])];
  const result = assembled(pod, request, {
    init: own.length === 0 ? undefined : initFirst ? [...own, ...others] : [...others, ...own],
    sidecars: native ? [] : sidecar,
    volumes: volumes.filter(({ name }) => !present.includes(name)),
    annotations: improvement.annotations,
    shareProcessNamespace,
  });
  return { pod: result, warnings: [...misspelt(annotationsOf(pod)), ...warnings] };
}

interface Parts {
  /** All of them, in their order; undefined leaves those of the pod as they are. */
  readonly init: readonly Container[] | undefined;
  readonly sidecars: readonly Container[];
  readonly volumes: readonly { readonly name: string }[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly shareProcessNamespace: boolean | undefined;
}

function assembled(pod: Pod, request: InjectionRequest, parts: Parts): Pod {
  const { spec } = pod;
  const mounts = secretMounts(request);
  const share = parts.shareProcessNamespace;
  const { init } = parts;
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      annotations: { ...annotationsOf(pod), ...parts.annotations, [STATUS]: INJECTED },
    },
    spec: {
      ...spec,
      volumes: [...(spec.volumes ?? []), ...parts.volumes],
      containers: [
        ...spec.containers.map((one) => (request.containers.includes(one.name) ? mounted(one, mounts) : one)),
        ...parts.sidecars,
      ],
      ...(init === undefined ? {} : { initContainers: init }),
      ...(share === undefined ? {} : { shareProcessNamespace: share }),
    },
  };
}

function mountedInit(container: Container, mounts: readonly VolumeMount[]): Container {
  return [INIT, SIDECAR].includes(container.name) ? container : mounted(container, mounts);
}

/** One that it has already, at the same place, is not added again. */
function mounted(container: Container, mounts: readonly VolumeMount[]): Container {
  const own = container.volumeMounts ?? [];
  const missing = mounts.filter(
    (mount) => !own.some(({ name, mountPath }) => name === mount.name && mountPath === mount.mountPath),
  );
  return missing.length === 0 ? container : { ...container, volumeMounts: [...own, ...missing] };
}

function better(container: Container, improvement: Improvement, config: string | undefined): Container {
  const { sharesState, jobLifetime } = improvement;
  const { securityContext, env = [], volumeMounts = [] } = container;
  return {
    ...container,
    env: [
      ...env,
      { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      ...(config === undefined ? [] : [{ name: "LESSEE_CONFIG", value: config }]),
      ...(jobLifetime === undefined ? [] : [{ name: "LESSEE_JOB_LIFETIME", value: jobLifetime }]),
    ],
    volumeMounts: sharesState ? [...volumeMounts, STATE_MOUNT] : volumeMounts,
    // Namespaces that enforce the restricted standard ask for it.
    ...(securityContext === undefined
      ? {}
      : { securityContext: { ...securityContext, seccompProfile: { type: "RuntimeDefault" } } }),
  };
}

function observed({ prePopulate }: InjectionRequest, { healthPort, native }: Improvement): Partial<Container> {
  if (healthPort === null) return {};
  return {
    ports: [{ name: "lessee-health", containerPort: healthPort }],
    // What comes after a native sidecar waits for its start, which nobody wants who does not populate beforehand.
    ...probes(healthPort, prePopulate || !native),
  };
}

function patched(container: Container, { annotations }: InjectionRequest, name: string): Container {
  const text = annotations.text(name);
  if (text === "") return container;
  return asContainer(applyPatch(container, parsePatch(text)));
}

function ignored(pod: Pod): readonly string[] {
  const own = ownAnnotations(annotationsOf(pod));
  return own.length === 0 ? [] : [`without improvement ${own.join(", ")} have no effect`];
}

/** For a pod that is to be injected anew. */
function withoutInjection(pod: Pod): Pod {
  const kept = (container: Container): Container =>
    container.volumeMounts?.some(({ name }) => isInjectedVolume(name))
      ? { ...container, volumeMounts: container.volumeMounts.filter(({ name }) => !isInjectedVolume(name)) }
      : container;
  const others = (all: readonly Container[]) => all.filter(({ name }) => ![INIT, SIDECAR].includes(name)).map(kept);
  const { containers, initContainers, volumes } = pod.spec;
  return {
    ...pod,
    spec: {
      ...pod.spec,
      containers: others(containers),
      ...(initContainers === undefined ? {} : { initContainers: others(initContainers) }),
      ...(volumes === undefined ? {} : { volumes: volumes.filter(({ name }) => !isInjectedVolume(name)) }),
    },
  };
}
