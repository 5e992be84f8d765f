/**
 * What may be asked of a running sidecar by whoever may read its state anyway: a socket in a closed folder of the state.
 * No other pod reaches it, nor another container of the same pod, which shares the network but neither user nor folder;
 * nor a browser or a proxy that somebody talks into a request to localhost.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { describe, LesseeError } from "../errors.ts";
import type { Files } from "../ports.ts";
import type { Status } from "../status.ts";
import { CONTROL_FOLDER, type ControlEvents, type RotationAnswer, socketIn } from "./words.ts";

export interface ControlOptions {
  /** Of the state. */
  readonly folder: string;
  readonly files: Pick<Files, "chmod" | "lstat" | "mkdir" | "rm">;
  readonly uid: number;
  status(): Status;
  /** What has happened since that moment, the oldest first. */
  events(since: number): ControlEvents["events"];
  /** null is every leased credential. */
  rotate(path: string | null, hasty: boolean): RotationAnswer;
  /** Goes over every text of the answers. */
  scrub(text: string): string;
}

export interface Control {
  stop(): Promise<void>;
}

/** Rejects with a LesseeError where no such socket can be made. */
export async function startControl(options: ControlOptions): Promise<Control> {
  const path = await prepare(options);
  const server = createServer(LIMITS, (request, response) => {
    try {
      answer(options, request, response);
    } catch (error) {
      send(response, 500, { error: describe(error) }, options.scrub);
    }
  });
  server.maxConnections = 8;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(new LesseeError("control", `${path} cannot be opened: ${error.message}`)));
    server.listen(path, resolve);
  });
  server.on("error", () => undefined);
  return {
    async stop() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await options.files.rm(`${options.folder}/${CONTROL_FOLDER}`, { recursive: true, force: true });
    },
  };
}

// ---- internal ----

const LIMITS = {
  headersTimeout: 3_000,
  requestTimeout: 3_000,
  connectionsCheckingInterval: 15_000,
  maxHeaderSize: 8_192,
};

/** The kernel's limit for a socket's path, without the byte that ends it. */
const LONGEST_PATH = 103;

/** A folder of our own that nobody else may enter, whoever may enter the one around it. */
async function prepare({ files, folder, uid }: ControlOptions): Promise<string> {
  const own = `${folder}/${CONTROL_FOLDER}`;
  const path = socketIn(folder);
  if (Buffer.byteLength(path) > LONGEST_PATH) throw new LesseeError("control", `${path} is too long for a socket`);
  await files.mkdir(own, { recursive: true, mode: 0o700 });
  const found = await files.lstat(own);
  if (!found.isDirectory() || found.uid !== uid) throw new LesseeError("control", `${own} belongs to somebody else`);
  await files.chmod(own, 0o700);
  // Of a process that was killed: whoever runs holds the lock of the state.
  await files.rm(path, { force: true });
  return path;
}

function answer(options: ControlOptions, request: IncomingMessage, response: ServerResponse): void {
  const { pathname, searchParams: query } = new URL(request.url ?? "", "http://control");
  const asked = `${request.method} ${pathname}`;
  const say = (status: number, value: unknown) => send(response, status, value, options.scrub);
  if (asked === "GET /events") {
    const said: ControlEvents = { events: options.events(Number(query.get("since") ?? 0)), status: options.status() };
    say(200, said);
  } else if (asked === "POST /rotate") {
    say(200, options.rotate(query.get("path"), query.get("hasty") === "true"));
  } else {
    say(404, { error: `there is no ${asked}` });
  }
}

function send(response: ServerResponse, status: number, value: unknown, scrub: (text: string) => string): void {
  const body = JSON.stringify(value, (_key, one) => (typeof one === "string" ? scrub(one) : one));
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) });
  response.end(body);
}
