/** What may come in place of an answer of Vault's, and in which words that is said. */
import type http from "node:http";
import { gzipSync } from "node:zlib";

export const MIB = 1024 * 1024;

export type Answer = (response: http.ServerResponse) => void;

/** So many bytes, as they are taken. */
function flood(begin: string, part: string, bytes: number): Answer {
  return (response) => {
    const chunk = part.repeat(Math.ceil(MIB / part.length));
    let sent = 0;
    response.write(begin);
    const more = () => {
      while (sent < bytes && !response.destroyed) {
        sent += chunk.length;
        if (!response.write(chunk)) return void response.once("drain", more);
      }
      response.end();
    };
    more();
  };
}

/** A byte now and then, for ever. */
function drip(response: http.ServerResponse): void {
  response.write("{");
  const timer = setInterval(() => response.write(" "), 100);
  response.once("close", () => clearInterval(timer));
}

export const text =
  (body: string, status = 200, headers: http.OutgoingHttpHeaders = {}): Answer =>
  (response) =>
    void response.writeHead(status, { "content-type": "application/json", ...headers }).end(body);

const page = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>s.a-token-in-a-page</body></html>";

export interface Bad {
  readonly answer: Answer;
  /** How lessee puts it. */
  readonly said: RegExp;
}

export const BAD: Readonly<Record<string, Bad>> = {
  "100-mb": { answer: flood("", "x", 100 * MIB), said: /the answer is larger than 4 MiB/ },
  "many-values": {
    answer: flood('{"data":[', "1,", 3 * MIB),
    said: /JSON of more than is read: more than 200000 values/,
  },
  "one-long-value": {
    answer: (response) => flood('{"data":{"data":{"a":"', "\\\\", 3 * MIB)(response),
    said: /not a JSON object/,
  },
  deep: { answer: text("[".repeat(1_000_000)), said: /JSON of more than is read: nested too deeply/ },
  "deep-data": {
    answer: text(`{"data":${'{"a":'.repeat(100_000)}`),
    said: /JSON of more than is read: nested too deeply/,
  },
  html: { answer: text(page), said: /the answer is HTML \(is there a proxy in between/ },
  "bad-gateway": { answer: text(page, 502), said: /502 an answer that is not Vault's/ },
  list: { answer: text("[1,2,3]"), said: /something that is not a JSON object/ },
  empty: { answer: text(""), said: /something that is not a JSON object/ },
  half: { answer: text('{"data": {"data": {"a": "b"'), said: /something that is not a JSON object/ },
  bytes: { answer: (response) => response.end(Buffer.from([0, 255, 254, 0, 1, 2])), said: /not a JSON object/ },
  drip: { answer: drip, said: /no answer within [12] s/ },
  "no-http": {
    answer: (response) => void response.socket?.end("SSH-2.0-OpenSSH_9.2\r\n"),
    said: /what answers there does not speak HTTP/,
  },
  gzip: {
    answer: (response) => void response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync('{"data":{}}')),
    said: /something that is not a JSON object/,
  },
  headers: {
    answer: (response) => void response.writeHead(200, { "x-long": "x".repeat(MIB) }).end("{}"),
    said: /no Vault sends so many headers/,
  },
  cut: { answer: (response) => void response.write("{", () => response.destroy()), said: /the connection was cut/ },
};
