/** What clients and servers may do to the proxy: real sockets, and bytes as no library would send them. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { ask, OWN, useGround } from "./setup.ts";

const ground = useGround();
const USE = { useAutoAuthToken: true, forceAutoAuthToken: false };

async function stand(answer?: Parameters<typeof ground.upstream>[0]) {
  const upstream = await ground.upstream(answer);
  const proxy = await ground.proxy(upstream.address, { apiProxy: USE });
  return { upstream, url: proxy.addresses[0]! };
}

/** A connection that says what it is told, and hears whatever comes. */
function dial(url: string) {
  const { hostname, port } = new URL(url);
  const socket: Socket = connect(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  let heard = "";
  const waiting = new Set<() => void>();
  const wake = () => {
    for (const look of waiting) look();
  };
  socket.setEncoding("latin1");
  socket.on("data", (chunk: string) => {
    heard += chunk;
    wake();
  });
  socket.on("error", () => undefined);
  const closed = once(socket, "close").then(() => heard);
  return {
    socket,
    closed,
    say: (text: string) => void socket.write(text, "latin1"),
    until(pattern: RegExp): Promise<string> {
      return new Promise((resolve, reject) => {
        const look = () => {
          if (!pattern.test(heard)) return;
          waiting.delete(look);
          resolve(heard);
        };
        waiting.add(look);
        look();
        closed.then(() => (pattern.test(heard) ? resolve(heard) : reject(new Error(`closed after: ${heard}`))));
      });
    },
  };
}

/** A server that gives this answer to the first bytes that it gets, and is deaf from then on. */
async function rude(answer: string): Promise<string> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined).once("data", () => socket.end(answer));
    onTestFinished(() => void socket.destroy());
  });
  onTestFinished(() => void server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const statuses = (text: string) => [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));

