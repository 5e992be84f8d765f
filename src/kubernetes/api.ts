/**
 * The Kubernetes API over Node's own client, as a pod reaches it: with the service account's token, read anew for every
 * request because kubelet replaces it, and the CA beside it. Straight, never through a proxy: the token goes along.
 */
import type { IncomingMessage } from "node:http";
import https from "node:https";
import { describe, KubernetesError } from "../errors.ts";
import type { Files, KubernetesApi, WatchEvent } from "../ports.ts";

export interface ApiOptions {
  /** https://HOST:PORT */
  readonly address: string;
  /** With `token` and `ca.crt` in it. */
  readonly serviceAccount: string;
  readonly files: Pick<Files, "readFile">;
  /** Until an answer begins; a watch goes on for longer. */
  readonly timeout?: number;
}

const TIMEOUT = 15_000;
/** The server is asked to end a watch after this; a connection that nobody ends is given up a little later. */
const WATCH_SECONDS = 240;
const WATCH_PATIENCE = (WATCH_SECONDS + 30) * 1_000;
/** The largest object: etcd keeps none above 1.5 MiB. */
const LARGEST = 8 * 1024 * 1024;

export function createKubernetesApi(options: ApiOptions): KubernetesApi {
  const { address, serviceAccount, files, timeout = TIMEOUT } = options;

  async function mounted(name: string): Promise<string> {
    try {
      return (await files.readFile(`${serviceAccount}/${name}`, "utf8")).trim();
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? String(error);
      throw new KubernetesError(0, `cannot read ${serviceAccount}/${name}: ${code}`, {
        hint: "does the pod mount a service account token (automountServiceAccountToken)?",
        cause: error,
      });
    }
  }

  /** Resolves with the head of a good answer; rejects for any other, read to its end. */
  async function ask(method: "GET" | "POST", path: string, body: string | null, signal: AbortSignal) {
    const [token, ca] = await Promise.all([mounted("token"), mounted("ca.crt")]);
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = {
        authorization: `Bearer ${token}`,
        accept: "application/json",
        ...(body === null ? {} : { "content-type": "application/json" }),
      };
      // A connection for each: a pod asks seldom, and the next one is made with the CA that is mounted then.
      const request = https.request(new URL(path, address), { method, headers, ca, agent: false, signal });
      const late = setTimeout(() => request.destroy(new Error(`no answer within ${timeout / 1_000} s`)), timeout);
      request.once("close", () => clearTimeout(late));
      request.once("response", (response) => {
        clearTimeout(late);
        resolve(response);
      });
      request.once("error", reject);
      request.end(body ?? undefined);
    }).catch((error: unknown) => {
      // What Node refuses to send, as a token of two lines, too.
      throw unreachable(address, error);
    });
    const status = answer.statusCode ?? 0;
    if (status >= 200 && status < 300) return answer;
    const text = await whole(answer).catch(() => "");
    throw refused(status, method, path, text, Number(answer.headers["retry-after"]));
  }

  return {
    async get(path, signal) {
      const patience = AbortSignal.any([signal, AbortSignal.timeout(2 * timeout)]);
      return parsed(await whole(await ask("GET", path, null, patience)));
    },
    async create(path, body, signal) {
      const patience = AbortSignal.any([signal, AbortSignal.timeout(2 * timeout)]);
      await whole(await ask("POST", path, JSON.stringify(body), patience));
    },
    async *watch(path, signal) {
      const patience = AbortSignal.any([signal, AbortSignal.timeout(WATCH_PATIENCE)]);
      const answer = await ask("GET", `${path}&watch=true&timeoutSeconds=${WATCH_SECONDS}`, null, patience);
      for await (const line of lines(answer)) yield watchEvent(parsed(line), path);
    },
  };
}

// ---- internal ----

async function whole(answer: IncomingMessage): Promise<string> {
  try {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > LARGEST) throw new Error("the answer is larger than 8 MiB");
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString("utf8");
  } catch (error) {
    throw cut(error);
  }
}

async function* lines(answer: IncomingMessage): AsyncIterable<string> {
  answer.setEncoding("utf8");
  let rest = "";
  try {
    for await (const chunk of answer as AsyncIterable<string>) {
      const parts = (rest + chunk).split("\n");
      rest = parts.pop()!;
      if (rest.length > LARGEST) throw new Error("the answer is larger than 8 MiB");
      for (const line of parts) if (line.trim() !== "") yield line;
    }
  } catch (error) {
    throw cut(error);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new KubernetesError(0, "the Kubernetes API's answer is no JSON", { cause: error });
  }
}

/** The server tells of its own failures in the stream, as that the version asked for is gone. */
function watchEvent(value: unknown, path: string): WatchEvent {
  const { type, object } = (value ?? {}) as { type?: unknown; object?: unknown };
  if (typeof type !== "string") throw new KubernetesError(0, "the Kubernetes API sent something else than a change");
  if (type !== "ERROR") return { type, object };
  const { code, message } = (object ?? {}) as { code?: number; message?: string };
  throw new KubernetesError(code ?? 0, `the watch of ${path.split("?")[0]} has ended: ${message ?? "for no reason"}`);
}

function refused(status: number, method: string, path: string, body: string, retryAfter: number): KubernetesError {
  let said = "";
  try {
    said = String((JSON.parse(body) as { message?: unknown }).message ?? "");
  } catch {
    // A proxy in between; the status has to do.
  }
  const message = `the Kubernetes API answered ${status}${said === "" ? "" : `: ${said}`}`;
  const hint = hintFor(status, method, path);
  return new KubernetesError(
    status,
    message,
    hint === undefined ? {} : { hint },
    retryAfter > 0 ? retryAfter * 1_000 : undefined,
  );
}

function hintFor(status: number, method: string, path: string): string | undefined {
  if (status === 401) return "is the token that is mounted one of this cluster, and for its API server?";
  if (status !== 403) return undefined;
  const [, group = '""', namespace, resource] =
    /^\/api(?:s\/([^/]+))?\/v1\/namespaces\/([^/?]+)\/([^/?]+)/.exec(path) ?? [];
  const verb = method === "POST" ? "create" : path.includes("watch=true") ? "watch" : "get";
  return `the pod's service account needs a Role in ${namespace} with apiGroups: [${group}], resources: [${resource}], verbs: [${verb}]`;
}

function unreachable(address: string, error: unknown): KubernetesError {
  return new KubernetesError(0, `${address}: ${describe(error)}`, { cause: error });
}

function cut(error: unknown): KubernetesError {
  if (error instanceof KubernetesError) return error;
  return new KubernetesError(0, `the Kubernetes API's answer was cut: ${describe(error)}`, { cause: error });
}
