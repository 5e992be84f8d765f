/** The listeners of an agent, with what they are to have of its sidecar: the token, and the secrets that it holds. */
import type { AgentConfig } from "../config/types.ts";
import { expiryOf } from "../lease/schedule.ts";
import type { World } from "../ports.ts";
import { namespaceOf } from "../proxy/endings.ts";
import type { HeldSecrets } from "../proxy/held.ts";
import { fullPath } from "../proxy/request.ts";
import { type ProxyServer, startProxyServer } from "../proxy/server.ts";
import { resolveOwner } from "../publish/owner.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { connectVault, type RenewableTransport, type VaultConnection } from "../vault/connect.ts";
import type { Sidecar } from "./sidecar.ts";

export interface ServeOptions {
  readonly config: AgentConfig;
  readonly vault: VaultConnection;
  /** null without auto_auth: clients bring their own tokens. */
  readonly sidecar: Sidecar | null;
  readonly world: World;
  readonly version: string;
  readonly metrics: Telemetry;
  onQuit(): void;
}

/** Connections to Vault at a time; whoever comes when all are in use waits for one. */
const MOST_SOCKETS = 128;

export interface Served extends ProxyServer {
  /** That of what clients ask. */
  readonly transport: RenewableTransport;
}

/** null where the configuration has no listener. Rejects with a LesseeError for one that cannot be opened. */
export async function serve(options: ServeOptions): Promise<Served | null> {
  const { config, sidecar, vault, world } = options;
  if (config.listeners.length === 0) return null;
  const keepAlive = !(config.disableIdleConnections.apiProxy || config.disableKeepAlives.apiProxy);
  const transport = await connectVault(config.vault, world.files, world.env, { maxSockets: MOST_SOCKETS, keepAlive });
  const server = await startProxyServer({
    listeners: config.listeners,
    apiProxy: config.apiProxy,
    cache: config.cache,
    client: vault.client,
    address: vault.address,
    approach: vault.approach,
    version: options.version,
    timeout: config.vault.clientTimeout,
    disableRedirects: config.vault.disableRedirects,
    open: transport.open,
    metrics: options.metrics,
    prometheus: (config.telemetry?.prometheusRetentionTime ?? 0) > 0,
    ownToken: sidecar?.tokens ?? NO_TOKEN,
    held: sidecar === null ? null : heldBy(sidecar, vault.namespace),
    clock: world.clock,
    random: world.random,
    files: world.files,
    owner: (user, group) => resolveOwner({ destination: "the listener's socket", user, group }, world.files),
    onQuit: options.onQuit,
  });
  return {
    ...server,
    transport,
    async stop(release) {
      const left = await server.stop(release);
      transport.close();
      return left;
    },
  };
}

// ---- internal ----

const NO_TOKEN = {
  current: () => null,
  hold: () => ({ lost: new AbortController().signal, release: () => undefined }),
};

function heldBy(sidecar: Sidecar, namespace: string): HeldSecrets {
  return {
    get changed() {
      return sidecar.changed();
    },
    get(path) {
      const keeper = sidecar.keepers
        .all()
        .find(
          ({ dependency }) =>
            dependency.kind === "read" &&
            dependency.version === undefined &&
            fullPath(namespaceOf(namespace), dependency.path) === path,
        );
      if (keeper === undefined) return null;
      const secret = keeper.secret();
      // Where the first read fails, the server may as well tell the client why.
      if (secret === undefined) return keeper.state().read.failures === 0 ? "coming" : null;
      const record = keeper.records().find((one) => one.secret === secret);
      return record === undefined ? null : { secret, readAt: record.held.readAt, expiry: expiryOf(record.held) };
    },
  };
}
