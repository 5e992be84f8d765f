/** Listener, API proxy and cache: the same answers from the real agent and from ours. */
import { stat, writeFile } from "node:fs/promises";
import https from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { ask, type Reply } from "../proxy/setup.ts";
import { createAuthority } from "../vault/servers.ts";
import { differs, onBothSides, type Place, type Running, startWorld, type World } from "./world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
}, 120_000);

afterAll(() => world.stop());

const CREDS = "/v1/database/creds/app";
const SELF = "/v1/auth/token/lookup-self";
/** The agent is its own client: through the listener it has to be asked until it has logged in. */
const loggedIn = (agent: Running, options = {}) =>
  agent.until("its login", async () => {
    const reply = await ask(`${agent.url}/v1/auth/token/lookup-self`, options).catch(() => undefined);
    return reply?.status === 200 ? reply : undefined;
  });
const answering = (agent: Running, path = "/agent/v1/metrics") =>
  agent.until("an answer", () => ask(`${agent.url}${path}`).catch(() => undefined));
const leaseOf = ({ text }: Reply) => (JSON.parse(text) as { lease_id: string }).lease_id;

const proxied =
  (use: string, more = "") =>
  (place: Place) =>
    `${place.login()}${place.listener(more)}api_proxy { use_auto_auth_token = ${use} }\n`;
const cached = (place: Place) => `${place.login()}${place.listener()}cache { use_auto_auth_token = true }\n`;

