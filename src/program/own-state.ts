/** Where this sidecar keeps what it holds, and by what it knows it for its own. */
import type { AuthMethod } from "../auth/method.ts";
import type { AgentConfig, AutoAuthConfig } from "../config/types.ts";
import { LesseeError } from "../errors.ts";
import { podNamed } from "../kubernetes/claims.ts";
import { openState, type StatePlace } from "../lease/memory/state-place.ts";
import type { Emit, World } from "../ports.ts";
import { replaceFile } from "../publish/file.ts";
import type { VaultConnection } from "../vault/connect.ts";

export interface OwnStateOptions {
  readonly config: AgentConfig;
  readonly autoAuth: AutoAuthConfig;
  readonly method: AuthMethod;
  readonly vault: Pick<VaultConnection, "address" | "namespace">;
  readonly world: World;
  readonly emit: Emit;
}

/** Null where there is no place for it, which is said. Rejects where the configuration will not do without. */
export async function openOwnState(options: OwnStateOptions): Promise<StatePlace | null> {
  const { autoAuth, config, emit, method, vault, world } = options;
  const { env, files, random } = world;
  const { address, namespace } = vault;
  const { mountPath: mount } = autoAuth.method;
  let pod: string | undefined;
  const { place, warning } = await openState({
    ...world,
    config: config.state,
    home: env.HOME,
    async binding() {
      // It never changes, and what it is read from may go away.
      pod ??= (await method.pod({ files })) || podNamed(env);
      return { address, namespace, mount, role: method.role ?? "", pod };
    },
    write: (path, content) => replaceFile(path, content, 0o600, { files, random }),
  });
  if (warning === null) return place;
  if (config.cache?.persist?.exitOnErr) throw new LesseeError("state", warning);
  emit({ is: "warning", code: "state", message: warning });
  return place;
}
