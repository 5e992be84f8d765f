import { once } from "node:events";
import http from "node:http";
import { connect } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { forward } from "../../src/proxy/forward.ts";
import { ask, OWN, TCP, useGround } from "./setup.ts";

const ground = useGround();
const USE = { useAutoAuthToken: true, forceAutoAuthToken: false };
const FORCE = { useAutoAuthToken: true, forceAutoAuthToken: true };

async function stand(apiProxy?: typeof USE, answer?: Parameters<typeof ground.upstream>[0]) {
  const upstream = await ground.upstream(answer);
  const proxy = await ground.proxy(upstream.address, { apiProxy });
  return { upstream, url: proxy.addresses[0]! };
}

describe("the token that a request is sent with", () => {
  it.each([
    ["no api_proxy, none of its own", undefined, undefined, undefined],
    ["no api_proxy, one of its own", undefined, "s.mine", "s.mine"],
    ["true, none of its own", USE, undefined, OWN],
    ["true, one of its own", USE, "s.mine", "s.mine"],
    ["force, one of its own", FORCE, "s.mine", OWN],
  ])("%s", async (_name, apiProxy, sent, expected) => {
    const { upstream, url } = await stand(apiProxy);
    await ask(`${url}/v1/secret/a`, { headers: sent ? { "X-Vault-Token": sent } : {} });
    expect(upstream.heard[0]?.headers["x-vault-token"]).toBe(expected);
  });

  it("is not shown to those who only use it", async () => {
    const { url } = await stand(USE, (response) => {
      response.setHeader("content-type", "application/json");
      response.end(
        '{"data":{"id":"s.the-own-token","accessor":"the-accessor","ttl":1.50,"policies":["a"]},"auth":null}',
      );
    });
    const own = await ask(`${url}/v1/auth/token/lookup-self`);
    expect(own.text).toBe('{"data":{"ttl":1.50,"policies":["a"]},"auth":null}\n');
    const named = await ask(`${url}/v1/auth/token/lookup`, { method: "POST", body: JSON.stringify({ token: OWN }) });
    expect(named.text).not.toContain("accessor");
    const others = await ask(`${url}/v1/auth/token/lookup-self`, { headers: { "X-Vault-Token": "s.mine" } });
    expect(others.text).toContain("the-accessor");
  });

  it.each([
    "auth//token/lookup-self",
    "auth/token//lookup-self",
    "auth%2F%2Ftoken/lookup%2Dself",
    "team/../auth///token/./lookup",
  ])("is not shown however it is asked for: %s", async (path) => {
    const { url } = await stand(USE, (response) => response.end('{"data":{"id":"s.the-own-token"}}'));
    const answer = await ask(url, { path: `/v1/${path}` });
    expect(answer).toMatchObject({ status: 200, text: '{"data":{}}\n' });
  });

  it.each(["lookup-self", "renew-self"])("is not wrapped either: %s", async (what) => {
    const { upstream, url } = await stand(USE, (response) => response.end('{"wrap_info":{"token":"s.wrapping"}}'));
    const wrap = { "X-Vault-Wrap-TTL": "60" };
    const own = await ask(`${url}/v1/auth/token/${what}`, { method: "POST", headers: wrap });
    expect(own.status).toBe(403);
    expect(own.text).toContain("ask without X-Vault-Wrap-TTL");
    expect(upstream.heard).toEqual([]);
    const others = await ask(`${url}/v1/auth/token/${what}`, {
      method: "POST",
      headers: { ...wrap, "X-Vault-Token": "s.mine" },
    });
    expect(others.text).toContain("s.wrapping");
  });

  it("is not shown in a renewal either", async () => {
    const { url } = await stand(USE, (response) =>
      response.end('{"auth":{"client_token":"s.the-own-token","accessor":"x","lease_duration":7}}'),
    );
    const answer = await ask(`${url}/v1/auth/token/renew-self`, { method: "PUT" });
    expect(JSON.parse(answer.text)).toEqual({ auth: { client_token: "", accessor: "", lease_duration: 7 } });
  });
});

