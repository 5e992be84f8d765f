/** The connection of a command that asks Vault once, as `vault` itself makes it: from flags and environment alone. */
import { NOTHING_DECLARED } from "../config/merge.ts";
import { resolve } from "../config/resolve.ts";
import type { ParsedFlags, VaultConfig } from "../config/types.ts";
import { ConfigError, LesseeError } from "../errors.ts";
import type { World } from "../ports.ts";
import { Sensitive } from "../sensitive.ts";
import { openVault, type VaultConnection } from "../vault/connect.ts";

/** Rejects with a LesseeError for settings and certificates that cannot be used. */
export async function connectByFlags(flags: ParsedFlags, world: World): Promise<VaultConnection> {
  return openVault(serverByFlags(flags, world), undefined, world, () => {});
}

/** @throws ConfigError */
export function serverByFlags(flags: ParsedFlags, { env }: Pick<World, "env">): VaultConfig {
  const { config, refusals } = resolve(NOTHING_DECLARED, env, flags);
  if (refusals.length > 0) throw new ConfigError(refusals);
  return config.vault;
}

/** VAULT_TOKEN, else what `vault login` or a sink has left in the home folder. Rejects with a LesseeError. */
export async function ownToken({ env, files }: Pick<World, "env" | "files">): Promise<Sensitive<string>> {
  if (env.VAULT_TOKEN) return new Sensitive(env.VAULT_TOKEN);
  const path = `${env.HOME ?? ""}/.vault-token`;
  const text = (await files.readFile(path, "utf8").catch(() => "")).trim();
  if (text !== "") return new Sensitive(text);
  throw new LesseeError("token", `there is no token: VAULT_TOKEN is not set, and there is none in ${path}`);
}
