/**
 * What changes outside while the agent runs: the files that logins and connections are made with, and the configuration,
 * which is read again at a signal.
 */
import type { AuthMethod } from "../auth/method.ts";
import { followCredentials } from "../auth/renewed-credentials.ts";
import type { AgentConfig } from "../config/types.ts";
import { describe } from "../errors.ts";
import type { Emit, World } from "../ports.ts";
import type { ServiceManager } from "../system/systemd.ts";
import { createWatch } from "../system/watch.ts";
import { certificateFiles, type VaultConnection } from "../vault/connect.ts";
import { followCertificates } from "../vault/replaced-certificates.ts";
import type { Served } from "./serve.ts";
import type { Sidecar } from "./sidecar.ts";

export interface OutsideOptions {
  readonly config: AgentConfig;
  readonly method: AuthMethod | undefined;
  readonly vault: Pick<VaultConnection, "transport">;
  readonly server: Served | null;
  readonly sidecar: Sidecar | null;
  readonly world: Pick<World, "clock" | "files">;
  readonly emit: Emit;
  readonly systemd: Pick<ServiceManager, "tell">;
  /** Rejects with a ConfigError. */
  readConfig(): Promise<AgentConfig>;
  /** Another configuration holds from now on. */
  onRead(config: AgentConfig): void;
}

export interface Outside {
  /** From then on changes of files are seen. */
  watch(): Promise<void>;
  /** Reads the configuration again; nobody waits. One after the other: whoever asks several times means the last one. */
  reload(): void;
  /** Nothing new is taken up any more; what was asked for before comes to its end. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

export function followOutside(options: OutsideOptions): Outside {
  const { config, emit, method, server, sidecar, systemd, vault } = options;
  const { clock, files } = options.world;
  const transports = [vault.transport, ...(server === null ? [] : [server.transport])];
  const certificates = followCertificates(transports, { clock, emit });
  const credentials = followCredentials({
    renewal: config.exitAfterAuth ? undefined : method?.renewal,
    ports: { files, warn: (message) => emit({ is: "warning", code: "credential", message }) },
    clock,
    onNew() {
      sidecar?.tokens.wake();
      if (config.autoAuth?.enableReauthOnNewCredentials) sidecar?.tokens.renew();
    },
  });
  const watch = createWatch(files, () => {
    sidecar?.tokens.wake();
    credentials.look();
    certificates.look();
  });
  let reloading = Promise.resolve();

  async function follow(next: AgentConfig): Promise<void> {
    // An init container is gone before it would be of use.
    if (!config.exitAfterAuth) await watch.follow([...(method?.watches ?? []), ...certificateFiles(next.vault)]);
  }

  async function reload(): Promise<void> {
    systemd.tell("RELOADING=1");
    try {
      const next = await options.readConfig();
      // Last: a configuration that is refused leaves the certificates as they were.
      const takeCertificates = await certificates.prepare(next.vault);
      await server?.reload();
      await sidecar?.replace(next);
      takeCertificates();
      options.onRead(next);
      await follow(next);
      emit({ is: "configuration reloaded" });
    } catch (error) {
      emit({ is: "configuration refused", error: describe(error) });
    }
    systemd.tell("READY=1");
  }

  return {
    watch: () => follow(config),
    reload() {
      reloading = reloading.then(reload);
    },
    async stop() {
      await reloading;
      credentials.stop();
      certificates.stop();
    },
    close: () => watch.close(),
  };
}