describe("what goes through", () => {
  it("is method, path, query, body and headers, and the answer", async () => {
    const { upstream, url } = await stand(undefined, (response) =>
      response.writeHead(418, { "x-answer": "yes", "content-type": "text/plain" }).end("tea"),
    );
    const answer = await ask(`${url}/v1/a%20b/c?x=1&x=2`, {
      method: "PATCH",
      headers: { "X-Vault-Namespace": "team", "User-Agent": "curl", "Content-Type": "application/json" },
      body: '{"a":1}',
    });
    expect(answer).toMatchObject({ status: 418, text: "tea", headers: { "x-answer": "yes" } });
    expect(upstream.heard).toMatchObject([
      {
        method: "PATCH",
        url: "/v1/a%20b/c?x=1&x=2",
        body: '{"a":1}',
        headers: {
          "x-vault-namespace": "team",
          "user-agent": "lessee API proxy/1.2.3; curl",
          "content-type": "application/json",
        },
      },
    ]);
  });

  it("is LIST, which Node does not know, on a connection with others", async () => {
    const { upstream, url } = await stand();
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (const method of ["GET", "LIST", "POST", "LIST", "LOCK"]) {
      expect(
        await ask(`${url}/v1/a`, { method, agent, ...(method === "POST" ? { body: "LIST /" } : {}) }),
      ).toMatchObject({ status: 200 });
    }
    agent.destroy();
    // This test's own server sees both as LOCK.
    expect(upstream.heard.map(({ method, body }) => method + body)).toEqual([
      "GET",
      "LOCK",
      "POSTLIST /",
      "LOCK",
      "LOCK",
    ]);
  });

  it("is not what is about one connection only", async () => {
    const { upstream, url } = await stand();
    await ask(`${url}/v1/a`, {
      headers: {
        Connection: "keep-alive, X-Hop",
        "X-Hop": "1",
        TE: "trailers",
        "Accept-Encoding": "gzip",
        "X-End": "2",
      },
    });
    const { headers } = upstream.heard[0]!;
    expect(headers).toMatchObject({ "x-end": "2" });
    expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(["x-hop"]));
    for (const name of ["x-hop", "te", "accept-encoding"]) expect(headers).not.toHaveProperty(name);
  });

  it("follows one redirect within the server, where the body can be sent again", async () => {
    const { upstream, url } = await stand(USE, (response, { url: path }) => {
      if (path === "/v1/c") response.end("there");
      else response.writeHead(307, { location: path === "/v1/a" ? "/v1/b" : "/v1/c" }).end("elsewhere");
    });
    expect(await ask(`${url}/v1/b`, { method: "PUT", body: "{}" })).toMatchObject({ status: 200, text: "there" });
    expect(
      upstream.heard.map(({ method, url: path, body, headers }) => [method, path, body, headers["x-vault-token"]]),
    ).toEqual(["/v1/b", "/v1/c"].map((path) => ["PUT", path, "{}", OWN]));
    expect((await ask(`${url}/v1/a`)).headers.location).toBe("/v1/c");
    const large = { method: "PUT", body: Buffer.alloc(100_000) };
    expect(await ask(`${url}/v1/b`, large)).toMatchObject({ status: 307, headers: { location: "/v1/c" } });
    expect(upstream.heard).toHaveLength(5);
  });

  it("is a redirect to another server, without the token, and with -disable-redirects any", async () => {
    const other = await ground.upstream();
    const locations: string[] = [`${other.address}/v1/b`];
    const upstream = await ground.upstream((response) => response.writeHead(307, { location: locations.at(-1) }).end());
    const open = (options = {}) => ground.proxy(upstream.address, { apiProxy: USE, ...options });
    const url = (await open()).addresses[0]!;
    expect((await ask(`${url}/v1/a`)).headers.location).toBe(`${other.address}/v1/b`);
    expect(upstream.heard).toHaveLength(1);
    locations.push(`${upstream.address}/v1/b?c=d`);
    const staying = (await open({ disableRedirects: true })).addresses[0]!;
    expect((await ask(`${staying}/v1/a`)).headers.location).toBe("/v1/b?c=d");
    expect(other.heard).toEqual([]);
    expect(upstream.heard).toHaveLength(2);
  });

  it("cannot be led to another server by its own target", async () => {
    const other = await ground.upstream();
    const { upstream, url } = await stand(USE);
    const { hostname, port } = new URL(url);
    for (const target of [
      `${other.address}/v1/x`,
      `//${new URL(other.address).host}/v1/x`,
      "/v1/../../x",
      "@evil/x",
      "*",
    ]) {
      const socket = connect(Number(port), hostname);
      socket.end(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      await once(socket.resume(), "close");
    }
    expect(other.heard).toEqual([]);
    expect(upstream.heard.map((one) => one.url)).toEqual(["/v1/x", `//${new URL(other.address).host}/v1/x`, "/x"]);
  });
});

