/** Where an injected container finds the token that it logs in with. */
import type { AnnotationReader } from "./annotations.ts";
import type { Pod, Volume } from "./kubernetes.ts";
import { Refusal } from "./refusal.ts";

export interface TokenMount {
  readonly volume: string;
  readonly mountPath: string;
  /** Below the mount. */
  readonly tokenPath: string;
  /** To be added: the pod has no such volume. */
  readonly added?: Volume;
}

/** Where a volume that no container mounts is mounted. */
const OWN_MOUNT = "/var/run/secrets/vault.hashicorp.com/serviceaccount";

/**
 * Throws a Refusal where there is none.
 * @param admitted false for a manifest, which Kubernetes has not given its token yet
 */
export function findToken(pod: Pod, annotations: AnnotationReader, admitted: boolean): TokenMount {
  const { containers, volumes = [] } = pod.spec;
  const mounts = containers.flatMap((container) => container.volumeMounts ?? []);
  const wanted = annotations.text("agent-service-account-token-volume-name");
  if (wanted !== "") {
    const volume = volumes.find(({ name }) => name === wanted);
    const mount = mounts.find(({ name }) => name === wanted);
    if (volume === undefined && mount === undefined)
      throw new Refusal(`failed to find service account volume "${wanted}"`);
    if (volume === undefined)
      throw new Refusal(`failed to find volume "${wanted}" in Pod "${pod.metadata?.name ?? ""}" volumes`);
    return { volume: wanted, mountPath: mount?.mountPath ?? OWN_MOUNT, tokenPath: projectedPath(volume) };
  }
  const mount = mounts.find(({ mountPath }) => mountPath.includes("serviceaccount"));
  if (mount !== undefined) return { volume: mount.name, mountPath: mount.mountPath, tokenPath: "token" };
  if (!admitted && pod.spec.automountServiceAccountToken !== false) return PROJECTED;
  throw new Refusal(
    "failed to find service account volume mount",
    "the pod has no service account token: set automountServiceAccountToken: true, or name a projected volume that has one in vault.hashicorp.com/agent-service-account-token-volume-name",
  );
}

// ---- internal ----

/** A token of our own, which is there whatever the service account says about mounting one. */
const PROJECTED: TokenMount = {
  volume: "lessee-token",
  mountPath: OWN_MOUNT,
  tokenPath: "token",
  added: {
    name: "lessee-token",
    projected: { sources: [{ serviceAccountToken: { path: "token", expirationSeconds: 3600 } as { path: string } }] },
  },
};

function projectedPath(volume: Volume): string {
  const paths = volume.projected?.sources?.map(({ serviceAccountToken }) => serviceAccountToken?.path ?? "") ?? [];
  const path = paths.find((one) => one !== "");
  if (path === undefined) throw new Refusal(`failed to find tokenPath for projected volume "${volume.name}"`);
  return path;
}
