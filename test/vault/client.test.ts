import { execFile } from "node:child_process";
import type { ServerResponse } from "node:http";
import { inspect, promisify } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TransportError, VaultError } from "../../src/errors.ts";
import type { LesseeEvent } from "../../src/events.ts";
import { Sensitive } from "../../src/sensitive.ts";
import { createVaultClient, encodePath, type VaultClient } from "../../src/vault/client.ts";
import { useServers } from "./servers.ts";

const { serve, transport } = useServers();
const token = new Sensitive("s.secret");
const clock = { now: () => 0, sleep: async () => {} };

function connect(
  address: string,
  more: {
    namespace?: string;
    headers?: Record<string, string>;
    disableRedirects?: boolean;
    emit?: (event: LesseeEvent) => void;
  } = {},
): VaultClient {
  const { emit = () => {}, ...options } = more;
  return createVaultClient(
    { address, namespace: "", headers: {}, timeout: 20_000, ...options },
    transport().send,
    clock,
    emit,
  );
}

function json(body: unknown, status = 200): (response: ServerResponse) => void {
  return (response) => void response.writeHead(status).end(JSON.stringify(body));
}

/** Every call that there is. */
function calls(client: VaultClient): Readonly<Record<string, () => Promise<unknown>>> {
  return {
    login: () => client.login("auth/kubernetes", { role: "pg", jwt: "ey.secret" }),
    lookupSelf: () => client.lookupSelf(token),
    renewSelf: () => client.renewSelf(token, 3600),
    revokeSelf: () => client.revokeSelf(token),
    read: () => client.read(token, "database/creds/pg-role"),
    write: () => client.write(token, "pki/issue/web", { common_name: "x" }),
    list: () => client.list(token, "secret/metadata"),
    mountOf: () => client.mountOf(token, "secret/x"),
    lookupLease: () => client.lookupLease(token, "database/creds/pg-role/abc"),
    renewLease: () => client.renewLease(token, "database/creds/pg-role/abc", 60),
    revokeLease: () => client.revokeLease(token, "database/creds/pg-role/abc", true),
  };
}

const NAMES = Object.keys(calls({} as VaultClient));