describe("large bodies", () => {
  it("go through as they come, in both directions, in bounded memory", async () => {
    const size = 128 * 1024 * 1024;
    const chunk = Buffer.alloc(64 * 1024, "x");
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    let largest = 0;
    let parts = 0;
    // What is only garbage does not count.
    const sample = () => {
      if (parts++ % 256 !== 0) return;
      collect();
      largest = Math.max(largest, process.memoryUsage().arrayBuffers);
    };
    const address = await ground.serve((request, response) => {
      let seen = 0;
      request.on("data", (part: Buffer) => {
        seen += part.length;
        sample();
      });
      request.on("end", () => {
        response.setHeader("x-seen", seen);
        let left = size / chunk.length;
        const more = () => {
          while (left-- > 0) if (!response.write(chunk)) return response.once("drain", more);
          return response.end();
        };
        more();
      });
    });
    const proxy = await ground.proxy(address);
    const before = process.memoryUsage().arrayBuffers;
    const request = http.request(`${proxy.addresses[0]}/v1/a`, { method: "POST", agent: false });
    let left = size / chunk.length;
    const more = (): unknown => {
      while (left-- > 0) if (!request.write(chunk)) return request.once("drain", more);
      return request.end();
    };
    more();
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    let received = 0;
    for await (const part of response as AsyncIterable<Buffer>) {
      received += part.length;
      sample();
    }
    expect(response.headers["x-seen"]).toBe(String(size));
    expect(received).toBe(size);
    // Both ends are in this process, with their own buffers; one body held back would be 128 more.
    expect((largest - before) / 2 ** 20).toBeLessThan(100);
  });
});

describe("when something breaks", () => {
  it("a server that is not there is an error in Vault's shape", async () => {
    const proxy = await ground.proxy("http://127.0.0.1:1");
    const answer = await ask(`${proxy.addresses[0]}/v1/a`, { headers: { "X-Vault-Token": "s.mine" } });
    expect(answer.status).toBe(500);
    expect(JSON.parse(answer.text)).toEqual({
      errors: ["failed to get the response: connect ECONNREFUSED 127.0.0.1:1"],
    });
  });

  it("a server that does not answer in time is one, too", async () => {
    const address = await ground.serve(() => undefined);
    const proxy = await ground.proxy(address, { timeout: 100 });
    const answer = await ask(`${proxy.addresses[0]}/v1/a`);
    expect([answer.status, answer.text]).toEqual([
      500,
      '{"errors":["failed to get the response: no answer within 0.1 s"]}\n',
    ]);
  });

  it("a server that falls silent in the middle of its answer is cut off in time", async () => {
    const address = await ground.serve((_request, response) => {
      response.writeHead(200, { "content-length": 100 });
      response.write("half");
    });
    const proxy = await ground.proxy(address, { timeout: 100 });
    await expect(ask(`${proxy.addresses[0]}/v1/a`)).rejects.toThrow("aborted");
  });

  it("an answer that is cut is cut for the client", async () => {
    const address = await ground.serve((_request, response) => {
      response.writeHead(200, { "content-length": 100 });
      response.write("half");
      setImmediate(() => response.destroy());
    });
    const proxy = await ground.proxy(address);
    await expect(ask(`${proxy.addresses[0]}/v1/a`)).rejects.toThrow("aborted");
  });

  it("a client that goes away takes its request with it", async () => {
    const asked = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<void>();
    const address = await ground.serve((_request, response) => {
      asked.resolve();
      response.once("close", () => gone.resolve());
    });
    const proxy = await ground.proxy(address);
    const request = http.get(`${proxy.addresses[0]}/v1/a`, { agent: false });
    request.on("error", () => undefined);
    await asked.promise;
    request.destroy();
    await gone.promise;
  });

  it("a client that has gone before its turn comes makes no request", async () => {
    let asked = 0;
    const refused = Promise.withResolvers<unknown>();
    const open = () => {
      asked++;
      throw new Error("nobody is asked");
    };
    const address = await ground.serve((_request, response) => {
      request.destroy();
      response.once("close", () => {
        const outgoing = { method: "GET", url: "http://127.0.0.1/v1/a", headers: {} };
        forward(outgoing, Buffer.alloc(0), response, { open, timeout: 1_000 }).catch(refused.resolve);
      });
    });
    const request = http.get(address, { agent: false }).on("error", () => undefined);
    expect(await refused.promise).toMatchObject({ code: "aborted", effect: "never sent" });
    expect(asked).toBe(0);
  });

  it("is counted under Vault Agent's names", async () => {
    const { url } = await stand(undefined, (response, { url: path }) =>
      response.writeHead(path === "/v1/no" ? 403 : 200).end(),
    );
    for (const path of ["a", "no", "b"]) await ask(`${url}/v1/${path}`);
    const counters = JSON.parse((await ask(`${url}/agent/v1/metrics`)).text).Counters as {
      Name: string;
      Count: number;
    }[];
    expect(counters.map(({ Name, Count }) => [Name, Count])).toEqual([
      ["vault.agent.proxy.client_error", 1],
      ["vault.agent.proxy.success", 2],
    ]);
  });
});

