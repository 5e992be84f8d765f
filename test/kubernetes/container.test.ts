import { expect, it } from "vitest";
import { ownContainer } from "../../src/kubernetes/container.ts";

const mounts = (text: string) => ({ readFile: async () => text }) as unknown as Parameters<typeof ownContainer>[0];

/** As kubelet and containerd make them; the name of the pod's folder differs with how /var is mounted. */
const INSIDE = `2561 2560 0:245 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
2570 2558 8:1 /var/lib/kubelet/pods/5b2c8f0e-62f4-4a0c-a1f9-0a3f9e0d5a11/etc-hosts /etc/hosts rw,relatime - ext4 /dev/sda1 rw
2571 2559 8:1 /var/lib/kubelet/pods/5b2c8f0e-62f4-4a0c-a1f9-0a3f9e0d5a11/containers/vault-agent/1f0c5d7e /dev/termination-log rw,relatime - ext4 /dev/sda1 rw
`;

it("Our container's name is in the kernel's list of our mounts", async () => {
  expect(await ownContainer(mounts(INSIDE))).toBe("vault-agent");
  expect(await ownContainer(mounts(INSIDE.replaceAll("/var/lib/kubelet", "/kubelet")))).toBe("vault-agent");
});

it("It is not known outside of a pod", async () => {
  expect(await ownContainer(mounts("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"))).toBeUndefined();
  expect(await ownContainer({ readFile: async () => Promise.reject(new Error("ENOENT")) })).toBeUndefined();
});
