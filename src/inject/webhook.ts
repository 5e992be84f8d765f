/**
 * The webhook's two ports: HTTPS for the API server, plain HTTP for probes and Prometheus. Whoever is slow, long-winded
 * or talks of something else is answered and cut off.
 */
import { createServer as createPlain, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecure, type Server as SecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { SecureVersion } from "node:tls";
import { describe, LesseeError } from "../errors.ts";
import type { Clock, Emit } from "../ports.ts";
import { type Address, describeRefusal, formatAddress, parseAddress } from "../system/address.ts";
import type { ServingCertificate } from "./certificate.ts";
import { NotAReview, type Reviewed } from "./review.ts";

export interface WebhookOptions {
  /** host:port; port 0 takes any free one. */
  readonly address: string;
  /** Empty: none. */
  readonly healthAddress: string;
  readonly certificate: ServingCertificate;
  readonly minVersion: SecureVersion;
  /** Throws NotAReview. */
  review(text: string): Reviewed;
  metrics(): Promise<{ readonly contentType: string; readonly body: string }>;
  readonly clock: Pick<Clock, "now">;
  readonly emit: Emit;
}

export interface Webhook {
  /** With the ports that were taken; null without one. */
  readonly address: string;
  readonly healthAddress: string | null;
  inFlight(): number;
  ready(): boolean;
  /** For connections from now on. */
  replace(certificate: ServingCertificate): void;
  /** Probes say so from now on, and reviews are still answered. */
  retire(): void;
  /** After the reviews that are being answered. */
  stop(): Promise<void>;
}

/** The API server takes no object of more than 3 MiB, and asks about new ones only, which come without an old one. */
const LARGEST = 4 * 1024 * 1024;

/** Of the bodies that are being read: with more callers than that fits, the memory would not. */
const MOST_AT_ONCE = 4 * LARGEST;

const LIMITS = {
  headersTimeout: 3_000,
  requestTimeout: 8_000,
  connectionsCheckingInterval: 1_000,
  keepAliveTimeout: 60_000,
  maxHeaderSize: 16_384,
};

/** Rejects with a LesseeError for a port that cannot be had. */
export async function startWebhook(options: WebhookOptions): Promise<Webhook> {
  let inFlight = 0;
  let ready = true;
  const room = { left: MOST_AT_ONCE };

  async function mutate(request: IncomingMessage): Promise<Reply> {
    if (request.method !== "POST") throw new Unread(405, "a review is sent with POST");
    const encoding = (request.headers["content-encoding"] ?? "identity").trim().toLowerCase();
    if (encoding !== "identity") throw new Unread(415, `a review is sent as it is, not as ${encoding}`);
    const type = (request.headers["content-type"] ?? "").split(";", 1)[0]?.trim().toLowerCase();
    if (type !== "application/json") throw new Unread(415, `a review is application/json, not ${type || "nothing"}`);
    const text = await bodyOf(request, room);
    const began = options.clock.now();
    const { answer, ...reviewed } = options.review(text);
    options.emit({ is: "review", ...reviewed, took: options.clock.now() - began });
    return { status: 200, contentType: "application/json", body: answer };
  }

  async function counted(request: IncomingMessage): Promise<Reply> {
    inFlight++;
    try {
      return await mutate(request);
    } catch (error) {
      const status = error instanceof Unread ? error.status : error instanceof NotAReview ? 400 : 500;
      options.emit({ is: "review not read", status, error: describe(error) });
      return { ...text(status, describe(error)), ...(status === 405 ? { allow: "POST" } : {}) };
    } finally {
      inFlight--;
    }
  }

  const probes: Routes = new Map<string, Route>([
    ["/healthz", () => text(200, "alive")],
    ["/readyz", () => (ready ? text(200, "ready") : text(503, "stopping"))],
    // As Vault's injector calls it.
    ["/health/ready", () => (ready ? text(200, "ready") : text(503, "stopping"))],
  ]);
  const metrics: Route = async () => ({ status: 200, ...(await options.metrics()) });
  const secure = createSecure(
    { ...LIMITS, ...tls(options.certificate), minVersion: options.minVersion, handshakeTimeout: LIMITS.headersTimeout },
    answering(new Map([...probes, ["/mutate", counted]])),
  );
  const address = await open(secure, options.address, "-listen");
  const plain =
    options.healthAddress === "" ? null : createPlain(LIMITS, answering(new Map([...probes, ["/metrics", metrics]])));
  let healthAddress: string | null = null;
  try {
    healthAddress = plain && (await open(plain, options.healthAddress, "-health-address"));
  } catch (error) {
    await closed(secure);
    throw error;
  }

  return {
    address,
    healthAddress,
    inFlight: () => inFlight,
    ready: () => ready,
    replace: (certificate) => secure.setSecureContext({ ...tls(certificate), minVersion: options.minVersion }),
    retire: () => {
      ready = false;
    },
    stop: async () => void (await Promise.all([closed(secure), plain && closed(plain)])),
  };
}

// ---- internal ----

interface Reply {
  readonly status: number;
  readonly allow?: string;
  readonly contentType: string;
  readonly body: string;
}

type Route = (request: IncomingMessage) => Reply | Promise<Reply>;
type Routes = ReadonlyMap<string, Route>;

/** A request that is not read to its end, or not as a review. */
class Unread extends LesseeError {
  readonly status: number;

  constructor(status: number, message: string) {
    super("review", message);
    this.status = status;
  }
}

function answering(routes: Routes): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const route = routes.get((request.url ?? "").replace(/[?#].*$/s, ""));
    const reply = async () => route?.(request) ?? text(404, `nothing here; there are ${[...routes.keys()].join(" ")}`);
    void reply().then(
      (done) => send(request, response, done),
      (error) => send(request, response, text(500, describe(error))),
    );
  };
}

function send(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
  const { status, contentType, body, allow } = reply;
  response.writeHead(status, {
    "Content-Type": contentType,
    "Content-Length": Buffer.byteLength(body),
    "X-Content-Type-Options": "nosniff",
    ...(allow === undefined ? {} : { Allow: allow }),
    // What nobody has read is not waited for.
    ...(request.complete || request.method === "GET" ? {} : { Connection: "close" }),
  });
  response.end(body);
}

/** What is too much is read to its end all the same, without being kept: who still talks would not hear the answer. */
async function bodyOf(request: IncomingMessage, room: { left: number }): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  let kept = 0;
  let crowded = false;
  try {
    for await (const piece of request as AsyncIterable<Buffer>) {
      size += piece.length;
      if (size > 8 * LARGEST) throw new Unread(413, "far too much");
      crowded ||= room.left < piece.length;
      if (size > LARGEST || crowded) {
        pieces.length = 0;
        continue;
      }
      pieces.push(piece);
      kept += piece.length;
      room.left -= piece.length;
    }
    if (size > LARGEST) throw new Unread(413, `a review has at most ${LARGEST / 1024 / 1024} MiB`);
    if (crowded) throw new Unread(503, "too many large reviews at once");
    if (size === 0) throw new Unread(400, "the body is empty");
    return Buffer.concat(pieces).toString("utf8");
  } finally {
    room.left += kept;
  }
}

function text(status: number, body: string): Reply {
  return { status, contentType: "text/plain; charset=utf-8", body: `${body}\n` };
}

function tls({ cert, key }: ServingCertificate) {
  return { cert, key: key.reveal() };
}

async function open(server: Server | SecureServer, given: string, flag: string): Promise<string> {
  const { host, port }: Address = parseAddress(given);
  server.maxConnections = 1_024;
  // A handshake that fails concerns one caller only, and so does what is no HTTP.
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(
        new LesseeError("webhook-port", `${flag}=${given}: the port cannot be opened: ${describeRefusal(error)}`, {
          hint: "host:port, as :8443",
          cause: error,
        }),
      ),
    );
    server.listen(host === "" ? { port } : { host, port }, resolve);
  });
  server.removeAllListeners("error");
  server.on("error", () => undefined);
  const bound = server.address() as AddressInfo;
  return formatAddress({ host: bound.address, port: bound.port });
}

/** Connections without a request are closed at once, the others after their answer, and all of them in the end. */
async function closed(server: Server | SecureServer): Promise<void> {
  const done = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const late = setTimeout(() => server.closeAllConnections(), LIMITS.requestTimeout);
  await done;
  clearTimeout(late);
}
