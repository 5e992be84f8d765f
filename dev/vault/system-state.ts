/** `sys/health` and its neighbours: what the server says about itself, sealed or not. */
import { randomBytes } from "node:crypto";
import type { Core } from "./core.ts";
import { type Answer, type MountedRequest, textField } from "./protocol.ts";
import { uuid } from "./random.ts";
import { methodNotAllowed, Refusal } from "./refusal.ts";

export function createServerState(core: Core, unsealKey: string) {
  const cluster = { cluster_name: `vault-cluster-${randomBytes(4).toString("hex")}`, cluster_id: uuid() };

  function sealStatus(): Answer {
    const sealed = core.sealed();
    const bare = {
      type: "shamir",
      initialized: true,
      sealed,
      t: 1,
      n: 1,
      progress: 0,
      nonce: "",
      recovery_seal: false,
      version: VERSION,
      commit_date: "",
      migration: false,
      ...(!sealed && cluster),
      storage_type: "inmem",
    };
    return { bare };
  }

  function health(): Answer {
    const sealed = core.sealed();
    const mode = sealed ? "unknown" : "disabled";
    const bare = {
      initialized: true,
      sealed,
      standby: sealed,
      replication_performance_mode: mode,
      replication_dr_mode: mode,
      server_time_utc: Math.floor(core.clock.now() / 1000),
      version: VERSION,
      ...(!sealed && cluster),
    };
    return { status: sealed ? 503 : 200, bare };
  }

  return {
    isOpen: (path: string) => OPEN.has(path),
    handle({ subpath, operation, body }: MountedRequest): Answer | null {
      switch (`${operation} ${subpath}`) {
        case "read health":
          return health();
        case "read seal-status":
          return sealStatus();
        case "read leader":
          return { bare: { ha_enabled: false } };
        case "update seal":
          core.seal();
          return null;
        case "update unseal":
          if (textField(body, "key") !== unsealKey)
            throw new Refusal(400, "'key' must be a valid hex or base64 string");
          core.unseal();
          return sealStatus();
        default:
          return OPEN.has(subpath) || subpath === "seal" ? methodNotAllowed() : unsupported();
      }
    },
  };
}

const VERSION = "2.6.2";
const OPEN = new Set(["health", "seal-status", "leader", "unseal"]);

function unsupported(): never {
  throw new Refusal(404, "1 error occurred:\n\t* unsupported path\n\n");
}
