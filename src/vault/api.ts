/**
 * One request to Vault: node-vault over a transport of ours. What node-vault's own one does wrong (redirects that carry
 * the token to other servers, tokens in errors, ignored aborts, hidden headers) cannot happen, because it only builds requests here; the
 * answers are read by answer.ts.
 */
import nodeVault from "node-vault";
import type { Operation } from "../events.ts";
import type { JsonValue } from "../json.ts";
import type { Clock, Emit, HttpRequest, HttpResponse, TlsIdentity, Transport } from "../ports.ts";
import type { Sensitive } from "../sensitive.ts";
import { readAnswer } from "./answer.ts";
import { redirectWithin } from "./redirect.ts";

export interface ClientOptions {
  /** Without a slash at the end; `unix:///…` too. */
  readonly address: string;
  /** Empty for the root namespace. */
  readonly namespace: string;
  /** Sent with every request; what is ours or Vault's own comes from us. */
  readonly headers: Readonly<Record<string, string>>;
  /** For one request. */
  readonly timeout: number;
  /** None is followed, not even one within the server. */
  readonly disableRedirects?: boolean;
}

export type JsonObject = { readonly [key: string]: JsonValue };
export type Answer = JsonObject | null;

export interface Api {
  read(path: string): Promise<Answer>;
  write(path: string, body: object): Promise<Answer>;
  put(path: string, body: object | undefined): Promise<Answer>;
}

export interface Call {
  readonly send: Transport;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly operation: Operation;
  readonly token: Sensitive<string> | null;
  readonly signal?: AbortSignal | undefined;
  readonly identity: TlsIdentity | undefined;
  /** The answer is to be wrapped, for so long. */
  readonly wrapTtl?: number;
}

export function apiFor(options: ClientOptions, call: Call): Api {
  const vault = nodeVault({
    endpoint: options.address,
    apiVersion: "v1",
    commands: {},
    debug: () => {},
    // Its only schema asks whether a request has a path and a method; it makes both by itself.
    tv4: { validate: () => true },
    "request-promise": { defaults: () => (request: VaultRequestOptions) => perform(request, options, call) },
  } as unknown as nodeVault.VaultOptions);
  // node-vault takes what it is not given from the process' environment; everything that counts is set by us.
  Object.assign(vault, { token: call.token?.reveal() ?? "", namespace: options.namespace, pathPrefix: "" });
  return {
    read: (path) => vault.read(path),
    write: (path, body) => vault.write(path, body),
    put: (path, body) =>
      vault.request({ path: `/${path}`, method: "PUT", ...(body === undefined ? {} : { json: body }) }),
  };
}

// ---- internal ----

/** What node-vault hands to its transport. */
interface VaultRequestOptions {
  readonly method: string;
  readonly uri: string;
  readonly headers: Record<string, string>;
  readonly json?: unknown;
}

/** node-vault's transport: resolves to its response object, or rejects with an error that is already ours. */
async function perform(
  request: VaultRequestOptions,
  options: ClientOptions,
  call: Call,
): Promise<{ statusCode: number; body: Answer; request: { path: string } }> {
  const path = request.uri.slice(`${options.address}/v1/`.length);
  const url = options.address.startsWith("unix:") ? `${options.address}:/v1/${path}` : request.uri;
  const made = requestOf(request, url, options, call);
  let response = await exchange(made, call);
  const next = options.disableRedirects ? null : redirectWithin(url, response.status, response.headers.location);
  if (next !== null) response = await exchange({ ...made, url: next }, call);
  return { statusCode: 200, body: readAnswer(response, path, call.clock.now()), request: { path } };
}

function requestOf(request: VaultRequestOptions, url: string, options: ClientOptions, call: Call): HttpRequest {
  const body = typeof request.json === "object" && request.json !== null ? JSON.stringify(request.json) : undefined;
  return {
    method: request.method,
    url,
    headers: {
      ...options.headers,
      ...request.headers,
      "X-Vault-Request": "true",
      "User-Agent": "lessee",
      ...(call.wrapTtl === undefined ? {} : { "X-Vault-Wrap-TTL": `${Math.ceil(call.wrapTtl / 1_000)}s` }),
      ...(body === undefined
        ? {}
        : { "Content-Type": "application/json", "Content-Length": String(Buffer.byteLength(body)) }),
    },
    ...(body === undefined ? {} : { body }),
    timeout: options.timeout,
    ...(call.signal === undefined ? {} : { signal: call.signal }),
    ...(call.identity === undefined ? {} : { identity: call.identity }),
  };
}

async function exchange(request: HttpRequest, { send, clock, emit, operation }: Call): Promise<HttpResponse> {
  const started = clock.now();
  const report = (status: number | "error") => emit({ is: "request", operation, status, took: clock.now() - started });
  try {
    const response = await send(request);
    report(response.status);
    return response;
  } catch (error) {
    report("error");
    throw error;
  }
}
