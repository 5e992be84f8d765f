/** From what kubelet puts into every pod: where the API server is, and who we are to it. */
import { KubernetesError } from "../errors.ts";
import type { Files, KubernetesApi } from "../ports.ts";
import { createKubernetesApi } from "./api.ts";
import { podClaims } from "./claims.ts";

export interface Cluster {
  readonly api: KubernetesApi;
  /** This pod. */
  readonly namespace: string;
  readonly pod: string;
  /** Empty where nothing tells it. */
  readonly uid: string;
}

/** Where kubelet puts it, unless the pod says otherwise. */
const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

export interface ClusterPorts {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly files: Pick<Files, "readFile">;
}

/** Rejects with a KubernetesError outside of a cluster, and where the pod has no token or no name. */
export async function openCluster(
  serviceAccount: string = SERVICE_ACCOUNT,
  { env, files }: ClusterPorts,
): Promise<Cluster> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = "443" } = env;
  if (!host) {
    throw new KubernetesError(0, "KUBERNETES_SERVICE_HOST is not set: this is no pod of a cluster", {
      hint: 'outside of a cluster job { until = "process" } needs no API',
    });
  }
  const address = `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const api = createKubernetesApi({ address, serviceAccount, files });
  const read = (name: string) => files.readFile(`${serviceAccount}/${name}`, "utf8").catch(() => "");
  const claims = podClaims(await read("token"));
  const namespace = (await read("namespace")).trim() || (claims.namespace ?? env.NAMESPACE);
  const pod = claims.pod?.name ?? env.POD_NAME ?? env.HOSTNAME;
  if (!namespace || !pod) {
    throw new KubernetesError(0, `${serviceAccount} has no token that tells namespace and pod`, {
      hint: "mount the service account's token (automountServiceAccountToken), or set NAMESPACE and POD_NAME",
    });
  }
  return { api, namespace, pod, uid: claims.pod?.uid ?? "" };
}
