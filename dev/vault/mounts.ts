/** The mount table: which back end answers below which path. */
import { createHash, randomUUID } from "node:crypto";
import type { Backend } from "./protocol.ts";

export interface Mount {
  /** With a slash at its end; an auth method's begins with `auth/`. */
  readonly path: string;
  readonly backend: Backend;
  readonly description: string;
  readonly options: Readonly<Record<string, string>> | null;
  readonly accessor: string;
  readonly uuid: string;
}

export interface MountTable {
  add(path: string, backend: Backend, settings?: { description?: string; options?: Mount["options"] }): void;
  /** The mount that was removed. */
  remove(path: string): Mount | undefined;
  get(path: string): Mount | undefined;
  /** The mount with the longest path that this path begins with. */
  match(path: string): Mount | undefined;
  /** Whether a new mount there would overlap with one that is there. */
  conflict(path: string): Mount | undefined;
  all(): Mount[];
}

export function createMountTable(): MountTable {
  const mounts = new Map<string, Mount>();
  return {
    add(path, backend, { description = "", options = null } = {}) {
      const accessor = `${backend.type}_${createHash("sha256").update(randomUUID()).digest("hex").slice(0, 8)}`;
      mounts.set(path, { path, backend, description, options, accessor, uuid: randomUUID() });
    },
    remove(path) {
      const mount = mounts.get(path);
      mounts.delete(path);
      return mount;
    },
    get: (path) => mounts.get(path),
    match: (path) =>
      [...mounts.values()]
        .filter((mount) => path.startsWith(mount.path))
        .sort((a, b) => b.path.length - a.path.length)[0],
    conflict: (path) =>
      [...mounts.values()].find((mount) => mount.path.startsWith(path) || path.startsWith(mount.path)),
    all: () => [...mounts.values()].sort((a, b) => (a.path < b.path ? -1 : 1)),
  };
}

/** Of these the server tells that they are supported; of the database engine, for one, it tells nothing. */
const BUILT_IN = new Set(["kv", "pki", "kubernetes", "approle"]);

export function describeMount(mount: Mount): Record<string, unknown> {
  return {
    accessor: mount.accessor,
    config: { default_lease_ttl: 0, force_no_cache: false, max_lease_ttl: 0 },
    ...(BUILT_IN.has(mount.backend.type) && { deprecation_status: "supported" }),
    description: mount.description,
    external_entropy_access: false,
    local: false,
    options: mount.options,
    plugin_version: "",
    running_plugin_version: "v2.6.2+builtin.bao",
    running_sha256: "",
    seal_wrap: false,
    type: mount.backend.type,
    uuid: mount.uuid,
  };
}
