/**
 * As much of the Kubernetes API as a pod may use: its own kind of object got and watched, events made. Who asks is known
 * by his service account's token, and what he may by `allow`, as a Role would have it.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { API_AUDIENCE, type TokenClaims } from "./service-accounts.ts";

/** An object as the API has it; the server gives it its version. */
export interface ApiObject {
  readonly kind?: string;
  readonly metadata: { readonly name: string; readonly namespace: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

export interface ApiRequest {
  readonly verb: "get" | "watch" | "create";
  readonly resource: string;
  readonly namespace: string;
  readonly name?: string;
  readonly query: URLSearchParams;
  /** 0 until it is answered. */
  readonly status: number;
}

/** What is done to a request instead of answering it. */
export type Fault =
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly body?: string;
      readonly headers?: Record<string, string>;
    }
  | { readonly kind: "hang" }
  | { readonly kind: "cut" };

export interface PodApi {
  /** Everything that was asked, in its order. */
  readonly requests: readonly ApiRequest[];
  /** What was made by a request, in its order. */
  readonly created: readonly ApiObject[];
  /** Puts an object there, or changes it: those who watch it are told. */
  put(resource: string, object: ApiObject): void;
  remove(resource: string, namespace: string, name: string): void;
  /** Every service account may do these, as `get pods`; nothing else. */
  allow(...rights: readonly string[]): void;
  /** For the next requests that it is true of; `times` of them. */
  inject(of: (request: ApiRequest) => boolean, fault: Fault, times?: number): void;
  /** Ends all watches that are open, by an ERROR event or by a broken connection. */
  endWatches(how: "gone" | "cut" | "garbage"): void;
  /** How many watch at this moment. */
  watchers(): number;
}

export interface PodApiServer extends PodApi {
  /** False for a path that is not of this part of the API. */
  handle(incoming: IncomingMessage, outgoing: ServerResponse): boolean;
}

interface Watcher {
  readonly resource: string;
  readonly namespace: string;
  readonly name: string | undefined;
  readonly outgoing: ServerResponse;
}

export function createPodApi(verify: (token: string) => TokenClaims | undefined): PodApiServer {
  const objects = new Map<string, ApiObject>();
  const rights = new Set<string>();
  const requests: (ApiRequest & { status: number })[] = [];
  const created: ApiObject[] = [];
  const faults: { of(request: ApiRequest): boolean; fault: Fault; left: number }[] = [];
  const watchers = new Set<Watcher>();
  let version = 1;

  const key = (resource: string, namespace: string, name: string) => `${resource}/${namespace}/${name}`;

  function tell(resource: string, type: string, object: ApiObject): void {
    for (const watcher of watchers) {
      const { name, namespace } = object.metadata;
      if (watcher.resource !== resource || watcher.namespace !== namespace) continue;
      if (watcher.name === undefined || watcher.name === name)
        watcher.outgoing.write(`${JSON.stringify({ type, object })}\n`);
    }
  }

  function answer(outgoing: ServerResponse, status: number, body: object): void {
    outgoing.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  }

  function failure(outgoing: ServerResponse, code: number, reason: string, message: string): void {
    answer(outgoing, code, { kind: "Status", apiVersion: "v1", status: "Failure", message, reason, code });
  }

  function watch(request: ApiRequest, outgoing: ServerResponse): void {
    const { query, resource, namespace } = request;
    const name = /^metadata\.name=(.+)$/.exec(query.get("fieldSelector") ?? "")?.[1];
    const watcher = { resource, namespace, name, outgoing };
    watchers.add(watcher);
    outgoing.once("close", () => watchers.delete(watcher));
    outgoing.writeHead(200, { "content-type": "application/json" }).flushHeaders();
    const since = Number(query.get("resourceVersion"));
    // What has changed since it was got is told first.
    for (const object of objects.values()) {
      if (Number(object.metadata.resourceVersion) > since && object.metadata.name === name)
        outgoing.write(`${JSON.stringify({ type: "MODIFIED", object })}\n`);
    }
    const seconds = Number(query.get("timeoutSeconds"));
    if (seconds > 0) {
      const timer = setTimeout(() => outgoing.end(), seconds * 1_000);
      outgoing.once("close", () => clearTimeout(timer));
    }
  }

  async function respond(
    request: ApiRequest & { status: number },
    incoming: IncomingMessage,
    outgoing: ServerResponse,
  ): Promise<void> {
    const body = await text(incoming);
    const fault = faults.find((one) => one.left > 0 && one.of(request));
    if (fault) {
      fault.left--;
      if (fault.fault.kind === "cut") outgoing.destroy();
      else if (fault.fault.kind === "answer") {
        request.status = fault.fault.status;
        outgoing.writeHead(fault.fault.status, { "content-type": "application/json", ...fault.fault.headers });
        outgoing.end(fault.fault.body ?? JSON.stringify({ kind: "Status", message: "injected", code: request.status }));
      }
      return;
    }
    outgoing.once("finish", () => {
      request.status = outgoing.statusCode;
    });
    const claims = verify(/^Bearer (.+)$/.exec(incoming.headers.authorization ?? "")?.[1] ?? "");
    if (!claims?.aud.includes(API_AUDIENCE)) return failure(outgoing, 401, "Unauthorized", "Unauthorized");
    const { verb, resource, namespace, name } = request;
    if (!rights.has(`${verb} ${resource}`) || claims["kubernetes.io"].namespace !== namespace) {
      const what = `cannot ${verb} resource "${resource}" in API group "" in the namespace "${namespace}"`;
      return failure(outgoing, 403, "Forbidden", `${resource} is forbidden: User "${claims.sub}" ${what}`);
    }
    if (verb === "create") {
      const object = JSON.parse(body) as ApiObject;
      created.push(object);
      return answer(outgoing, 201, object);
    }
    if (verb === "watch") return watch(request, outgoing);
    const object = objects.get(key(resource, namespace, name ?? ""));
    if (object === undefined) return failure(outgoing, 404, "NotFound", `${resource} "${name}" not found`);
    answer(outgoing, 200, object);
  }

  return {
    requests,
    created,
    put(resource, object) {
      const { name, namespace } = object.metadata;
      const known = objects.has(key(resource, namespace, name));
      const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(++version) } };
      objects.set(key(resource, namespace, name), stored);
      tell(resource, known ? "MODIFIED" : "ADDED", stored);
    },
    remove(resource, namespace, name) {
      const object = objects.get(key(resource, namespace, name));
      objects.delete(key(resource, namespace, name));
      if (object) tell(resource, "DELETED", object);
    },
    allow(...allowed) {
      rights.clear();
      for (const right of allowed) rights.add(right);
    },
    inject: (of, fault, times = 1) => void faults.push({ of, fault, left: times }),
    endWatches(how) {
      const open = [...watchers];
      watchers.clear();
      for (const { outgoing } of open) {
        if (how === "cut") outgoing.destroy();
        else if (how === "garbage") outgoing.end("<html>504 Gateway Timeout</html>\n");
        else {
          const message = "too old resource version: 1 (2)";
          const object = { kind: "Status", status: "Failure", reason: "Expired", code: 410, message };
          outgoing.end(`${JSON.stringify({ type: "ERROR", object })}\n`);
        }
      }
    },
    watchers: () => watchers.size,
    handle(incoming, outgoing) {
      const url = new URL(incoming.url ?? "", "https://kubernetes");
      const [, namespace, resource, name] =
        /^\/api(?:s\/[^/]+)?\/v1\/namespaces\/([^/]+)\/([^/]+)(?:\/([^/]+))?$/.exec(url.pathname) ?? [];
      if (namespace === undefined || resource === undefined) return false;
      const isWatch = url.searchParams.get("watch") === "true";
      const verb = incoming.method === "POST" ? "create" : isWatch ? "watch" : "get";
      const named = name === undefined ? {} : { name };
      const request = { verb, resource, namespace, ...named, query: url.searchParams, status: 0 } as const;
      requests.push({ ...request });
      void respond(requests.at(-1)!, incoming, outgoing).catch(() =>
        failure(outgoing, 400, "BadRequest", "the object provided is unrecognized"),
      );
      return true;
    },
  };
}
