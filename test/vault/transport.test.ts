import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { freePort } from "../../dev/free-port.ts";
import { selfSignedCertificate } from "../../dev/kubernetes/certificate.ts";
import { TransportError } from "../../src/errors.ts";
import type { HttpRequest, HttpResponse } from "../../src/ports.ts";
import { createTransport } from "../../src/vault/transport.ts";
import { createAuthority, useServers } from "./servers.ts";

const { serve, transport } = useServers();

function get(url: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: "GET", url, headers: { "X-Vault-Token": "s.secret" }, timeout: 20_000, ...more };
}

async function failure(work: Promise<HttpResponse>): Promise<TransportError> {
  const error = await work.then(
    (answer) => new Error(`it was answered with ${answer.status}`),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof TransportError)) throw error;
  return error;
}

describe("an exchange", () => {
  it("carries method, headers and body there, and status, headers and body back", async () => {
    const server = await serve((response) =>
      response.writeHead(429, { "Retry-After": "7", "X-Vault-Index": "v1:abc" }).end("grüße"),
    );
    const answer = await transport().send(get(`${server.address}/v1/a?b=c`, { method: "PUT", body: '{"d":1}' }));
    expect(answer.status).toBe(429);
    expect(answer.headers).toMatchObject({ "retry-after": "7", "x-vault-index": "v1:abc" });
    expect(answer.body).toBe("grüße");
    expect(server.heard).toMatchObject([
      { method: "PUT", url: "/v1/a?b=c", body: '{"d":1}', headers: { "x-vault-token": "s.secret" } },
    ]);
  });

  it("puts signs together that came in two pieces", async () => {
    const bytes = Buffer.from('{"a":"ü"}');
    const server = await serve((response) => {
      response.write(bytes.subarray(0, 7));
      setImmediate(() => response.end(bytes.subarray(7)));
    });
    expect((await transport().send(get(server.address))).body).toBe('{"a":"ü"}');
  });

  it("does not follow a redirect: the token would go to another origin with it", async () => {
    const other = await serve((response) => response.end("{}"));
    const server = await serve((response) => response.writeHead(307, { location: `${other.address}/v1/x` }).end());
    const answer = await transport().send(get(`${server.address}/v1/x`));
    expect(answer.status).toBe(307);
    expect(other.heard).toEqual([]);
    expect(server.heard).toHaveLength(1);
  });

  it("is not repeated when the server ends a connection without an answer", async () => {
    const server = await serve((response) => response.socket!.destroy());
    const error = await failure(transport().send(get(server.address)));
    expect(error.effect).toBe("unknown");
    expect(server.heard).toHaveLength(1);
  });

  it.each(["unix://", "unix:"])("goes over a unix socket, written %s/path", async (scheme) => {
    const path = join(tmpdir(), "vault.sock");
    const server = await serve((response) => response.end("{}"), { socket: path });
    const answer = await transport().send(get(`${scheme}${path}:/v1/sys/health`));
    expect(answer.status).toBe(200);
    expect(server.heard[0]?.url).toBe("/v1/sys/health");
    await rm(path, { force: true });
  });
});

describe("what fails before it was sent", () => {
  it.each([
    ["nothing listens", async () => `http://127.0.0.1:${await freePort("127.0.0.1")}`, "ECONNREFUSED", /VAULT_ADDR/],
    ["an unknown name", async () => "http://lessee.invalid", expect.stringMatching(/ENOTFOUND|EAI_AGAIN/), /name/],
    ["no such socket", async () => "unix:/nowhere/vault.sock:/v1/x", "ENOENT", /./],
    ["an address that is none", async () => "http://[", "address", /VAULT_ADDR/],
    ["a scheme that is none of ours", async () => "ftp://127.0.0.1/", "address", /VAULT_ADDR/],
  ])("%s: is said to have had no effect", async (_what, url, code, hint) => {
    const error = await failure(transport().send(get(await url())));
    expect(error.code).toEqual(code);
    expect(error.effect).toBe("never sent");
    expect(error.hint ?? error.message).toMatch(hint);
  });

  it("a header that cannot be sent, as a token with a line break, is not quoted", async () => {
    const error = await failure(
      transport().send(get("http://127.0.0.1:1", { headers: { "X-Vault-Token": "s.secret\nx" } })),
    );
    expect(error.effect).toBe("never sent");
    expect(inspect(error, { depth: null, showHidden: true })).not.toContain("s.secret");
  });
});