describe("a request", () => {
  it("is what Vault's API documents", async () => {
    const server = await serve(
      json({ auth: { client_token: "s.1", lease_duration: 1 }, data: { ttl: 60 }, lease_id: "x", lease_duration: 1 }),
    );
    for (const call of Object.values(calls(connect(server.address)))) await call();
    expect(server.heard.map(({ method, url, body }) => [method, url, body])).toEqual([
      ["POST", "/v1/auth/kubernetes/login", '{"role":"pg","jwt":"ey.secret"}'],
      ["GET", "/v1/auth/token/lookup-self", ""],
      ["PUT", "/v1/auth/token/renew-self", '{"increment":3600}'],
      ["PUT", "/v1/auth/token/revoke-self", ""],
      ["GET", "/v1/database/creds/pg-role", ""],
      ["PUT", "/v1/pki/issue/web", '{"common_name":"x"}'],
      ["GET", "/v1/secret/metadata?list=true", ""],
      ["GET", "/v1/sys/internal/ui/mounts/secret/x", ""],
      ["PUT", "/v1/sys/leases/lookup", '{"lease_id":"database/creds/pg-role/abc"}'],
      ["PUT", "/v1/sys/leases/renew", '{"lease_id":"database/creds/pg-role/abc","increment":60}'],
      ["PUT", "/v1/sys/leases/revoke", '{"lease_id":"database/creds/pg-role/abc","sync":true}'],
    ]);
    for (const { headers } of server.heard) expect(headers).toMatchObject({ "x-vault-request": "true" });
    expect(server.heard[0]?.headers["x-vault-token"]).toBeUndefined();
    expect(server.heard[1]?.headers["x-vault-token"]).toBe("s.secret");
    expect(server.heard[1]?.headers["x-vault-namespace"]).toBeUndefined();
  });

  it("names the namespace", async () => {
    const server = await serve(json({ data: {} }));
    await connect(server.address, { namespace: "team/a" }).read(token, "x");
    expect(server.heard[0]?.headers["x-vault-namespace"]).toBe("team/a");
  });

  it("has the headers of the configuration, which do not replace our own", async () => {
    const server = await serve(json({ data: {} }));
    const headers = { "X-Team": "a", "X-Vault-Token": "s.theirs" };
    await connect(server.address, { headers }).read(token, "x");
    expect(server.heard[0]?.headers).toMatchObject({ "x-team": "a", "x-vault-token": "s.secret" });
  });

  it("keeps the path of an address, as a server behind a gateway has one", async () => {
    const server = await serve(json({ data: {} }));
    await connect(`${server.address}/vault`).read(token, "x");
    expect(server.heard[0]?.url).toBe("/vault/v1/x");
  });

  it("takes nothing from the environment of the process, and prints nothing", async () => {
    const server = await serve(json({ auth: { client_token: "s.1", lease_duration: 1 }, data: {} }));
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      [new URL("./fixtures/talk.ts", import.meta.url).pathname, server.address],
      {
        env: {
          PATH: process.env.PATH,
          TMPDIR: process.env.TMPDIR,
          VAULT_ADDR: "http://127.0.0.1:1",
          VAULT_TOKEN: "s.theirs",
          VAULT_NAMESPACE: "theirs",
          VAULT_PREFIX: "/theirs",
          DEBUG: "node-vault,*",
        },
      },
    );
    expect(
      server.heard.map(({ url, headers }) => [url, headers["x-vault-token"], headers["x-vault-namespace"]]),
    ).toEqual([
      ["/v1/auth/kubernetes/login", undefined, undefined],
      ["/v1/database/creds/pg-role", "s.ours", undefined],
    ]);
    expect(stdout + stderr).toBe("");
  });

  it("reports its operation and status, and nothing else of it", async () => {
    const events: LesseeEvent[] = [];
    const server = await serve(json({ errors: ["no"] }, 403));
    const client = connect(server.address, { emit: (event) => events.push(event) });
    for (const call of Object.values(calls(client))) await call().catch(() => {});
    expect(events).toHaveLength(NAMES.length);
    expect(new Set(events.map((event) => event.is === "request" && event.status))).toEqual(new Set([403]));
    expect(events[0]).toEqual({ is: "request", operation: "login", status: 403, took: 0 });
  });
});

describe("a path", () => {
  it.each(["my mount='k&8'", "a#b", "a?b=c", "a%2fb", "{{x}}", "ünï", "a+b@c", "&#x2F;", "a//b"])(
    "with odd characters arrives as it is: %s",
    async (mount) => {
      const server = await serve(json({ auth: { client_token: "s.1", lease_duration: 1 }, data: {} }));
      const client = connect(server.address);
      await client.login(`auth/${mount}`, {});
      await client.read(token, `${mount}/creds/x`, "3");
      const [login, read] = server.heard.map(({ url }) => url.slice("/v1/".length));
      expect(decodeURIComponent(login!)).toBe(`auth/${mount}/login`);
      expect(read).toBe(`${encodePath(mount)}/creds/x?version=3`);
    },
  );

  it("never leads out of itself, whatever it is made of", async () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."./\\%2eF?#ab") }), (path) => {
        let encoded: string;
        try {
          encoded = encodePath(path);
        } catch {
          return;
        }
        // As every URL parser on the way would read it.
        const { pathname, search, hash } = new URL(`http://h/v1/${encoded}`);
        expect(pathname).toBe(`/v1/${encoded}`);
        expect(search + hash).toBe("");
      }),
    );
  });

  it.each(["secret/../sys/seal", "..", "a/./b"])("%s is refused, and nothing sent", async (path) => {
    const server = await serve(json({}));
    const error = await connect(server.address)
      .read(token, path)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "path", effect: "never sent" });
    expect(error).toBeInstanceOf(TransportError);
    expect(server.heard).toEqual([]);
  });
});

