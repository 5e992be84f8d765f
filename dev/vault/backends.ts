/** Which back ends can be mounted. */
import { createAppRoleBackend } from "./auth-approle.ts";
import { createKubernetesBackend } from "./auth-kubernetes.ts";
import type { Core } from "./core.ts";
import { createDatabaseBackend } from "./engine-database.ts";
import { createKvBackend } from "./engine-kv.ts";
import { createPkiBackend } from "./engine-pki.ts";
import type { Backend } from "./protocol.ts";
import { Refusal } from "./refusal.ts";

/** Throws a Refusal for a type that the server does not have. */
export function createBackend(
  kind: "secret" | "auth",
  type: string,
  options: Readonly<Record<string, string>>,
  core: Core,
): Backend {
  const make = (kind === "secret" ? SECRET_ENGINES : AUTH_METHODS)[type];
  if (!make) throw new Refusal(400, `plugin not found in the catalog: ${type}`);
  return make(core, options);
}

type Make = (core: Core, options: Readonly<Record<string, string>>) => Backend;

const SECRET_ENGINES: Readonly<Record<string, Make>> = {
  database: (core) => createDatabaseBackend(core.clock),
  kv: (core, options) => createKvBackend(core.clock, options.version === "2"),
  "kv-v2": (core) => createKvBackend(core.clock, true),
  pki: (core) => createPkiBackend(core.clock),
};

const AUTH_METHODS: Readonly<Record<string, Make>> = {
  approle: (core) => createAppRoleBackend(core.clock),
  kubernetes: () => createKubernetesBackend(),
};
