/** From the `vault` block to a transport: reads certificates, and says what is wrong with them before anything is sent. */
import { join } from "node:path";
import type { VaultConfig } from "../config/types.ts";
import { LesseeError } from "../errors.ts";
import type { Files } from "../ports.ts";
import { type ClosableTransport, createTransport } from "./transport.ts";

export async function connectVault(
  config: VaultConfig,
  files: Pick<Files, "readFile" | "readdir">,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ClosableTransport> {
  const cert =
    config.clientCert === undefined
      ? config.clientCertBytes
      : await read(files, config.clientCert, "vault.client_cert");
  const key =
    config.clientKey === undefined
      ? config.clientKeyBytes?.reveal()
      : await read(files, config.clientKey, "vault.client_key");
  const proxy = env.VAULT_PROXY_ADDR || env.VAULT_HTTP_PROXY;
  return createTransport({
    ca: await certificates(config, files),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(config.tlsServerName === undefined ? {} : { serverName: config.tlsServerName }),
    skipVerify: config.tlsSkipVerify,
    ...(proxy ? { proxy } : {}),
    proxyEnv: env,
  });
}

/** A file beats a text of the environment, and that beats a folder, as in Vault's own client. */
async function certificates(config: VaultConfig, files: Pick<Files, "readFile" | "readdir">): Promise<string[]> {
  if (config.caCert !== undefined) return [await pem(files, config.caCert, "vault.ca_cert")];
  if (config.caCertBytes !== undefined) return [checkPem(config.caCertBytes, "VAULT_CACERT_BYTES")];
  if (config.caPath === undefined) return [];
  const names = await files.readdir(config.caPath).catch((error: NodeJS.ErrnoException) => {
    throw new LesseeError("ca", `vault.ca_path: cannot read the folder ${config.caPath}: ${error.code}`);
  });
  return Promise.all(
    names
      .filter((name) => !name.startsWith("."))
      .map((name) => pem(files, join(config.caPath!, name), "vault.ca_path")),
  );
}

async function pem(files: Pick<Files, "readFile">, path: string, what: string): Promise<string> {
  return checkPem(await read(files, path, what), `${what}: ${path}`);
}

function checkPem(text: string, what: string): string {
  if (/-----BEGIN (TRUSTED )?CERTIFICATE-----/.test(text)) return text;
  throw new LesseeError("ca", `${what}: there is no PEM certificate in it`, {
    hint: "it has to begin with -----BEGIN CERTIFICATE-----",
  });
}

async function read(files: Pick<Files, "readFile">, path: string, what: string): Promise<string> {
  try {
    return await files.readFile(path, "utf8");
  } catch (error) {
    throw new LesseeError("ca", `${what}: cannot read ${path}: ${(error as NodeJS.ErrnoException).code ?? error}`);
  }
}
