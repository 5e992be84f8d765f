/**
 * The API proxy: every request goes to Vault, with the agent's own token where that is wanted, and its answer back. In
 * front of Vault stand the secrets that the sidecar holds anyway, and the cache.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, LesseeError } from "../errors.ts";
import { parseJson } from "../json.ts";
import { backoff, READ_BACKOFF } from "../lease/backoff.ts";
import type { Clock, Random } from "../ports.ts";
import { Sensitive } from "../sensitive.ts";
import type { Counter } from "../telemetry/telemetry.ts";
import { isObject, secretFrom } from "../vault/answer.ts";
import { redirectWithin } from "../vault/redirect.ts";
import { readBody, respond, respondErrors } from "./answers.ts";
import type { LeaseCache } from "./cache.ts";
import type { Consistency } from "./consistency.ts";
import { endedBy, renewedBy } from "./endings.ts";
import { type Forwarding, forward, type OutgoingRequest, relay } from "./forward.ts";
import { requestHeaders, responseHeaders } from "./headers.ts";
import { type HeldSecret, type HeldSecrets, heldAnswer } from "./held.ts";
import { asksAboutOwnToken, withoutToken } from "./redact-self.ts";
import { type ClientRequest, headerOf, keyOf, readRequest } from "./request.ts";

export interface ProxyDeps extends Forwarding {
  /** Vault's, without a slash at the end; `unix:///…` too. */
  readonly address: string;
  readonly userAgent: string;
  /** The agent's own token takes the place of a missing one, or of any. */
  readonly ownTokenFor: "nobody" | "those without one" | "all";
  /** null while there is none. */
  ownToken(): Sensitive<string> | null;
  /** null without a cache. */
  readonly held: HeldSecrets | null;
  readonly cache: LeaseCache | null;
  /** null where none is enforced. */
  readonly consistency: Consistency | null;
  readonly clock: Clock;
  readonly random: Random;
  count(counter: Counter): void;
}

/** Answers that may be kept, and those that have to be looked at before they go on. */
const MOST_KEPT = 64 * 1024;
const MOST_LOOKED_AT = 1024 * 1024;

const NOT_WRAPPED = "the agent's own token is not shown, nor wrapped for others: ask without X-Vault-Wrap-TTL";

/** Answers the request, whatever comes. */
export async function proxy(
  incoming: IncomingMessage,
  client: ServerResponse,
  method: string,
  deps: ProxyDeps,
): Promise<void> {
  try {
    const request = await readRequest(incoming, method);
    if (request === null) return respondErrors(client, 400, ["the request's target is not a path"]);
    const own = deps.ownTokenFor === "nobody" ? "" : (deps.ownToken()?.reveal() ?? "");
    const sent = deps.ownTokenFor === "all" ? "" : headerOf(incoming, "x-vault-token");
    await answer({ ...request, own, token: sent || own }, client, deps);
  } catch (error) {
    deps.count("agent.proxy.error");
    if (client.headersSent) client.destroy();
    else respondErrors(client, 500, [`failed to get the response: ${describe(error)}`]);
  }
}

// ---- internal ----

interface ProxiedRequest extends ClientRequest {
  /** That it is sent with; empty for none. */
  readonly token: string;
  /** The agent's own; empty where it is not to be used. */
  readonly own: string;
}

async function answer(request: ProxiedRequest, client: ServerResponse, deps: ProxyDeps): Promise<void> {
  const { cache } = deps;
  if (cache === null || !mayBeKept(request, cache)) return pass(request, client, deps, null);
  const held = await heldSecret(request, client, deps);
  if (held !== null) {
    const now = deps.clock.now();
    return respondHit(client, deps, { status: 200, at: held.readAt, body: heldAnswer(held, now) });
  }
  const key = keyOf(request, request.token);
  const done = await cache.turn(key);
  try {
    const kept = cache.get(key);
    if (kept === undefined) await pass(request, client, deps, key);
    else respondHit(client, deps, { status: kept.status, at: kept.at, body: kept.body.reveal() });
  } finally {
    done();
  }
}

/** With a token that ends before our eyes, or a login, which needs none. */
function mayBeKept(request: ProxiedRequest, cache: LeaseCache): boolean {
  const { body, own, path, token } = request;
  if (body === null || isToBeWrapped(request)) return false;
  if (token === "") return /\/auth\/.+\/login(\/|$)/.test(path);
  return token === own || cache.knows(token);
}

function isToBeWrapped({ incoming }: ProxiedRequest): boolean {
  return incoming.headers["x-vault-wrap-ttl"] !== undefined;
}

/** What is being read for the first time is waited for: asking Vault as well would make a second user. */
async function heldSecret(
  request: ProxiedRequest,
  client: ServerResponse,
  deps: ProxyDeps,
): Promise<HeldSecret | null> {
  const { clock, held } = deps;
  if (held === null || request.method !== "GET" || request.query !== "" || request.token !== request.own) return null;
  const giveUp = clock.now() + deps.timeout;
  for (;;) {
    const { changed } = held;
    const found = held.get(request.fullPath);
    if (found !== "coming") return found;
    if (clock.now() >= giveUp || client.destroyed) {
      throw new LesseeError("proxy", `${request.fullPath} is being read, and has not been answered yet`);
    }
    await clock.sleep(giveUp, changed);
  }
}

