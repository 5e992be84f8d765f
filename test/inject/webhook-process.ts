/** `lessee webhook` as a process, with certificates of openssl's and callers over HTTPS. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, renameSync, symlinkSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";

export const LAUNCHER = new URL("../../bin/lessee", import.meta.url).pathname;

export interface Entry {
  readonly msg: string;
  readonly address?: string;
  readonly [key: string]: unknown;
}

export interface Running {
  readonly pid: number;
  readonly port: number;
  readonly health: number;
  event(message: string, wanted?: (entry: Entry) => boolean): Promise<Entry>;
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Without it nobody makes certificates. */
export const openssl = (() => {
  try {
    return execFileSync("openssl", ["version"]).length > 0;
  } catch {
    return false;
  }
})();

/** As a Secret is mounted: files are links through `..data`, which is swapped. */
export function mounted(folder: string): { readonly flags: readonly string[]; swap(name: string): void } {
  const mount = mkdtempSync(join(folder, "mount-"));
  const swap = (name: string) => {
    symlinkSync(join(folder, name), join(mount, "..next"));
    renameSync(join(mount, "..next"), join(mount, "..data"));
  };
  swap("first");
  for (const file of ["tls.crt", "tls.key"]) symlinkSync(`..data/${file}`, join(mount, file));
  return { flags: [`-tls-cert-file=${mount}/tls.crt`, `-tls-key-file=${mount}/tls.key`], swap };
}

export async function startWebhook(...flags: readonly string[]): Promise<Running> {
  const child = spawn(
    LAUNCHER,
    [
      ...["webhook", "-listen=127.0.0.1:0", "-health-address=127.0.0.1:0", "-log-format=json", "-log-level=debug"],
      ...["-vault-image=lessee:1", "-vault-address=https://vault:8200", "-shutdown-delay=0s", ...flags],
    ],
    {
      env: { PATH: process.env.PATH, NAMESPACE: "lessee", POD_NAME: "lessee-0" },
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  const entries: Entry[] = [];
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const ended = once(child, "exit").then(([code]) => code as number | null);
  createInterface({ input: child.stderr }).on("line", (line) => {
    lines.push(line);
    if (line.startsWith("{")) entries.push(JSON.parse(line));
    for (const look of waiting) look();
  });
  const event = (message: string, wanted: (entry: Entry) => boolean = () => true) =>
    new Promise<Entry>((resolve, reject) => {
      const look = () => {
        const found = entries.find((entry) => entry.msg === message && wanted(entry));
        if (found !== undefined) resolve(found);
        return found;
      };
      if (look() === undefined) {
        waiting.add(look);
        void ended.then(() => reject(new Error(`it ended before "${message}":\n${lines.join("\n")}`)));
      }
    });
  const portOf = ({ address = "" }: Entry) => Number(address.split(":").at(-1));
  const port = portOf(await event("listening"));
  const health = portOf(await event("listening", (entry) => portOf(entry) !== port));
  return {
    pid: child.pid ?? 0,
    port,
    health,
    event,
    end: async (signal = "SIGTERM") => {
      child.kill(signal);
      return ended;
    },
  };
}

export function makeCertificate(path: string): void {
  mkdirSync(path, { recursive: true });
  execFileSync(
    "openssl",
    [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
      ...["-subj", "/CN=lessee-webhook", "-keyout", join(path, "tls.key"), "-out", join(path, "tls.crt")],
    ],
    { stdio: "ignore" },
  );
}

export interface Asked {
  readonly body?: string | Buffer;
  readonly path?: string;
  readonly method?: string;
  readonly type?: string;
  /** Does not say beforehand how much it will be. */
  readonly chunked?: boolean;
  readonly agent?: https.Agent;
  readonly headers?: http.OutgoingHttpHeaders;
}

export async function ask(port: number, options: Asked) {
  const { body, path = "/mutate", method = "POST", type, chunked, agent, headers = {} } = options;
  const request = https.request({
    ...{ port, host: "127.0.0.1", path, method, rejectUnauthorized: false, ...(agent ? { agent } : { agent: false }) },
    headers: type === "" ? headers : { "Content-Type": type ?? "application/json", ...headers },
  });
  // Who is told that it is too much may be cut off while he still talks.
  request.on("error", () => undefined);
  if (chunked) request.write(body);
  request.end(chunked ? undefined : body);
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  return { status: response.statusCode ?? 0, headers: response.headers, body: await text(response) };
}

export async function get(port: number, path: string) {
  const [response] = (await once(http.get({ port, host: "127.0.0.1", path, agent: false }), "response")) as [
    http.IncomingMessage,
  ];
  return { status: response.statusCode ?? 0, body: await text(response) };
}