onBothSides("the API proxy", (side) => {
  it("adds the agent's token where there is none, with use_auto_auth_token = true", async () => {
    const agent = await world.start(side, proxied("true"));
    await loggedIn(agent);
    expect((await ask(`${agent.url}/v1/sys/mounts`)).status).toBe(403);
    const written = await ask(`${agent.url}/v1/secret/data/a`, { method: "POST", body: '{"data":{"a":"b"}}' });
    expect(written.status).toBe(200);
    expect(JSON.parse((await ask(`${agent.url}/v1/secret/data/a`)).text).data.data).toEqual({ a: "b" });
    const mine = await ask(`${agent.url}${SELF}`, { headers: { "X-Vault-Token": world.root.token } });
    expect(JSON.parse(mine.text).data.policies).toEqual(["root"]);
  });

  it('adds none with false, and its own in the place of any with "force"', async () => {
    const without = await world.start(
      side,
      ({ folder, listener, login }) =>
        `${login(`sink "file" { config = { path = "${folder}/sink" } }`)}${listener()}api_proxy { use_auto_auth_token = false }\n`,
    );
    await answering(without, "/v1/sys/health");
    expect((await ask(`${without.url}${CREDS}`)).status).toBe(403);
    const force = await world.start(side, proxied('"force"'));
    await loggedIn(force);
    const forced = await ask(`${force.url}${SELF}`, { headers: { "X-Vault-Token": world.root.token } });
    expect(JSON.parse(forced.text).data.policies).toContain("app");
  });

  it("wants the request header where it is told to", async () => {
    const agent = await world.start(side, proxied("true", "require_request_header = true"));
    await loggedIn(agent, { headers: { "X-Vault-Request": "true" } });
    const refused = await ask(`${agent.url}${SELF}`);
    expect(refused.status).toBe(412);
    expect(JSON.parse(refused.text)).toEqual({ errors: ['missing "X-Vault-Request" header'] });
    expect((await ask(`${agent.url}${SELF}`, { headers: { "X-Vault-Request": "false" } })).status).toBe(412);
  });

  it("takes requests of every form, and refuses what is no HTTP", async () => {
    const agent = await world.start(side, proxied("true"));
    await loggedIn(agent);
    const say = async (text: string) => {
      const socket = connect(Number(new URL(agent.url).port), "127.0.0.1");
      onTestFinished(() => void socket.destroy());
      socket.on("error", () => undefined).write(text);
      let heard = "";
      for await (const chunk of socket.setEncoding("latin1")) heard += chunk;
      return Number(/^HTTP\/1\.[01] (\d+)/.exec(heard)?.[1]);
    };
    const data = JSON.stringify({ data: { a: "b" } });
    const put = "PUT /v1/secret/data/forms HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
    const chunks = `${data.length.toString(16)}\r\n${data}\r\n0\r\nX-Trailer: yes\r\n\r\n`;
    const statuses = {
      "of HTTP/1.0": await say(`GET ${SELF} HTTP/1.0\r\n\r\n`),
      "in chunks, with a trailer": await say(`${put}Transfer-Encoding: chunked\r\nTrailer: X-Trailer\r\n\r\n${chunks}`),
      "of a known length": await say(`${put}Content-Length: ${data.length}\r\n\r\n${data}`),
      "of two lengths": await say(`${put}Content-Length: 1\r\nContent-Length: 2\r\n\r\n${data}`),
      "of another coding": (await say(`${put}Transfer-Encoding: xchunked\r\n\r\n${chunks}`)) >= 400,
      "without a host": await say(`GET ${SELF} HTTP/1.1\r\n\r\n`),
      "that is none": await say("nonsense\r\n\r\n"),
      "of a length and chunks": await say(`${put}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`),
      "with 100 kB of headers": await say(
        `GET ${SELF} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Large: ${"x".repeat(100_000)}\r\n\r\n`,
      ),
    };
    expect(statuses).toEqual({
      "of HTTP/1.0": 200,
      "in chunks, with a trailer": 200,
      "of a known length": 200,
      "of two lengths": 400,
      "of another coding": true,
      "without a host": 400,
      "that is none": 400,
      "of a length and chunks": differs(side, "A request with a length and chunks", { real: 200, lessee: 400 }),
      "with 100 kB of headers": differs(side, "A request's headers may take", { real: 200, lessee: 431 }),
    });
  });

  it("passes on what the server says of a mistake", async () => {
    const agent = await world.start(side, proxied("true"));
    await loggedIn(agent);
    for (const path of ["/v1/secret/data/nothing-here", "/v1/no/such/mount", "/v1/database/creds/unknown"]) {
      const [through, direct] = [
        await ask(`${agent.url}${path}`),
        await ask(`${world.address}${path}`, { headers: { "X-Vault-Token": world.token } }),
      ];
      expect([path, through.status, JSON.parse(through.text).errors]).toEqual([
        path,
        direct.status,
        JSON.parse(direct.text).errors,
      ]);
    }
    // The emulated server is Node's, whose parser knows no LIST.
    if (process.env.VAULT_BIN === undefined) return;
    const listed = await ask(`${agent.url}/v1/secret/metadata`, { method: "LIST" });
    expect(listed.status).toBe((await ask(`${agent.url}/v1/secret/metadata?list=true`)).status);
  });
});

