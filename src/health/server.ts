/** The health port: probes, metrics, status as JSON and as a page. It only reads, and it survives whoever asks. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, LesseeError } from "../errors.ts";
import type { Status } from "../status.ts";
import { type Address, describeRefusal, formatAddress, parseAddress } from "../system/address.ts";
import type { Metrics } from "./metrics.ts";
import { REFRESH_SCRIPT, renderPage } from "./page.ts";
import { reasonsNotReady, reasonsNotStarted } from "./readiness.ts";
import type { Timeline } from "./timeline.ts";

export interface HealthOptions {
  /** host:port; port 0 takes any free one. */
  readonly address: string;
  status(): Status;
  readonly metrics: Pick<Metrics, "render">;
  readonly timeline: Pick<Timeline, "recent" | "requests">;
  /** Goes over every text of the answers: a server's error may hold what it was sent. */
  scrub(text: string): string;
}

export interface Health {
  /** With the port that was taken. */
  readonly address: string;
  stop(): Promise<void>;
}

/** Rejects with a LesseeError (`health-port`, `address`) when the port cannot be had. */
export async function startHealth(options: HealthOptions): Promise<Health> {
  const wanted = parseAddress(options.address);
  const server = createServer(LIMITS, (request, response) => {
    void answer(options, request).then(
      (reply) => send(request, response, reply),
      (error) => send(request, response, text(500, `the status cannot be told: ${options.scrub(describe(error))}`)),
    );
  });
  server.maxConnections = 64;
  server.maxHeadersCount = 50;
  server.setTimeout(LIMITS.requestTimeout, (socket) => {
    socket.end("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n");
  });
  await listen(server, wanted, options.address);
  const { address, port } = server.address() as AddressInfo;

  return {
    address: formatAddress({ host: address, port }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Whoever is slow or long-winded is cut off, at the latest when it is looked for: seldom, because that wakes the process. */
const LIMITS = {
  headersTimeout: 3_000,
  requestTimeout: 3_000,
  connectionsCheckingInterval: 15_000,
  keepAliveTimeout: 15_000,
  maxHeaderSize: 8_192,
};

interface Reply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

type Route = (options: HealthOptions) => Reply | Promise<Reply>;

const ROUTES: ReadonlyMap<string, Route> = new Map<string, Route>([
  ["/", (options) => html(renderPage(clean(snapshot(options), options.scrub)))],
  ["/refresh.js", () => ({ status: 200, contentType: "text/javascript; charset=utf-8", body: REFRESH_SCRIPT })],
  ["/livez", () => text(200, "alive")],
  ["/readyz", (options) => probe("ready", reasonsNotReady(clean(options.status(), options.scrub)))],
  ["/startupz", (options) => probe("started", reasonsNotStarted(clean(options.status(), options.scrub)))],
  ["/status", (options) => json(clean(options.status(), options.scrub))],
  [
    "/metrics",
    async (options) => ({ status: 200, ...(await options.metrics.render(clean(options.status(), options.scrub))) }),
  ],
]);

async function answer(options: HealthOptions, request: IncomingMessage): Promise<Reply> {
  const path = (request.url ?? "").replace(/[?#].*$/s, "");
  const route = ROUTES.get(path);
  if (!route) return text(404, `nothing here; there are ${[...ROUTES.keys()].join(" ")}`);
  if (request.method !== "GET" && request.method !== "HEAD") return text(405, "only GET and HEAD are answered");
  return route(options);
}

function snapshot({ status, timeline }: HealthOptions) {
  return { status: status(), requests: timeline.requests(), recent: timeline.recent() };
}

function send(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
  const known = request.method === "GET" || request.method === "HEAD";
  response.writeHead(reply.status, {
    "Content-Type": reply.contentType,
    "Content-Length": Buffer.byteLength(reply.body),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy":
      "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'",
    ...(reply.status === 405 ? { Allow: "GET, HEAD" } : {}),
    // A body that nobody wants is not waited for.
    ...(known ? {} : { Connection: "close" }),
  });
  response.end(reply.body);
}

function probe(word: string, reasons: readonly string[]): Reply {
  return reasons.length === 0 ? text(200, word) : text(503, `not ${word}:\n${reasons.join("\n")}`);
}

function text(status: number, body: string): Reply {
  return { status, contentType: "text/plain; charset=utf-8", body: `${body}\n` };
}

function html(body: string): Reply {
  return { status: 200, contentType: "text/html; charset=utf-8", body };
}

function json(value: unknown): Reply {
  return {
    status: 200,
    contentType: "application/json; charset=utf-8",
    body: `${JSON.stringify(value, null, 2)}\n`,
  };
}

/** The same value with every text in it scrubbed. */
function clean<T>(value: T, scrub: (text: string) => string): T {
  const visit = (one: unknown): unknown => {
    if (typeof one === "string") return scrub(one);
    if (Array.isArray(one)) return one.map(visit);
    if (typeof one !== "object" || one === null) return one;
    return Object.fromEntries(Object.entries(one).map(([key, inner]) => [key, visit(inner)]));
  };
  return visit(value) as T;
}

function listen(server: Server, { host, port }: Address, given: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const why = describeRefusal(error);
      reject(
        new LesseeError("health-port", `the health port ${given} cannot be opened: ${why}`, {
          hint: 'set health { address = "host:port" }, or "" for none',
          cause: error,
        }),
      );
    });
    server.listen(host === "" ? { port } : { host, port }, () => {
      server.removeAllListeners("error");
      // An accept that fails, as for want of file descriptors, concerns one caller only.
      server.on("error", () => undefined);
      resolve();
    });
  });
}