describe.each(NAMES)("%s", (name) => {
  it.each([
    ["HTML", "<html>s.secret</html>"],
    ["nothing", ""],
    ["half of it", '{"data":{"password":"hunter2'],
    ["a list", "[1]"],
    ["null", "null"],
    ["a text", '"s.secret"'],
    ["too much nesting", "[".repeat(100_000)],
    [
      "odd kinds",
      '{"auth":{"client_token":{}},"data":{"policies":[{},null,1],"path":{},"options":{"version":[]},"keys":[{}]}}',
    ],
  ])("answered with %s: an answer or a VaultError", async (_what, text) => {
    const server = await serve((response) => void response.end(text));
    const outcome = await calls(connect(server.address))[name]!().then(
      () => null,
      (thrown: unknown) => thrown,
    );
    if (outcome !== null) {
      expect(outcome).toBeInstanceOf(VaultError);
      expect(inspect(outcome, { depth: null, showHidden: true })).not.toMatch(/s\.secret|ey\.secret|hunter2/);
    }
    expect(server.heard).toHaveLength(1);
  });

  it("that fails is not repeated, and its error holds neither token nor JWT", async () => {
    const refusing = await serve(json({ errors: ["first", "second"] }, 500));
    const cutting = await serve((response) => response.socket!.destroy());
    for (const [server, kind] of [
      [refusing, VaultError],
      [cutting, TransportError],
    ] as const) {
      const error = await calls(connect(server.address))[name]!().catch((thrown: unknown) => thrown);
      if (name === "mountOf" && kind === VaultError) expect(error).toBeNull();
      else expect(error).toBeInstanceOf(kind);
      expect(inspect(error, { depth: null, showHidden: true })).not.toMatch(/s\.secret|ey\.secret/);
      expect(server.heard).toHaveLength(1);
    }
  });
});