onBothSides("the cache", (side) => {
  it("gives a dynamic secret again, and reads a new one once it is cleared", async () => {
    const agent = await world.start(side, cached);
    await loggedIn(agent);
    const read = () => ask(`${agent.url}${CREDS}`);
    const clear = (asked: object) =>
      ask(`${agent.url}/agent/v1/cache-clear`, { method: "POST", body: JSON.stringify(asked) });
    const first = await read();
    expect(first.headers["x-cache"]).toBe("MISS");
    const second = await read();
    expect([second.headers["x-cache"], leaseOf(second)]).toEqual(["HIT", leaseOf(first)]);
    expect(Number(second.headers.age)).toBeGreaterThanOrEqual(0);
    let last = leaseOf(first);
    for (const asked of [
      () => ({ type: "lease", value: last }),
      () => ({ type: "request_path", value: CREDS }),
      () => ({ type: "token", value: world.token }),
      () => ({ type: "all" }),
    ]) {
      const cleared = await clear(asked());
      expect([asked().type, cleared.status]).toEqual([asked().type, 200]);
      // Clearing ends the lease's renewal a moment later.
      const next = await agent.until(`another lease after ${asked().type}`, async () => {
        const reply = await read();
        return reply.status === 200 && leaseOf(reply) !== last ? leaseOf(reply) : undefined;
      });
      last = next;
      // A token that is cleared is known again only after the next login.
      if (asked().type === "token") break;
    }
  });

  it("reads once for those who ask at the same time, and anew for another path", async () => {
    const agent = await world.start(side, cached);
    await loggedIn(agent);
    const replies = await Promise.all(Array.from({ length: 8 }, () => ask(`${agent.url}${CREDS}`)));
    expect(new Set(replies.map(leaseOf)).size).toBe(1);
    expect(leaseOf(await ask(`${agent.url}/v1/database/creds/other`))).not.toBe(leaseOf(replies[0]!));
  });

  it("lets go of a lease that a client revokes through it", async () => {
    const agent = await world.start(side, cached);
    await loggedIn(agent);
    const lease = leaseOf(await ask(`${agent.url}${CREDS}`));
    const revoked = await ask(`${agent.url}/v1/sys/leases/revoke`, {
      method: "PUT",
      headers: { "X-Vault-Token": world.root.token },
      body: JSON.stringify({ lease_id: lease, sync: true }),
    });
    expect(revoked.status).toBe(204);
    await agent.until("another lease", async () => {
      const reply = await ask(`${agent.url}${CREDS}`);
      return leaseOf(reply) === lease ? undefined : reply;
    });
  });

  it("refuses to clear what it is not told", async () => {
    const agent = await world.start(side, cached);
    await loggedIn(agent);
    const clear = async (body: string) => {
      const { status, text } = await ask(`${agent.url}/agent/v1/cache-clear`, { method: "POST", body });
      return [status, (JSON.parse(text) as { errors: string[] }).errors.join()];
    };
    expect(await clear("")).toEqual([400, "failed to parse JSON input: empty JSON provided"]);
    expect(await clear("no JSON")).toEqual([400, expect.stringMatching(/^failed to parse JSON input: ./)]);
    expect(await clear("{}")).toEqual([400, "failed to parse clear input: no type provided"]);
    expect(await clear('{"type":"nothing"}')).toEqual([400, "failed to clear cache: invalid type provided"]);
    expect(await clear('{"type":"lease"}')).toEqual([500, "failed to clear cache: lease not provided"]);
    expect(await clear('{"type":"token"}')).toEqual([500, "failed to clear cache: token not provided"]);
  });
});

onBothSides("the agent's own endpoints", (side) => {
  it("end it when a client asks, once or several times, where that is allowed", async () => {
    const agent = await world.start(side, proxied("true", "agent_api { enable_quit = true }"));
    await answering(agent);
    expect((await ask(`${agent.url}/agent/v1/quit`)).status).toBe(405);
    const quit = () => ask(`${agent.url}/agent/v1/quit`, { method: "POST" });
    const again = differs(side, "A second `POST /agent/v1/quit`", { real: 0, lessee: 2 });
    const [first] = await Promise.all([quit(), ...Array.from({ length: again }, () => quit().catch(() => undefined))]);
    expect(first?.status).toBe(200);
    expect(await agent.ended).toEqual({ code: 0, signal: null });
  });

  it("do not, where it is not", async () => {
    const agent = await world.start(side, proxied("true"));
    await answering(agent);
    expect((await ask(`${agent.url}/agent/v1/quit`, { method: "POST" })).status).toBe(404);
  });

  it("give metrics as JSON and, where they are kept, for Prometheus", async () => {
    const agent = await world.start(
      side,
      (place) =>
        `${proxied("true")(place)}telemetry {\n  disable_hostname = true\n  prometheus_retention_time = "1h"\n}\n`,
    );
    await loggedIn(agent);
    const json = await ask(`${agent.url}/agent/v1/metrics`);
    expect([json.status, json.headers["content-type"]]).toEqual([200, "application/json"]);
    expect(Object.keys(JSON.parse(json.text)).sort()).toEqual(["Counters", "Gauges", "Points", "Samples", "Timestamp"]);
    const prometheus = await agent.until("the counter of logins", async () => {
      const reply = await ask(`${agent.url}/agent/v1/metrics?format=prometheus`);
      return /^(?:vault|bao)_agent_auth_success [1-9]/m.test(reply.text) ? reply : undefined;
    });
    expect(prometheus.headers["content-type"]).toContain("text/plain; version=0.0.4");
    expect(prometheus.text).toMatch(/^(?:vault|bao)_agent_proxy_success \d+$/m);
    expect((await ask(`${agent.url}/agent/v1/metrics?format=nothing`)).status).toBe(400);
    expect((await ask(`${agent.url}/agent/v1/metrics`, { method: "POST" })).status).toBe(405);
  });

  it("say that they keep none for Prometheus", async () => {
    const agent = await world.start(side, proxied("true"));
    await answering(agent);
    const refused = await ask(`${agent.url}/agent/v1/metrics?format=prometheus`);
    expect([refused.status, refused.text]).toEqual([400, expect.stringContaining("prometheus is not enabled")]);
  });

  it("are all that a listener for metrics has", async () => {
    const agent = await world.start(side, proxied("true", 'role = "metrics_only"'));
    await answering(agent);
    for (const path of [SELF, "/agent/v1/quit", "/agent/v1/cache-clear"])
      expect([path, (await ask(`${agent.url}${path}`)).status]).toEqual([path, 404]);
  });
});