describe("what fails after it was sent", () => {
  it("has as long as it is given, and be it a year", async () => {
    const server = await serve((response) => setTimeout(() => response.end("slow"), 50));
    const answer = await transport().send(get(server.address, { timeout: 365 * 86_400_000 }));
    expect(answer.body).toBe("slow");
  });

  it("an answer that does not come in time", async () => {
    const server = await serve(() => {});
    const error = await failure(transport().send(get(server.address, { timeout: 200 })));
    expect([error.code, error.effect]).toEqual(["timeout", "unknown"]);
    expect(error.message).toBe(`${server.address}/: no answer within 0.2 s`);
  });

  it("an answer that begins in time and never ends", async () => {
    const server = await serve((response) => response.write("{"));
    const error = await failure(transport().send(get(server.address, { timeout: 200 })));
    expect([error.code, error.effect]).toEqual(["timeout", "unknown"]);
  });

  it("a connection that is cut in the middle of the answer", async () => {
    const server = await serve((response) => {
      response.writeHead(200, { "content-length": "1000" });
      response.write('{"data":', () => response.socket!.destroy());
    });
    const error = await failure(transport().send(get(server.address)));
    expect([error.code, error.effect]).toEqual(["cut", "unknown"]);
    expect(error.message).toContain("in the middle of the answer");
  });

  it("an answer of 100 MB, of which no more than 4 is read", async () => {
    let sent = 0;
    const server = await serve((response) => {
      const chunk = Buffer.alloc(1024 * 1024, "x");
      const more = () => {
        while (sent < 100 && !response.destroyed) {
          sent++;
          if (!response.write(chunk)) return void response.once("drain", more);
        }
        response.end();
      };
      more();
    });
    const error = await failure(transport().send(get(server.address)));
    expect([error.code, error.effect]).toEqual(["too large", "unknown"]);
    expect(sent).toBeLessThan(100);
  });

  it("a request that is aborted, before or after it was sent", async () => {
    const controller = new AbortController();
    const server = await serve(() => controller.abort());
    const sent = await failure(transport().send(get(server.address, { signal: controller.signal })));
    expect([sent.code, sent.effect]).toEqual(["aborted", "unknown"]);
    const unsent = await failure(transport().send(get(server.address, { signal: controller.signal })));
    expect([unsent.code, unsent.effect]).toEqual(["aborted", "never sent"]);
    expect(server.heard).toHaveLength(1);
  });

  it.each([
    ["noise", "SSH-2.0-OpenSSH_9.6\r\n"],
    ["random bytes", randomBytes(512)],
    ["another protocol", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"],
    ["headers without end", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(100_000)}`],
    ["half a status line", "HTTP/1.1 2"],
  ])("a server that speaks %s", async (_what, text) => {
    const sockets: Socket[] = [];
    const server = createTcpServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => {});
      socket.once("data", () => socket.end(text));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const { port } = server.address() as AddressInfo;
      const error = await failure(transport().send(get(`http://127.0.0.1:${port}/`)));
      expect(error.effect).toBe("unknown");
      expect(error.code).not.toBe("timeout");
      expect(error.message).toContain(`http://127.0.0.1:${port}/: `);
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  });
});

describe("an error", () => {
  it("holds neither token nor body, however it is inspected", async () => {
    const secret = { headers: { "X-Vault-Token": "s.secret" }, method: "PUT", body: '{"jwt":"ey.secret"}' };
    const hanging = await serve(() => {});
    const controller = new AbortController();
    const cut = await serve((response) => response.socket!.destroy());
    const refused = `http://127.0.0.1:${await freePort("127.0.0.1")}`;
    const aborted = transport().send(get(hanging.address, { ...secret, signal: controller.signal }));
    controller.abort();
    const errors = await Promise.all([
      failure(transport().send(get(hanging.address, { ...secret, timeout: 100 }))),
      failure(transport().send(get(cut.address, secret))),
      failure(transport().send(get(refused, secret))),
      failure(transport().send(get(hanging.address.replace("http:", "https:"), { ...secret, timeout: 300 }))),
      failure(aborted),
    ]);
    for (const error of errors)
      expect(inspect(error, { depth: null, showHidden: true, getters: true })).not.toMatch(/s\.secret|ey\.secret/);
  });
});

describe("TLS", () => {
  const authority = createAuthority();
  const ok = (response: { end(text: string): unknown }) => void response.end("{}");

  it("goes through with the right CA", async () => {
    const server = await serve(ok, { tls: authority.issue(["127.0.0.1"], "server") });
    expect((await transport({ ca: [authority.ca] }).send(get(server.address))).status).toBe(200);
  });

  const ca = createAuthority().ca;
  const selfSigned = selfSignedCertificate(["127.0.0.1"]);
  it.each([
    ["a CA that is not known", {}, authority.issue(["127.0.0.1"], "server"), /vault\.ca_cert or VAULT_CACERT/],
    ["the wrong CA", { ca: [ca] }, authority.issue(["127.0.0.1"], "server"), /vault\.ca_cert or VAULT_CACERT/],
    [
      "a certificate signed by itself",
      {},
      { cert: selfSigned.certificate, key: selfSigned.privateKey },
      /signed by itself/,
    ],
    ["another name", { ca: [authority.ca] }, authority.issue(["10.1.2.3"], "server"), /vault\.tls_server_name/],
    [
      "one that has expired",
      { ca: [authority.ca] },
      authority.issue(["127.0.0.1"], "server", Date.now() - 1000),
      /expired/,
    ],
  ])("%s: nothing is sent, and the hint says what to do", async (_what, options, tls, hint) => {
    const server = await serve(ok, { tls });
    const error = await failure(transport(options).send(get(server.address)));
    expect(error.effect).toBe("never sent");
    expect(error.hint).toMatch(hint);
    // Node's own advice is for who starts Node.
    expect(error.message).not.toContain("--use-system-ca");
    expect(server.heard).toEqual([]);
  });

  it("checks the name that tls_server_name gives", async () => {
    const server = await serve(ok, { tls: authority.issue(["vault.example.org"], "server") });
    const { send } = transport({ ca: [authority.ca], serverName: "vault.example.org" });
    expect((await send(get(server.address))).status).toBe(200);
  });

  it("checks nothing only where that is asked for", async () => {
    const server = await serve(ok, { tls: authority.issue(["10.1.2.3"], "server") });
    expect((await transport({ skipVerify: true }).send(get(server.address))).status).toBe(200);
    expect((await failure(transport({ skipVerify: false }).send(get(server.address)))).effect).toBe("never sent");
  });

  it("shows a client certificate", async () => {
    const tls = { ...authority.issue(["127.0.0.1"], "server"), ca: authority.ca, requestCert: true };
    const server = await serve(ok, { tls: { ...tls, rejectUnauthorized: true } });
    const { cert, key } = authority.issue(["tsb"], "client");
    expect((await transport({ ca: [authority.ca], cert, key }).send(get(server.address))).status).toBe(200);
    await failure(transport({ ca: [authority.ca] }).send(get(server.address)));
    expect(server.heard).toHaveLength(1);
  });

  it("to a server without it has a hint", async () => {
    const server = await serve(ok);
    const error = await failure(transport().send(get(server.address.replace("http:", "https:"))));
    expect([error.effect, error.hint]).toEqual(["never sent", expect.stringMatching(/http:\/\//)]);
  });

  it.each([
    [
      "a key of another certificate",
      { cert: authority.issue([], "client").cert, key: authority.issue([], "client").key },
    ],
    ["a key that is none", { cert: authority.issue([], "client").cert, key: "none" }],
  ])("%s is found before anything is sent", (_what, options) => {
    expect(() => createTransport(options)).toThrow(expect.objectContaining({ code: "ca" }));
  });

  it("keeps connections for the last few identities only, and connects anew for one that comes again", async () => {
    const { ca, issue } = createAuthority();
    const sockets = new Set<Socket>();
    const server = await serve((response, request) => void response.end(String(sockets.add(request.socket).size)), {
      tls: issue(["127.0.0.1"], "server"),
    });
    const { send } = transport({ ca: [ca] });
    const identities = Array.from({ length: 20 }, () => ({ ca }));
    const ask = (identity: { readonly ca: string }) => send(get(server.address, { identity }));
    for (const identity of identities) expect((await ask(identity)).status).toBe(200);
    const open = () => [...sockets].filter((socket) => !socket.destroyed).length;
    await expect.poll(open).toBeLessThan(9);
    expect((await ask(identities[0]!)).body).toBe("21");
  });
});

describe("a proxy", () => {
  it("is used where one is named, and the server asked through it", async () => {
    const proxy = await serve((response) => response.end("{}"));
    await transport({ proxy: proxy.address }).send(get("http://vault.invalid:8200/v1/x"));
    expect(proxy.heard).toMatchObject([{ url: "http://vault.invalid:8200/v1/x" }]);
  });

  it("of the environment is not used where NO_PROXY says so, nor without one", async () => {
    const proxy = await serve((response) => response.end("{}"));
    const server = await serve((response) => response.end("{}"));
    await transport({ proxyEnv: { HTTP_PROXY: proxy.address, NO_PROXY: "127.0.0.1" } }).send(get(server.address));
    await transport({ proxyEnv: {} }).send(get(server.address));
    expect([proxy.heard.length, server.heard.length]).toEqual([0, 2]);
  });
});
