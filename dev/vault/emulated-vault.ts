/**
 * A server that answers as a Vault does, as far as a credential sidecar and its set-up ask: an empty one, as `-dev`
 * starts it, which is set up through its HTTP API. It really runs the SQL of its database roles and really asks the
 * cluster about service accounts.
 */
import { randomBytes } from "node:crypto";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { createTokenBackend } from "./auth-token.ts";
import { createServerClock } from "./clock.ts";
import { createCore } from "./core.ts";
import { createKvBackend } from "./engine-kv.ts";
import { createFaultInjector, type FaultInjector } from "./faults.ts";
import { serve } from "./http.ts";
import { REVOCATION_RETRIES, type RetryPolicy } from "./leases.ts";
import { createRequestLog, type RequestLog } from "./request-log.ts";
import { createSystemBackend } from "./system.ts";

export interface EmulatedVaultOptions {
  readonly rootToken: string;
  readonly host?: string;
  /** Default 0: any that is free. */
  readonly port?: number;
  /** PEM; with both the server speaks TLS. */
  readonly tls?: { readonly certificate: string; readonly privateKey: string };
  /** The time of day, in milliseconds; default the machine's. Held still, it is moved by `advance` alone. */
  readonly time?: () => number;
  /** How a failing revocation is tried again; default as the real server does. */
  readonly retries?: RetryPolicy;
}

export interface EmulatedVault {
  /** `http://127.0.0.1:PORT` */
  readonly address: string;
  readonly rootToken: string;
  readonly unsealKey: string;
  readonly requests: RequestLog;
  readonly faults: FaultInjector;
  /** Moves the server's time forward; the leases and tokens that are over by then end. */
  advance(milliseconds: number): void;
  /** Resolves when no renewal or revocation is under way. */
  idle(): Promise<void>;
  /** Nobody listens on the port until `acceptConnections`; connections that are open are broken. */
  refuseConnections(): Promise<void>;
  acceptConnections(): Promise<void>;
  /** Ends the server as a crash would: what was lent stays in Postgres. */
  stop(): Promise<void>;
}

export async function startEmulatedVault(options: EmulatedVaultOptions): Promise<EmulatedVault> {
  const { rootToken, host = "127.0.0.1", port = 0, tls, retries = REVOCATION_RETRIES } = options;
  const clock = createServerClock(options.time);
  const core = createCore(clock, rootToken, retries);
  const unsealKey = randomBytes(32).toString("base64");
  core.mounts.add("sys/", createSystemBackend(core, unsealKey));
  core.mounts.add("auth/token/", createTokenBackend(core), { description: "token based credentials" });
  core.mounts.add("secret/", createKvBackend(clock, true), {
    description: "key/value secret storage",
    options: { version: "2" },
  });
  const faults = createFaultInjector();
  const log = createRequestLog();
  const listener: RequestListener = (incoming, outgoing) => {
    // What fails here is the client's connection: there is nobody left to tell.
    serve({ core, faults, log }, incoming, outgoing).catch(() => outgoing.destroy());
  };
  const server = tls
    ? createTlsServer({ cert: tls.certificate, key: tls.privateKey }, listener)
    : createServer(listener);
  await listen(server, host, port);
  const bound = (server.address() as AddressInfo).port;

  return {
    address: `${tls ? "https" : "http"}://${host}:${bound}`,
    rootToken,
    unsealKey,
    requests: log,
    faults,
    advance: clock.advance,
    idle: core.leases.idle,
    refuseConnections: () => close(server),
    acceptConnections: () => listen(server, host, bound),
    async stop() {
      await close(server);
      clock.stop();
      await core.leases.idle();
      await Promise.all(core.mounts.all().map(({ backend }) => backend.close?.()));
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
