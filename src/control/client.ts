/** Asks a running sidecar over the socket in its state's folder. */
import { request } from "node:http";
import { LesseeError } from "../errors.ts";
import { type ControlEvents, type RotationAnswer, socketIn } from "./words.ts";

const TIMEOUT = 5_000;

export interface ControlClient {
  rotate(path: string | undefined, hasty: boolean): Promise<RotationAnswer>;
  events(since: number): Promise<ControlEvents>;
}

export function controlClient(folder: string): ControlClient {
  return {
    rotate(path, hasty) {
      const query = new URLSearchParams({ hasty: String(hasty), ...(path === undefined ? {} : { path }) });
      return ask<RotationAnswer>(folder, "POST", `/rotate?${query}`);
    },
    events: (since) => ask<ControlEvents>(folder, "GET", `/events?since=${since}`),
  };
}

function ask<Answer>(folder: string, method: string, path: string): Promise<Answer> {
  const socketPath = socketIn(folder);
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) =>
      reject(
        new LesseeError("control", `the sidecar cannot be asked at ${socketPath}: ${error.message}`, {
          hint: HINTS[error.code ?? ""] ?? "is this the folder of its state (-state), and does it run?",
          cause: error,
        }),
      );
    const sent = request(
      { socketPath, method, path, agent: false, signal: AbortSignal.timeout(TIMEOUT) },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", fail);
        response.on("end", () => {
          try {
            const answer = JSON.parse(Buffer.concat(chunks).toString("utf8"));
            if (response.statusCode === 200) resolve(answer as Answer);
            else fail(new Error(String(answer.error)));
          } catch (error) {
            fail(error as Error);
          }
        });
      },
    );
    sent.on("error", fail);
    sent.end();
  });
}

const HINTS: Readonly<Record<string, string>> = {
  ENOENT:
    "no lessee with its state in that folder runs here: -state names another folder, or -config the configuration",
  ECONNREFUSED: "the lessee that made it has been killed",
  EACCES: "only the user that lessee runs as may ask",
};
