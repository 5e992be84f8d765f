/** Asks the health port of a running sidecar. */
import { get } from "node:http";
import { LesseeError } from "../errors.ts";
import type { Status } from "../status.ts";
import { parseAddress } from "../system/address.ts";

/** Ms; the answer is made at once, so that whoever takes longer is not there. */
const TIMEOUT = 5_000;
const MOST_BYTES = 16 * 1024 * 1024;

/** Rejects with a LesseeError: `address`, `health-unreachable`, or `health-answer` when something else answers there. */
export async function fetchStatus(address: string): Promise<Status> {
  const { host, port } = parseAddress(address);
  const { status, body } = await ask(host === "" ? "127.0.0.1" : host, port).catch((cause: NodeJS.ErrnoException) => {
    throw new LesseeError("health-unreachable", `the sidecar at ${address} cannot be asked: ${cause.message}`, {
      hint: "is the sidecar running, and is its health port another one (-address)?",
      cause,
    });
  });
  const answer = status === 200 ? parse(body) : undefined;
  if (!isStatus(answer)) {
    throw new LesseeError("health-answer", `what answers at ${address} (HTTP ${status}) is not lessee`, {
      hint: "-address names the health port of the sidecar",
    });
  }
  return answer;
}

function ask(host: string, port: number): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const request = get(
      { host, port, path: "/status", agent: false, signal: AbortSignal.timeout(TIMEOUT) },
      (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on("data", (chunk: Buffer) => {
          chunks.push(chunk);
          size += chunk.length;
          if (size > MOST_BYTES) response.destroy(new Error("the answer is too long"));
        });
        response.on("error", reject);
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") }),
        );
      },
    );
    request.on("error", (error) => reject(error.name === "TimeoutError" ? new Error("no answer in time") : error));
  });
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** Enough to tell lessee from another program: versions of lessee may differ in the rest. */
function isStatus(value: unknown): value is Status {
  if (typeof value !== "object" || value === null) return false;
  const { version, now, notReady, credentials, templates, warnings } = value as Record<string, unknown>;
  return (
    typeof version === "string" &&
    typeof now === "number" &&
    [notReady, credentials, templates, warnings].every((list) => Array.isArray(list))
  );
}
