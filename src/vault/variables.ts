/** How a command finds the server that we ask: the variables that Vault's own programs read, and those of OpenBao. */
import { defined } from "../config/defaults.ts";
import type { VaultConfig } from "../config/types.ts";

export function vaultVariables(vault: VaultConfig): Readonly<Record<string, string>> {
  const known = defined({
    ADDR: vault.address,
    SKIP_VERIFY: vault.tlsSkipVerify ? "true" : undefined,
    CACERT: vault.caCert,
    CACERT_BYTES: vault.caCertBytes,
    CAPATH: vault.caPath,
    CLIENT_CERT: vault.clientCert,
    CLIENT_KEY: vault.clientKey,
    TLS_SERVER_NAME: vault.tlsServerName,
  });
  const named = Object.entries(known).flatMap(([name, value]) => [
    [`VAULT_${name}`, value],
    [`BAO_${name}`, value],
  ]);
  return Object.fromEntries(named);
}
