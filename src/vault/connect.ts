/** From the `vault` block to a transport: reads certificates, and says what is wrong with them before anything is sent. */
import { join } from "node:path";
import type { VaultConfig } from "../config/types.ts";
import { LesseeError } from "../errors.ts";
import type { Emit, Files, World } from "../ports.ts";
import { type Approach, approached, createApproach } from "./approach.ts";
import { createVaultClient, type VaultClient } from "./client.ts";
import { type ClosableTransport, createTransport, type PoolOptions, type TlsSettings } from "./transport.ts";

/** A transport whose certificates may be replaced while it is used. */
export interface RenewableTransport extends Omit<ClosableTransport, "prepare"> {
  /**
   * Reads the certificates anew, those that `config` names where one is given. Resolves to what takes them into use and
   * tells whether they are others than before; until then the old ones stay. Rejects for what cannot be used.
   */
  prepare(config?: VaultConfig): Promise<() => boolean>;
}

/** The server of the configuration, ready to be asked. */
export interface VaultConnection {
  readonly client: VaultClient;
  readonly transport: RenewableTransport;
  readonly address: string;
  /** Empty for the root namespace. */
  readonly namespace: string;
  /** What comes before every request. */
  readonly approach: Approach;
}

/** `methodNamespace` is that of auto_auth.method, which holds where the configuration names no other. */
export async function openVault(
  config: VaultConfig,
  methodNamespace: string | undefined,
  world: Pick<World, "clock" | "env" | "files" | "random">,
  emit: Emit,
  pool: PoolOptions = {},
): Promise<VaultConnection> {
  const connected = await connectVault(config, world.files, world.env, pool);
  const resolveSrv = async (name: string) => (await import("node:dns/promises")).resolveSrv(name);
  const approach = createApproach(config, { ...world, resolveSrv: config.srvLookup ? resolveSrv : null });
  const transport = {
    ...connected,
    close() {
      approach.close();
      connected.close();
    },
  };
  const address = config.address.replace(/\/+$/, "");
  const namespace = config.namespace ?? methodNamespace ?? "";
  const client = createVaultClient(
    {
      address,
      namespace,
      headers: config.headers,
      timeout: config.clientTimeout,
      disableRedirects: config.disableRedirects,
    },
    approached(transport.send, approach),
    world.clock,
    emit,
  );
  return { client, transport, address, namespace, approach };
}

/** Rejects with a LesseeError (code `ca`) for what cannot be read or used, naming the key of the configuration. */
export async function connectVault(
  config: VaultConfig,
  files: Pick<Files, "readFile" | "readdir">,
  env: Readonly<Record<string, string | undefined>>,
  pool: PoolOptions = {},
): Promise<RenewableTransport> {
  const proxy = proxyOf(env);
  let latest = config;
  let tls = await tlsSettings(config, files);
  const transport = createTransport({ ...tls, ...(proxy ? { proxy } : {}), proxyEnv: env, pool });
  return {
    ...transport,
    async prepare(next = latest) {
      const read = await tlsSettings(next, files);
      const take = transport.prepare(read);
      return () => {
        latest = next;
        if (JSON.stringify(read) === JSON.stringify(tls)) return false;
        take();
        tls = read;
        return true;
      };
    },
  };
}

/** What cannot be understood must not be passed by: whoever names a proxy does not want it without. */
function proxyOf(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const variable = env.VAULT_PROXY_ADDR ? "VAULT_PROXY_ADDR" : "VAULT_HTTP_PROXY";
  const proxy = env[variable] || undefined;
  if (proxy === undefined || /^https?:$/.test(URL.parse(proxy)?.protocol ?? "")) return proxy;
  throw new LesseeError("proxy", `${variable}: ${JSON.stringify(proxy)} is not the address of a proxy`, {
    hint: "as in http://HOST:PORT",
  });
}

/** Where certificates are read from, so that they can be watched; a folder ends in a slash. */
export function certificateFiles({ caCert, caPath, clientCert, clientKey }: VaultConfig): readonly string[] {
  const ca = caCert ?? (caPath === undefined ? undefined : `${caPath}/`);
  return [ca, clientCert, clientKey].filter((path) => path !== undefined);
}

async function tlsSettings(config: VaultConfig, files: Pick<Files, "readFile" | "readdir">): Promise<TlsSettings> {
  const { clientCert, clientKey, tlsServerName } = config;
  const cert = clientCert === undefined ? config.clientCertBytes : await read(files, clientCert, "vault.client_cert");
  const key =
    clientKey === undefined ? config.clientKeyBytes?.reveal() : await read(files, clientKey, "vault.client_key");
  return {
    ca: await certificates(config, files),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(tlsServerName === undefined ? {} : { serverName: tlsServerName }),
    skipVerify: config.tlsSkipVerify,
  };
}

/** A file beats a text of the environment, and that beats a folder, as in Vault's own client. */
async function certificates(config: VaultConfig, files: Pick<Files, "readFile" | "readdir">): Promise<string[]> {
  if (config.caCert !== undefined) return [await pem(files, config.caCert, "vault.ca_cert")];
  if (config.caCertBytes !== undefined) return [await checkPem(config.caCertBytes, "VAULT_CACERT_BYTES")];
  if (config.caPath === undefined) return [];
  const names = await files.readdir(config.caPath).catch((error: NodeJS.ErrnoException) => {
    throw new LesseeError("ca", `vault.ca_path: cannot read the folder ${config.caPath}: ${error.code}`);
  });
  const visible = names.filter((name) => !name.startsWith("."));
  // Without any, all the authorities of the system would be trusted instead.
  if (visible.length === 0) throw new LesseeError("ca", `vault.ca_path: the folder ${config.caPath} is empty`);
  return Promise.all(visible.map((name) => pem(files, join(config.caPath!, name), "vault.ca_path")));
}

async function pem(files: Pick<Files, "readFile">, path: string, what: string): Promise<string> {
  return checkPem(await read(files, path, what), `${what}: ${path}`);
}

async function checkPem(text: string, what: string): Promise<string> {
  const certificates = text.match(PEM_CERTIFICATE);
  if (certificates === null) {
    throw new LesseeError("ca", `${what}: there is no PEM certificate in it`, {
      hint: "it has to begin with -----BEGIN CERTIFICATE-----",
    });
  }
  const { X509Certificate } = await import("node:crypto");
  // OpenSSL would pass over what it cannot read, and every certificate of a server would be refused later.
  for (const [index, certificate] of certificates.entries()) {
    try {
      new X509Certificate(certificate);
    } catch {
      throw new LesseeError("ca", `${what}: certificate ${index + 1} in it is damaged`);
    }
  }
  return text;
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

async function read(files: Pick<Files, "readFile">, path: string, what: string): Promise<string> {
  try {
    return await files.readFile(path, "utf8");
  } catch (error) {
    throw new LesseeError("ca", `${what}: cannot read ${path}: ${(error as NodeJS.ErrnoException).code ?? error}`);
  }
}