describe("an answer", () => {
  it("that refuses has all its words, and Retry-After", async () => {
    const server = await serve((response) =>
      response.writeHead(429, { "retry-after": "2" }).end('{"errors":["first","second"]}'),
    );
    await expect(connect(server.address).read(token, "x")).rejects.toMatchObject({
      status: 429,
      errors: ["first", "second"],
      retryAfter: 2_000,
      message: "x: 429 first; second",
    });
  });

  it("without a token, or with a wrapped one, is no login", async () => {
    const plain = await serve(json({ auth: null }));
    await expect(connect(plain.address).login("auth/k", {})).rejects.toThrow("auth/k/login: the answer has no token");
    const wrapped = await serve(json({ wrap_info: { token: "s.wrapped" } }));
    await expect(connect(wrapped.address).login("auth/k", {})).rejects.toThrow("it is wrapped");
  });

  it("that says yes and is something else is an error, and no end of a lease or a token", async () => {
    const server = await serve(json({ data: { id: "x" } }));
    const client = connect(server.address);
    await expect(client.lookupLease(token, "x")).rejects.toThrow("sys/leases/lookup: the answer is without a ttl");
    await expect(client.lookupSelf(token)).rejects.toThrow("auth/token/lookup-self: the answer is without a ttl");
    await expect(client.renewLease(token, "x", 60)).rejects.toThrow("sys/leases/renew: the answer is without a lease");
    await expect(client.renewSelf(token, 60)).rejects.toThrow("auth/token/renew-self: the answer is without a token");
  });

  const NONSENSE = ['"60"', "-5", "null", "0.5", "1e308", "9223372037", "[]", "true", "{}"];

  it.each(NONSENSE)(
    "with a length of time of %s is an error, and no end of what is held, nor its absence",
    async (time) => {
      const data = `{"ttl":${time},"expire_time":"2026-01-02T03:04:05Z"}`;
      const auth = `{"client_token":"t","lease_duration":${time}}`;
      const body = `{"lease_id":"x","lease_duration":${time},"auth":${auth},"data":${data}}`;
      const client = connect((await serve((response) => response.end(body))).address);
      await expect(client.login("auth/k", {})).rejects.toThrow("auth/k/login: the answer is without a duration");
      await expect(client.renewSelf(token, 60)).rejects.toThrow("renew-self: the answer is without a duration");
      await expect(client.renewLease(token, "x", 60)).rejects.toThrow("renew: the answer is without a duration");
      await expect(client.lookupSelf(token)).rejects.toThrow("lookup-self: the answer is without a ttl");
      // A lease whose revocation fails is below 0 (rule W7).
      if (time === "-5") expect((await client.lookupLease(token, "x")).ttlSeconds).toBe(0);
      else await expect(client.lookupLease(token, "x")).rejects.toThrow("lookup: the answer is without a ttl");
      // It is read all the same: what came may not come again, and its renewal tells how long it lives.
      expect((await client.read(token, "x"))?.lease).toMatchObject({ id: "x", durationSeconds: 0 });
    },
  );

  it("with a length of time of 0, or the longest that there is, is one", async () => {
    for (const time of [0, 9_223_372_036]) {
      const body = { lease_id: "x", lease_duration: time, auth: { client_token: "t", lease_duration: time } };
      const client = connect((await serve(json({ ...body, data: { ttl: time } }))).address);
      expect((await client.login("auth/k", {})).durationSeconds).toBe(time);
      expect((await client.renewSelf(token, 60)).durationSeconds).toBe(time);
      expect((await client.renewLease(token, "x", 60)).seconds).toBe(time);
      expect((await client.lookupSelf(token)).ttlSeconds).toBe(time);
      expect((await client.lookupLease(token, "x")).ttlSeconds).toBe(time);
    }
  });

  it("of 307 is an error that says so: the token does not go along", async () => {
    const other = await serve(json({}));
    const server = await serve((response) => response.writeHead(307, { location: `${other.address}/v1/x` }).end());
    await expect(connect(server.address).read(token, "x")).rejects.toMatchObject({
      status: 307,
      hint: expect.stringContaining("none to another one, because the token would go with it"),
    });
    expect(other.heard).toEqual([]);
  });

  it("of 307 within the server is asked for once more, as it was; a second one is an error", async () => {
    const server = await serve((response, { url = "" }) => {
      const next = { "/v1/a": "/v1/b", "/v1/loop": "/v1/loop" }[url];
      if (next !== undefined) return response.writeHead(307, { location: next }).end("elsewhere");
      json({ data: { x: "1" } })(response);
    });
    const client = connect(server.address);
    expect((await client.write(token, "a", { key: "value" }))?.data.reveal()).toEqual({ x: "1" });
    expect(server.heard.map(({ method, url, headers, body }) => [method, url, headers["x-vault-token"], body])).toEqual(
      ["/v1/a", "/v1/b"].map((url) => ["PUT", url, token.reveal(), '{"key":"value"}']),
    );
    await expect(client.read(token, "loop")).rejects.toMatchObject({ status: 307 });
    expect(server.heard).toHaveLength(4);
    await expect(connect(server.address, { disableRedirects: true }).read(token, "a")).rejects.toMatchObject({
      status: 307,
    });
    expect(server.heard).toHaveLength(5);
  });

  it("is null where there is nothing at a path", async () => {
    const server = await serve(json({ errors: [] }, 404));
    expect(await connect(server.address).read(token, "x")).toBeNull();
    expect(await connect(server.address).list(token, "x")).toBeNull();
  });

  it("to a revocation that was only queued is a success (rule W7)", async () => {
    const server = await serve(json({ request_id: "1", data: null }, 202));
    await connect(server.address).revokeLease(token, "x", false);
    expect(server.heard[0]?.body).toContain('"sync":false');
  });
});

it("a login is aborted when nobody waits for it any more", async () => {
  const controller = new AbortController();
  const server = await serve(() => controller.abort());
  await expect(connect(server.address).login("auth/k", {}, controller.signal)).rejects.toMatchObject({
    code: "aborted",
  });
});
