/**
 * Stands between lessee and Vault: knows every secret that goes through, and can answer like a server or a proxy that
 * gives back in its errors what it was sent.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";

export interface Recorder {
  readonly address: string;
  /** Passwords, tokens, accessors and JWTs so far, by what they are. */
  readonly secrets: ReadonlyMap<string, ReadonlySet<string>>;
  /** The next requests to this path are answered with 500 and all that they held. */
  echo(path: string, times: number): void;
}

const SECRET_KEYS = ["password", "client_token", "accessor", "jwt"];

export async function startRecorder(vault: string): Promise<Recorder> {
  const secrets = new Map<string, Set<string>>(SECRET_KEYS.map((key) => [key, new Set()]));
  const echoes: { readonly path: string; left: number }[] = [];

  function learn(value: unknown): void {
    if (typeof value !== "object" || value === null) return;
    for (const [key, one] of Object.entries(value)) {
      // A mount has an accessor too, which is no secret: a token's stands beside the token.
      const counts = key !== "accessor" || "client_token" in value;
      if (typeof one === "string" && one !== "" && counts) secrets.get(key)?.add(one);
      else learn(one);
    }
  }

  const server = createServer(async (incoming, outgoing) => {
    const sent = await text(incoming);
    if (sent !== "") learn(JSON.parse(sent));
    const { "x-vault-token": token = "" } = incoming.headers;
    const echo = echoes.find(({ path, left }) => left > 0 && incoming.url === path);
    if (echo) {
      echo.left--;
      const known = [...secrets.values()].flatMap((values) => [...values].flatMap(spellings));
      const errors = [`cannot handle ${sent} with the token ${token}`, ...known];
      outgoing.writeHead(500, { "content-type": "application/json" }).end(JSON.stringify({ errors }));
      return;
    }
    const answer = await fetch(`${vault}${incoming.url}`, {
      method: incoming.method ?? "GET",
      headers: { "x-vault-token": String(token) },
      ...(sent === "" ? {} : { body: sent }),
    });
    const body = await answer.text();
    if (body !== "") learn(JSON.parse(body));
    outgoing.writeHead(answer.status, { "content-type": "application/json" }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    secrets,
    echo: (path, times) => void echoes.push({ path, left: times }),
  };
}

/** The ways in which a log, a URL, a header or an error may write a secret. */
export function spellings(secret: string): readonly string[] {
  const bytes = Buffer.from(secret);
  return [
    ...new Set([
      secret,
      encodeURIComponent(secret),
      JSON.stringify(secret).slice(1, -1),
      bytes.toString("base64").replace(/=+$/, ""),
      bytes.toString("base64url"),
      bytes.toString("hex"),
    ]),
  ];
}