onBothSides("a listener", (side) => {
  it("is a socket file with its mode", async () => {
    const agent = await world.start(
      side,
      (place) => `${place.login()}listener "unix" {
  address = "${join(place.folder, "agent.sock")}"
  tls_disable = true
  socket_mode = "0660"
  socket_user = "${process.getuid!()}"
  socket_group = "${process.getgid!()}"
}
api_proxy { use_auto_auth_token = true }
`,
    );
    const socketPath = join(agent.folder, "agent.sock");
    const reply = await agent.until("an answer", async () => {
      const reply = await ask(`http://agent${SELF}`, { socketPath }).catch(() => undefined);
      return reply?.status === 200 ? reply : undefined;
    });
    expect(JSON.parse(reply.text).data.policies).toContain("app");
    expect((await stat(socketPath)).mode & 0o777).toBe(0o660);
  });

  it("speaks TLS, and asks for a client's certificate where it has to have one", async () => {
    const authority = createAuthority();
    const server = authority.issue(["localhost"], "server");
    const agent = await world.start(side, async ({ folder, login, port }) => {
      const files = { "server.crt": server.cert, "server.key": server.key, "ca.crt": authority.ca };
      for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
      return `${login()}listener "tcp" {
  address = "127.0.0.1:${port}"
  tls_cert_file = "${folder}/server.crt"
  tls_key_file = "${folder}/server.key"
  tls_client_ca_file = "${folder}/ca.crt"
  tls_require_and_verify_client_cert = true
}
api_proxy { use_auto_auth_token = true }
`;
    });
    const url = `${agent.url.replace("http:", "https:")}${SELF}`;
    const get = (identity: object) => statusOver(url, { ca: authority.ca, servername: "localhost", ...identity });
    const known = authority.issue(["client"], "client");
    await agent.until("an answer", async () => ((await get(known).catch(() => 0)) === 200 ? true : undefined));
    await expect(get({})).rejects.toThrow();
    await expect(get(createAuthority().issue(["client"], "client"))).rejects.toThrow();
    const plain = await ask(`${agent.url}${SELF}`).then(
      ({ status }) => status,
      () => "closed",
    );
    expect(plain).toBe(
      differs<string | number>(side, "A request without TLS to a listener", { real: 400, lessee: "closed" }),
    );
  });
});

function statusOver(url: string, options: object): Promise<number> {
  return new Promise((resolve, reject) => {
    https
      .get(url, { agent: false, ...options }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      })
      .on("error", reject);
  });
}