/** @param key under which the answer may be kept */
async function pass(
  request: ProxiedRequest,
  client: ServerResponse,
  deps: ProxyDeps,
  key: string | null,
): Promise<void> {
  const { cache } = deps;
  const { body, own, token } = request;
  const text = body?.toString("utf8") ?? null;
  const path = request.path.replace(/^\/v1\//, "");
  const isAboutOwn = own !== "" && asksAboutOwnToken(path, token, own, text);
  // A wrapped answer is unwrapped elsewhere, where nobody takes the token out.
  if (isAboutOwn && isToBeWrapped(request)) return respondErrors(client, 403, [NOT_WRAPPED]);
  const { received, sentAt } = await exchange(request, client, deps);
  const status = received.statusCode ?? 502;
  const accepted = status >= 200 && status < 300;
  // Before the client hears of it, so that what it asks next is not answered with what has ended.
  const ended = accepted && cache !== null ? endedBy({ path, token, body: text }) : null;
  if (ended !== null) cache?.end(ended);

  deps.count(status < 400 ? "agent.proxy.success" : "agent.proxy.client_error");
  const headers = responseHeaders(received.headers, deps.address);
  if (cache !== null && status < 400) {
    deps.count("agent.cache.miss");
    headers["x-cache"] = "MISS";
  }
  if (status === 200 && isAboutOwn) return respondWithoutToken(received, client);
  client.writeHead(status, headers);
  const kept = await relay(received, client, cache !== null && accepted && ended === null ? MOST_KEPT : 0);
  if (kept === null || cache === null || !/^application\/json\b/.test(received.headers["content-type"] ?? "")) return;
  const parsed = parsedObject(kept);
  if (parsed === null) return;
  const secret = secretFrom(parsed);
  const renewed = renewedBy({ path, body: text });
  if (renewed !== undefined) cache.renewed(renewed, secret.lease.durationSeconds);
  else if (key !== null) {
    const origin = { key, namespace: request.namespace, path: request.path, token: new Sensitive(token) };
    cache.put(origin, { status, at: sentAt, body: new Sensitive(kept) }, secret);
  }
}

/** Of a node that has not got what was written, the answer that it gives once it has, where that is waited for. */
async function exchange(request: ProxiedRequest, client: ServerResponse, deps: ProxyDeps) {
  const { clock } = deps;
  const { headers } = request.incoming;
  const consistency = deps.consistency?.concerns(headers) ? deps.consistency : null;
  const giveUp = clock.now() + deps.timeout;
  let gone: AbortSignal | undefined;
  for (let tries = 1; ; tries++) {
    await deps.approach?.admit();
    const sentAt = clock.now();
    const own = requestHeaders({ headers, token: request.token, userAgent: deps.userAgent });
    const received = await sendOn(request, { ...own, ...consistency?.required() }, client, deps);
    consistency?.record(received.headers);
    const again = clock.now() + backoff(READ_BACKOFF, tries, deps.random());
    const lags = received.statusCode === 412 && consistency !== null;
    if (!lags || !consistency.repeats || request.body === null || again >= giveUp) return { received, sentAt };
    received.resume();
    gone ??= whenGone(client);
    await clock.sleep(again, gone);
  }
}

function whenGone(client: ServerResponse): AbortSignal {
  const gone = new AbortController();
  client.once("close", () => gone.abort());
  return gone.signal;
}

async function sendOn(
  { body, incoming, method, target }: ProxiedRequest,
  headers: OutgoingRequest["headers"],
  client: ServerResponse,
  deps: ProxyDeps,
): Promise<IncomingMessage> {
  const url = deps.address.startsWith("unix:") ? `${deps.address}:${target}` : `${deps.address}${target}`;
  const sendTo = (to: string) =>
    forward({ method, url: deps.approach?.relocate(to) ?? to, headers }, body ?? incoming, client, deps);
  const received = await sendTo(url);
  // A body that has gone by cannot be sent twice: its client is told where to.
  const next = body === null || deps.disableRedirects ? null : redirectOf(url, received);
  return next === null ? received : sendTo(next);
}

/** Where to ask once more in place of a redirect, whose own body nobody reads. */
function redirectOf(url: string, answer: IncomingMessage): string | null {
  const next = redirectWithin(url, answer.statusCode, answer.headers.location);
  if (next !== null) answer.resume();
  return next;
}

async function respondWithoutToken(received: IncomingMessage, client: ServerResponse): Promise<void> {
  const body = await readBody(received, MOST_LOOKED_AT);
  const parsed = body === null ? null : parsedObject(body);
  // What cannot be looked at may show the token, and is not passed on.
  if (parsed === null) throw new LesseeError("proxy", "the answer about the agent's own token is not JSON");
  respond(client, 200, "application/json", withoutToken(parsed));
}

function respondHit(
  client: ServerResponse,
  { clock, count }: ProxyDeps,
  hit: { readonly status: number; readonly at: number; readonly body: string | Uint8Array },
): void {
  count("agent.proxy.success");
  count("agent.cache.hit");
  client.setHeader("X-Cache", "HIT");
  client.setHeader("Age", Math.max(0, Math.floor((clock.now() - hit.at) / 1_000)));
  client.setHeader("Cache-Control", "no-store");
  respond(client, hit.status, "application/json", hit.body);
}

function parsedObject(body: Buffer) {
  try {
    const value = parseJson(body.toString("utf8"));
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}
