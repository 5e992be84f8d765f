/** How a command finds the server that we ask: the variables that Vault's own programs read. */
import { defined } from "../config/defaults.ts";
import type { VaultConfig } from "../config/types.ts";

export function vaultVariables(vault: VaultConfig): Readonly<Record<string, string>> {
  return defined({
    VAULT_ADDR: vault.address,
    VAULT_SKIP_VERIFY: vault.tlsSkipVerify ? "true" : undefined,
    VAULT_CACERT: vault.caCert,
    VAULT_CACERT_BYTES: vault.caCertBytes,
    VAULT_CAPATH: vault.caPath,
    VAULT_CLIENT_CERT: vault.clientCert,
    VAULT_CLIENT_KEY: vault.clientKey,
    VAULT_TLS_SERVER_NAME: vault.tlsServerName,
  });
}
