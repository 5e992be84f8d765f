/** All listeners of an agent with what answers behind them: the API proxy, its cache, and the agent's own endpoints. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ApiProxyConfig, CacheConfig, ListenerConfig } from "../config/server-types.ts";
import type { Clock, Random } from "../ports.ts";
import type { Sensitive } from "../sensitive.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { VaultClient } from "../vault/client.ts";
import { readBody, respond, respondEmpty, respondErrors } from "./answers.ts";
import { type CacheDeps, createLeaseCache, type LeaseCache } from "./cache.ts";
import { createConsistency } from "./consistency.ts";
import { cleared } from "./endings.ts";
import type { Forwarding } from "./forward.ts";
import type { HeldSecrets } from "./held.ts";
import { type Listener, type ListenerPorts, startListener } from "./listener.ts";
import { proxy } from "./proxy.ts";

/** The agent's own token, as the proxy and its cache use it. */
export interface OwnToken {
  /** null while there is none. */
  current(): Sensitive<string> | null;
  hold: CacheDeps["hold"];
}

export interface ProxyServerOptions extends Forwarding, ListenerPorts {
  readonly listeners: readonly ListenerConfig[];
  readonly apiProxy?: ApiProxyConfig | undefined;
  readonly cache?: CacheConfig | undefined;
  readonly client: Pick<VaultClient, "renewLease" | "renewSelf" | "revokeLease">;
  readonly address: string;
  readonly version: string;
  readonly metrics: Pick<Telemetry, "count" | "json" | "prometheus">;
  /** Whether metrics are given in Prometheus' form, too. */
  readonly prometheus: boolean;
  readonly ownToken: OwnToken;
  /** null where the agent holds nothing. */
  readonly held: HeldSecrets | null;
  readonly clock: Clock;
  readonly random: Random;
  /** A client asked the agent to end; asked again, it says so again. */
  onQuit(): void;
}

export interface ProxyServer {
  readonly addresses: readonly string[];
  /** Reads certificates anew. Rejects with the first fault; the other listeners have theirs all the same. */
  reload(): Promise<void>;
  /** Closes the listeners. Resolves to how many cached leases are left alive; with `release` they are given back. */
  stop(release: boolean): Promise<number>;
}

/** For answers that are under way when the agent ends. */
const LAST_ANSWERS = 2_000;
/** A request to clear the cache has a few words. */
const MOST_ASKED = 64 * 1024;

/** Rejects with a LesseeError for a listener that cannot be opened; none is left open then. */
export async function startProxyServer(options: ProxyServerOptions): Promise<ProxyServer> {
  const { apiProxy, metrics, ownToken } = options;
  const cache = options.cache === undefined ? null : createLeaseCache({ ...options, hold: ownToken.hold });
  const proxied = {
    ...options,
    userAgent: `lessee API proxy/${options.version}`,
    ownTokenFor: apiProxy?.forceAutoAuthToken ? "all" : apiProxy?.useAutoAuthToken ? "those without one" : "nobody",
    ownToken: ownToken.current,
    cache,
    consistency: createConsistency(apiProxy),
    count: metrics.count,
  } as const;
  const listeners: Listener[] = [];
  const close = () => Promise.all(listeners.map((listener) => listener.close(LAST_ANSWERS)));

  function handlerFor(config: ListenerConfig) {
    return (incoming: IncomingMessage, response: ServerResponse, method: string): void => {
      const path = (incoming.url ?? "").replace(/[?#].*$/s, "");
      if (path === "/agent/v1/metrics") answerMetrics(incoming, response, metrics, options.prometheus);
      else if (config.role === "metrics_only")
        respond(response, 404, "text/plain; charset=utf-8", "404 page not found\n");
      else if (path === "/agent/v1/cache-clear") void clearCache(incoming, response, cache);
      else if (path === "/agent/v1/quit") answerQuit(incoming, response, config.enableQuit, options.onQuit);
      else if (config.requireRequestHeader && incoming.headers["x-vault-request"] !== "true")
        respondErrors(response, 412, ['missing "X-Vault-Request" header']);
      else void proxy(incoming, response, method, proxied);
    };
  }

  try {
    for (const config of options.listeners) listeners.push(await startListener(config, handlerFor(config), options));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    addresses: listeners.map(({ address }) => address),
    async reload() {
      const outcomes = await Promise.allSettled(listeners.map((listener) => listener.reload()));
      for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
    },
    async stop(release) {
      await close();
      return (await cache?.stop(release)) ?? 0;
    },
  };
}

// ---- internal ----

function answerMetrics(
  incoming: IncomingMessage,
  response: ServerResponse,
  metrics: Pick<Telemetry, "count" | "json" | "prometheus">,
  prometheus: boolean,
): void {
  const asked = new URLSearchParams(incoming.url?.split("?")[1] ?? "").get("format");
  const accept = incoming.headers.accept ?? "";
  const format = asked || (/^application\/openmetrics-text|prometheus\/telemetry/.test(accept) ? "prometheus" : "");
  const refuse = (why: string) => respond(response, 400, "text/plain", why);
  if (incoming.method !== "GET") respondErrors(response, 405, []);
  else if (format === "") respond(response, 200, "application/json", metrics.json());
  else if (format !== "prometheus") refuse(`metric response format ${JSON.stringify(format)} unknown`);
  else if (!prometheus) refuse("prometheus is not enabled");
  else respond(response, 200, "text/plain; version=0.0.4; charset=utf-8", metrics.prometheus());
}

function answerQuit(incoming: IncomingMessage, response: ServerResponse, enabled: boolean, onQuit: () => void): void {
  const status = !enabled ? 404 : incoming.method === "POST" ? 200 : 405;
  respondEmpty(response, status);
  if (status === 200) onQuit();
}

async function clearCache(
  incoming: IncomingMessage,
  response: ServerResponse,
  cache: LeaseCache | null,
): Promise<void> {
  if (cache === null || (incoming.method !== "POST" && incoming.method !== "PUT")) return respondEmpty(response, 200);
  try {
    const body = await readBody(incoming, MOST_ASKED);
    if (body === null) return respondErrors(response, 413, ["the request is too large"]);
    const asked = cleared(body.toString("utf8"));
    if ("error" in asked) return respondErrors(response, asked.status, [asked.error]);
    cache.end(asked);
    respondEmpty(response, 200);
  } catch {
    // The client went away before it had said what it wants.
    response.destroy();
  }
}