describe("a request of another kind", () => {
  it("of HTTP/1.0 gets its answer whole, and the end of the connection", async () => {
    const { upstream, url } = await stand((response) => {
      response.write("a");
      response.end("b");
    });
    const client = dial(url);
    client.say("GET /v1/a HTTP/1.0\r\n\r\n");
    const text = await client.closed;
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(text).not.toMatch(/chunked/i);
    expect(text.endsWith("\r\n\r\nab")).toBe(true);
    expect(upstream.heard).toHaveLength(1);
  });

  it("that waits for 100 gets it, then its answer; one that expects something else is told", async () => {
    const { upstream, url } = await stand((response, { body }) => response.end(body));
    const client = dial(url);
    client.say("POST /v1/a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
    client.say("body");
    await client.until(/200 OK[\s\S]*body$/);
    expect(upstream.heard[0]).toMatchObject({ body: "body" });
    expect(upstream.heard[0]?.headers).not.toHaveProperty("expect");
    const other = dial(url);
    other.say("POST /v1/a HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\nContent-Length: 0\r\n\r\n");
    expect(statuses(await other.until(/417/))).toEqual([417]);
  });

  it("in chunks with a trailer goes through, and the next one of its connection too", async () => {
    const { upstream, url } = await stand();
    const client = dial(url);
    const chunked = "4\r\nbody\r\n3;ext=1\r\nand\r\n0\r\nX-Trailer: yes\r\n\r\n";
    client.say(`POST /v1/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Trailer\r\n\r\n${chunked}`);
    await client.until(/200 OK/);
    client.say("GET /v1/b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    expect(statuses(await client.closed)).toEqual([200, 200]);
    expect(upstream.heard.map(({ url: path, body }) => path + body)).toEqual(["/v1/abodyand", "/v1/b"]);
    expect(upstream.heard[0]?.headers).not.toHaveProperty("x-trailer");
  });

  it("for the head alone gets it, with the length, and no body", async () => {
    const { upstream, url } = await stand((response) =>
      response.writeHead(200, { "content-length": 7 }).end("content"),
    );
    const client = dial(url);
    client.say("HEAD /v1/a HTTP/1.1\r\nHost: a\r\n\r\n");
    await client.until(/content-length: 7[\s\S]*\r\n\r\n$/i);
    client.say("GET /v1/b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    const text = await client.closed;
    expect(statuses(text)).toEqual([200, 200]);
    expect(upstream.heard.map(({ method }) => method)).toEqual(["HEAD", "GET"]);
  });

  it("for another protocol gets an ordinary answer, and a tunnel is refused", async () => {
    const { upstream, url } = await stand((response) => response.writeHead(404).end("{}"));
    const socket = dial(url);
    socket.say(
      "GET /v1/a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n\r\n",
    );
    expect(statuses(await socket.until(/404/))).toEqual([404]);
    expect(upstream.heard[0]?.headers).not.toHaveProperty("upgrade");
    const tunnel = dial(url);
    tunnel.say("CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\n\r\n");
    expect(await tunnel.closed).toMatch(/^HTTP\/1\.1 405 [\s\S]*"errors"/);
    expect(upstream.heard).toHaveLength(1);
  });

  it("that a server answers with another protocol is an error", async () => {
    const address = await rude("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
    const proxy = await ground.proxy(address);
    const reply = await ask(`${proxy.addresses[0]}/v1/a`);
    expect([reply.status, reply.text]).toEqual([500, expect.stringContaining("wants another protocol")]);
  });
});

describe("a request that two readers would read differently", () => {
  const head = "POST /v1/a HTTP/1.1\r\nHost: a\r\n";
  const smuggled = "GET /v1/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
  it.each([
    ["a length and chunks", `${head}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`],
    ["two lengths", `${head}Content-Length: 0\r\nContent-Length: 44\r\n\r\n${smuggled}`],
    ["two lengths in one", `${head}Content-Length: 0, 44\r\n\r\n${smuggled}`],
    ["a length with a sign", `${head}Content-Length: +0\r\n\r\n${smuggled}`],
    ["an unknown coding", `${head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${smuggled}`],
    ["chunks that are not the last coding", `${head}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${smuggled}`],
    ["a space before the colon", `${head}Content-Length : 44\r\n\r\n${smuggled}`],
    ["a folded header", `${head}Transfer-Encoding:\r\n chunked\r\nContent-Length: 44\r\n\r\n${smuggled}`],
    ["a bare line feed in a header", `${head}X: a\nContent-Length: 44\r\n\r\n${smuggled}`],
    ["a size of a chunk that is none", `${head}Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n${smuggled}`],
    ["a zero byte", `${head}X-Vault-Token: a\0b\r\n\r\n`],
    ["no host", "GET /v1/a HTTP/1.1\r\n\r\n"],
    ["no HTTP at all", "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"],
  ])("is refused: %s", async (_what, text) => {
    const { upstream, url } = await stand();
    const client = dial(url);
    client.say(text);
    const heard = await client.closed;
    expect(statuses(heard)[0]).toBe(400);
    expect(upstream.heard.map(({ url: path }) => path)).not.toContain("/v1/smuggled");
  });

  it("cannot make another's method of its own", async () => {
    const { upstream, url } = await stand();
    const client = dial(url);
    // The refusal comes before the body, which looks like a request of its own.
    client.say("POST /agent/v1/quit HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n");
    await client.until(/404/);
    client.say("LIST /v1/xyz");
    client.say("GET /v1/b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    await client.closed;
    expect(upstream.heard.map(({ method, url: path }) => method + path)).toEqual(["GET/v1/b"]);
  });
});

describe("headers", () => {
  it("go through up to 64 kB, however many, and are refused beyond", async () => {
    const { upstream, url } = await stand();
    const request = (headers: string) => `GET /v1/a HTTP/1.1\r\nHost: a\r\n${headers}Connection: close\r\n\r\n`;
    const many = Array.from({ length: 3_000 }, (_, index) => `X-${index}: 1\r\n`).join("");
    for (const headers of [`X-Large: ${"x".repeat(60_000)}\r\n`, `${many}X-Vault-Token: s.mine\r\n`]) {
      const client = dial(url);
      client.say(request(headers));
      expect(statuses(await client.closed)).toEqual([200]);
    }
    expect(upstream.heard[0]?.headers["x-large"]).toHaveLength(60_000);
    expect(upstream.heard[1]?.headers["x-vault-token"]).toBe("s.mine");
    const client = dial(url);
    client.say(request(`X-Large: ${"x".repeat(70_000)}\r\n`));
    expect(statuses(await client.closed)).toEqual([431]);
    expect(upstream.heard).toHaveLength(2);
  });

  it("that name the token twice are the first one's", async () => {
    const { upstream, url } = await stand();
    const client = dial(url);
    client.say(
      "GET /v1/a HTTP/1.1\r\nHost: a\r\nX-Vault-Token: s.one\r\nX-Vault-Token: s.two\r\nConnection: close\r\n\r\n",
    );
    await client.closed;
    expect(upstream.heard[0]?.headers["x-vault-token"]).not.toBe(OWN);
  });
});

describe("a client", () => {
  it("that hangs up in the middle of its body takes its request with it", async () => {
    const begun = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<string>();
    const address = await ground.serve((request) => {
      request.once("data", () => begun.resolve());
      request.on("error", (error: NodeJS.ErrnoException) => gone.resolve(error.code ?? ""));
    });
    const proxy = await ground.proxy(address);
    const client = dial(proxy.addresses[0]!);
    client.say(`POST /v1/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n${"x".repeat(100_000)}`);
    await begun.promise;
    client.socket.destroy();
    expect(await gone.promise).toBe("ECONNRESET");
  });

  it("that reads slowly holds up the server, as long as it likes, and little is kept for it", {
    timeout: 30_000,
  }, async () => {
    const timeout = 500;
    const size = 32 * 1024 * 1024;
    let written = 0;
    const address = await ground.serve((_request, response) => {
      response.writeHead(200, { "content-length": size });
      const chunk = Buffer.alloc(64 * 1024, "x");
      const more = (): unknown => {
        while (written < size) {
          written += chunk.length;
          if (!response.write(chunk)) return response.once("drain", more);
        }
        return response.end();
      };
      more();
    });
    const proxy = await ground.proxy(address, { timeout });
    const client = dial(proxy.addresses[0]!);
    client.socket.pause();
    client.say("GET /v1/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    // Until nothing goes on any more: all buffers on the way are full.
    let before = -1;
    while (written === 0 || written !== before) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(written).toBeLessThan(16 * 1024 * 1024);
    // The time that a server has is none that its client has.
    await new Promise((resolve) => setTimeout(resolve, 2 * timeout));
    client.socket.resume();
    expect((await client.closed).length).toBeGreaterThan(size);
  });
});

describe("a server", () => {
  it("that hangs up in the middle of a body is an error, and the connection goes on", async () => {
    const address = await ground.serve((request) => {
      request.once("data", () => request.socket.destroy());
      request.on("error", () => undefined);
    });
    const proxy = await ground.proxy(address);
    const client = dial(proxy.addresses[0]!);
    const body = "x".repeat(4 * 1024 * 1024);
    client.say(`POST /v1/a HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`);
    client.say(body);
    await client.until(/500 [\s\S]*failed to get the response/);
    client.say("GET /agent/v1/metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    expect(statuses(await client.closed)).toEqual([500, 200]);
  });

  it("that refuses a body before its end is heard, and the connection goes on", async () => {
    const answer = '{"errors":["too large"]}';
    const address = await rude(
      `HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: ${answer.length}\r\n\r\n${answer}`,
    );
    const proxy = await ground.proxy(address);
    const client = dial(proxy.addresses[0]!);
    const body = "x".repeat(4 * 1024 * 1024);
    client.say(`POST /v1/a HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`);
    client.say(body);
    await client.until(/413 [\s\S]*too large/);
    client.say("GET /agent/v1/metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    expect(statuses(await client.closed)).toEqual([413, 200]);
  });
});
