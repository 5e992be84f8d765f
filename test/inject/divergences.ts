/**
 * Every difference between an improved pod and that of Vault's injector: its note in docs/divergences.md, and how it is
 * undone. What is left when all are undone must be the injector's pod.
 */
import type { Container, Pod } from "../../src/inject/kubernetes.ts";

type Undo = (pod: Pod) => Pod;

/** Golden pods that the injector refuses and lessee does not, or for another reason. */
export const DECIDED_OTHERWISE: readonly string[] = ["run-as-same-user-pod", "refused-same-user-root"];

export const DIVERGENCES: Readonly<Record<string, Undo>> = {
  "one credential for init container and sidecar": (pod) =>
    withoutBlocks(["state"])(
      eachAgent(({ volumeMounts, ...one }) => ({
        ...one,
        volumeMounts: volumeMounts?.filter(({ name }) => name !== "lessee-state"),
      }))({ ...pod, spec: { ...pod.spec, volumes: pod.spec.volumes?.filter(({ name }) => name !== "lessee-state") } }),
    ),
  "probes and a port for health and metrics": (pod) =>
    withoutBlocks(["health"])(eachAgent(({ startupProbe, readinessProbe, livenessProbe, ports, ...one }) => one)(pod)),
  "annotations for Prometheus": (pod) => ({
    ...pod,
    metadata: {
      ...pod.metadata,
      annotations: Object.fromEntries(
        Object.entries(pod.metadata?.annotations ?? {}).filter(([name]) => !name.startsWith("prometheus.io/")),
      ),
    },
  }),
  "a seccomp profile": eachAgent(({ securityContext, ...one }) => {
    if (securityContext === undefined) return one;
    const { seccompProfile, ...rest } = securityContext;
    return { ...one, securityContext: rest };
  }),
  "the pod's name": eachAgent(({ env, ...one }) => ({ ...one, env: env?.filter(({ name }) => name !== "POD_NAME") })),
  "a sidecar that is an init container": (pod) => {
    const { initContainers = [], containers } = pod.spec;
    const native = initContainers.filter(({ name }) => name === "vault-agent");
    if (native.length === 0) return pod;
    const others = initContainers.filter(({ name }) => name !== "vault-agent");
    const { initContainers: _, ...spec } = pod.spec;
    return {
      ...pod,
      spec: {
        ...spec,
        containers: [...containers, ...native.map(({ restartPolicy, ...one }) => one)],
        ...(others.length === 0 ? {} : { initContainers: others }),
      },
    };
  },
  "how long a job may run": eachAgent(({ env, ...one }) => ({
    ...one,
    env: env?.filter(({ name }) => name !== "LESSEE_JOB_LIFETIME"),
  })),
  "what a native sidecar gives back": (pod) => withoutBlocks(["release_on_exit"])(pod),
  "no hook that revokes the token": (pod) => withoutBlocks(["release_on_exit"])(pod),
};

/** The hook itself cannot be put back: it is taken away from the injector's pod instead. */
export const withoutHook: Undo = eachAgent((one) => (one.lifecycle === undefined ? one : { ...one, lifecycle: {} }));

function eachAgent(change: (container: Container) => Container): Undo {
  const all = (list: readonly Container[] | undefined) =>
    list?.map((one) => (["vault-agent", "vault-agent-init"].includes(one.name) ? change(one) : one));
  return (pod) => {
    const initContainers = all(pod.spec.initContainers);
    return {
      ...pod,
      spec: {
        ...pod.spec,
        containers: all(pod.spec.containers) ?? [],
        ...(initContainers === undefined ? {} : { initContainers }),
      },
    };
  };
}

function withoutBlocks(names: readonly string[]): Undo {
  return eachAgent((one) => ({
    ...one,
    env: one.env?.map((variable) => {
      if (variable.name !== "VAULT_CONFIG") return variable;
      const config = JSON.parse(Buffer.from(variable.value ?? "", "base64").toString());
      const left = Object.entries(config).filter(([name]) => !names.includes(name));
      return { ...variable, value: Buffer.from(JSON.stringify(Object.fromEntries(left))).toString("base64") };
    }),
  }));
}