describe("many at a time", () => {
  it("1,000 keep-alive connections lose no request", { timeout: 60_000 }, async () => {
    const { upstream, url } = await stand(USE, (response, { url: path }) => response.end(path));
    const clients = Array.from({ length: 1_000 }, (_, index) => ({
      index,
      agent: new http.Agent({ keepAlive: true, maxSockets: 1 }),
    }));
    for (let round = 0; round < 3; round++) {
      const answers = await Promise.all(
        clients.map(({ index, agent }) => ask(`${url}/v1/${index}-${round}`, { agent })),
      );
      expect(answers.filter(({ status, text }, index) => status !== 200 || text !== `/v1/${index}-${round}`)).toEqual(
        [],
      );
    }
    const sockets = clients.map(({ agent }) => Object.values(agent.freeSockets).flat().length);
    expect(sockets.reduce((sum, count) => sum + count, 0)).toBe(1_000);
    expect(upstream.heard).toHaveLength(3_000);
    for (const { agent } of clients) agent.destroy();
  });
});

describe("a listener", () => {
  it("asks for the request header where it has to be there", async () => {
    const { address, heard } = await ground.upstream();
    const proxy = await ground.proxy(address, { listeners: [{ ...TCP, requireRequestHeader: true }] });
    const url = proxy.addresses[0]!;
    const without = await ask(`${url}/v1/a`);
    expect([without.status, without.text]).toEqual([412, '{"errors":["missing \\"X-Vault-Request\\" header"]}\n']);
    expect((await ask(`${url}/v1/a`, { headers: { "X-Vault-Request": "yes" } })).status).toBe(412);
    expect((await ask(`${url}/v1/a`, { headers: { "X-Vault-Request": "true" } })).status).toBe(200);
    expect((await ask(`${url}/agent/v1/metrics`)).status).toBe(200);
    expect(heard).toHaveLength(1);
  });

  it("for metrics only answers nothing else", async () => {
    const { address, heard } = await ground.upstream();
    const proxy = await ground.proxy(address, { listeners: [{ ...TCP, role: "metrics_only", enableQuit: true }] });
    const url = proxy.addresses[0]!;
    expect((await ask(`${url}/agent/v1/metrics`)).status).toBe(200);
    for (const path of ["/v1/a", "/agent/v1/quit", "/agent/v1/cache-clear", "/"]) {
      expect((await ask(`${url}${path}`, { method: "POST" })).status).toBe(404);
    }
    expect(heard).toEqual([]);
  });

  it("lets those quit who may, and takes a second time for the first", async () => {
    const { address } = await ground.upstream();
    let quits = 0;
    const listeners = [TCP, { ...TCP, enableQuit: true }];
    const proxy = await ground.proxy(address, { listeners, onQuit: () => void quits++ });
    const [closed, open] = proxy.addresses as [string, string];
    const statuses = async (url: string, ...methods: string[]) => {
      const answers = [];
      for (const method of methods) answers.push((await ask(`${url}/agent/v1/quit`, { method })).status);
      return answers;
    };
    expect(await statuses(closed, "GET", "POST")).toEqual([404, 404]);
    expect(await statuses(open, "GET", "PUT")).toEqual([405, 405]);
    expect(quits).toBe(0);
    expect(await statuses(open, "POST", "POST")).toEqual([200, 200]);
    expect(quits).toBe(2);
  });

  it("gives metrics as JSON, and to Prometheus where that is on", async () => {
    const { address } = await ground.upstream();
    const off = (await ground.proxy(address)).addresses[0]!;
    const on = (await ground.proxy(address, { prometheus: true })).addresses[0]!;
    expect(await ask(`${off}/agent/v1/metrics?format=prometheus`)).toMatchObject({
      status: 400,
      text: "prometheus is not enabled",
    });
    expect((await ask(`${off}/agent/v1/metrics?format=xml`)).status).toBe(400);
    expect(await ask(`${off}/agent/v1/metrics`, { method: "POST" })).toMatchObject({
      status: 405,
      text: '{"errors":[]}\n',
    });
    await ask(`${on}/v1/a`);
    for (const options of [{}, { headers: { Accept: "application/openmetrics-text" } }]) {
      const { text } = await ask(`${on}/agent/v1/metrics${"headers" in options ? "" : "?format=prometheus"}`, options);
      expect(text).toContain("# TYPE vault_agent_proxy_success counter\nvault_agent_proxy_success 1\n");
    }
  });
});
