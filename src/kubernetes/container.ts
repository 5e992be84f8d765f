/** Which of the pod's containers this process is in. Kubernetes tells it to nobody, but the kernel knows our mounts. */
import type { Files } from "../ports.ts";

/**
 * kubelet mounts a file for the termination message into every container, from
 * `…/pods/UID/containers/NAME/SOMETHING` of the node. Undefined where that cannot be seen.
 */
export async function ownContainer(files: Pick<Files, "readFile">): Promise<string | undefined> {
  const mounts = await files.readFile("/proc/self/mountinfo", "utf8").catch(() => "");
  return /^\d+ \d+ \S+ \S*\/pods\/[^/ ]+\/containers\/([^/ ]+)\/[^/ ]+ /m.exec(mounts)?.[1];
}
