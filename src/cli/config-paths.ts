/** Which configuration a command line means. */
import type { ParsedFlags } from "../config/types.ts";

/** What -config names, or else VAULT_AGENT_CONFIG_PATH. */
export function configPaths(flags: ParsedFlags, env: Readonly<Record<string, string | undefined>>): readonly string[] {
  return flags.values.get("config") ?? (env.VAULT_AGENT_CONFIG_PATH ? [env.VAULT_AGENT_CONFIG_PATH] : []);
}
