import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { TransportError, VaultError } from "../../src/errors.ts";
import { type CacheDeps, createLeaseCache } from "../../src/proxy/cache.ts";
import type { Origin } from "../../src/proxy/entry.ts";
import { Sensitive } from "../../src/sensitive.ts";
import type { VaultSecret } from "../../src/vault/secret.ts";
import { useFakeClock } from "../support/fake-clock.ts";
import { type Answer, ask, OWN, clock as systemClock, useGround } from "./setup.ts";

const MINUTE = 60_000;
const fakeClock = useFakeClock();

function secret(parts: Partial<VaultSecret>): VaultSecret {
  const lease = { id: "", durationSeconds: 0, renewable: false };
  return { requestId: "r", lease, data: new Sensitive({}), warnings: [], auth: null, wrapInfo: null, ...parts };
}

function leased(id: string, durationSeconds = 3_600, renewable = true): VaultSecret {
  return secret({ lease: { id, durationSeconds, renewable } });
}

function token(name: string, orphan = true): VaultSecret {
  const rest = { policies: [], metadata: {}, durationSeconds: 3_600, renewable: true, numUses: 0 };
  const auth = {
    ...rest,
    token: new Sensitive(name),
    accessor: new Sensitive(`${name}-accessor`),
    type: "service",
    orphan,
  } as const;
  return secret({ auth });
}

function origin(key: string, with_ = OWN, path = `/v1/${key}`): Origin {
  return { key, namespace: "root/", path, token: new Sensitive(with_) };
}

/** A cache whose renewals are answered by `renew`, in seconds. */
function lab(renew: (lease: string) => number | Error = () => 3_600) {
  const clock = fakeClock();
  const renewals: string[] = [];
  const revoked: string[] = [];
  const lost = new AbortController();
  let holds = 0;
  let forbidden = false;
  const client: CacheDeps["client"] = {
    async renewLease(_token, lease) {
      renewals.push(lease);
      const granted = renew(lease);
      if (granted instanceof Error) throw granted;
      return { seconds: granted, renewable: true };
    },
    async renewSelf(of) {
      renewals.push(of.reveal());
      return token(of.reveal()).auth!;
    },
    async revokeLease(_token, lease) {
      if (forbidden) throw new VaultError(403, "permission denied", []);
      revoked.push(lease);
    },
  };
  const cache = createLeaseCache({
    client,
    clock,
    random: () => 0,
    hold: () => {
      holds++;
      return { lost: lost.signal, release: () => void holds-- };
    },
  });
  const put = (of: Origin, what: VaultSecret) =>
    cache.put(of, { status: 200, at: clock.now(), body: new Sensitive(Buffer.from("{}")) }, what);
  return {
    cache,
    clock,
    put,
    renewals,
    revoked,
    lost,
    holds: () => holds,
    forbidRevoking() {
      forbidden = true;
    },
    kept: (...keys: string[]) => keys.filter((key) => cache.get(key)),
  };
}

describe("an answer is kept", () => {
  it.each([
    ["a renewable lease", leased("db/1"), true],
    ["a lease that cannot be renewed", leased("db/1", 3_600, false), false],
    ["no lease", secret({}), false],
    ["a renewable token", token("s.child"), true],
  ])("with %s: %#", async (_name, what, expected) => {
    const { cache, put, kept } = lab();
    put(origin("a"), what);
    expect(kept("a")).toEqual(expected ? ["a"] : []);
    await cache.stop(false);
  });

  it("a thousand times at most", async () => {
    const { cache, put, kept } = lab();
    for (let n = 0; n < 1_001; n++) put(origin(`k${n}`), leased(`db/${n}`));
    expect(kept("k0", "k999", "k1000")).toEqual(["k0", "k999"]);
    expect(await cache.stop(false)).toBe(1_000);
  });
});

describe("a lease that is kept", () => {
  it("is renewed when a third of it is left, until the server cuts it short", async () => {
    const grants = [3_600, 3_600, 1_000];
    const { cache, clock, put, renewals, kept, holds } = lab(() => grants[renewals.length - 1]!);
    put(origin("a"), leased("db/1"));
    await clock.advance(39 * MINUTE);
    expect(renewals).toHaveLength(0);
    await clock.advance(MINUTE);
    expect(renewals).toHaveLength(1);
    await clock.advance(80 * MINUTE);
    expect([renewals.length, kept("a")]).toEqual([3, []]);
    // Whoever has it uses it to its end, and the token is there as long.
    expect(holds()).toBe(1);
    await clock.advance(1_000_000);
    expect([renewals.length, holds()]).toEqual([3, 0]);
    expect(await cache.stop(false)).toBe(0);
  });

  it("goes at once when its renewal is refused", async () => {
    const { clock, put, kept } = lab(() => new VaultError(400, "lease not found", ["lease not found"]));
    put(origin("a"), leased("db/1"));
    await clock.advance(40 * MINUTE);
    expect(kept("a")).toEqual([]);
    await clock.advance(60 * MINUTE);
  });

  it("stays while the server cannot be asked, and few requests are made of it", async () => {
    const { clock, put, renewals, kept } = lab(() => new TransportError("ECONNREFUSED", "nobody there", "never sent"));
    put(origin("a"), leased("db/1"));
    await clock.advance(41 * MINUTE);
    expect(renewals.length).toBeLessThanOrEqual(10);
    await clock.advance(18 * MINUTE);
    expect(renewals.length).toBeLessThanOrEqual(10 + 2 * 18);
    expect(kept("a")).toEqual(["a"]);
    await clock.advance(MINUTE);
    expect(kept("a")).toEqual([]);
  });

  it("goes with its token", async () => {
    const { put, lost, kept, clock } = lab();
    put(origin("a"), leased("db/1"));
    lost.abort();
    expect(kept("a")).toEqual([]);
    await clock.advance(0);
  });

  it("is not kept by a token that outlives it", async () => {
    const { cache, clock, kept, lost, put } = lab(() => 0);
    put(origin("a"), leased("db/1", 60));
    expect(getEventListeners(lost.signal, "abort")).toHaveLength(1);
    await clock.advance(MINUTE);
    expect([kept("a"), getEventListeners(lost.signal, "abort")]).toEqual([[], []]);
    await cache.stop(false);
  });

  it("follows a renewal of somebody else's", async () => {
    const { cache, clock, put, renewals, kept } = lab(() => new VaultError(400, "lease not found", []));
    put(origin("a"), leased("db/1"));
    cache.renewed("db/1", 6);
    await clock.asleep(1);
    await clock.advance(10_000);
    expect([renewals, kept("a")]).toEqual([["db/1"], []]);
  });

  it("is given back at the end where that is wanted, and left alive with its token otherwise", async () => {
    const first = lab();
    first.put(origin("a"), leased("db/1"));
    expect([await first.cache.stop(true), first.revoked]).toEqual([0, ["db/1"]]);
    // Who may not revoke lets it end by a renewal for a second.
    const forbidden = lab();
    forbidden.forbidRevoking();
    forbidden.put(origin("a"), leased("db/1"));
    expect([await forbidden.cache.stop(true), forbidden.revoked, forbidden.renewals]).toEqual([0, [], ["db/1"]]);
    const second = lab();
    second.put(origin("a"), leased("db/1"));
    expect([await second.cache.stop(false), second.revoked, second.holds()]).toEqual([1, [], 1]);
  });
});

describe("what ends", () => {
  it.each([
    ["the lease", { by: "lease", lease: "db/1" }, ["b", "login", "of-login", "child", "of-child"]],
    ["a prefix of leases", { by: "lease prefix", prefix: "db/" }, ["login", "child"]],
    ["a path", { by: "path", namespace: "root/", prefix: "/v1/b" }, ["a", "login", "of-login", "child", "of-child"]],
    [
      "a path of another namespace",
      { by: "path", namespace: "team/", prefix: "/" },
      ["a", "b", "login", "of-login", "child", "of-child"],
    ],
    ["a token with its children", { by: "token", token: "s.login" }, ["a", "b"]],
    ["a token without its children", { by: "orphaning", token: "s.login" }, ["a", "b", "child", "of-child"]],
    ["an accessor", { by: "accessor", accessor: "s.child-accessor" }, ["a", "b", "login", "of-login"]],
    [
      "the agent's token, with what was read with it",
      { by: "token", token: OWN },
      ["login", "of-login", "child", "of-child"],
    ],
    ["all", { by: "all" }, []],
  ] as const)("by %s", async (_name, ended, left) => {
    const { cache, put, kept } = lab();
    put(origin("a"), leased("db/1"));
    put(origin("b"), leased("db/2"));
    put(origin("login", ""), token("s.login"));
    put(origin("of-login", "s.login"), leased("db/3"));
    put(origin("child", "s.login"), token("s.child", false));
    put(origin("of-child", "s.child"), leased("db/4"));
    expect([cache.knows("s.login"), cache.knows("s.other")]).toEqual([true, false]);
    cache.end(ended);
    expect(kept("a", "b", "login", "of-login", "child", "of-child")).toEqual(left);
    await cache.stop(false);
  });
});

describe("the cache behind a listener", () => {
  const ground = useGround();
  const USE = { useAutoAuthToken: true, forceAutoAuthToken: false };
  const JSON_TYPE = { "content-type": "application/json" };

  async function stand(held: Parameters<typeof ground.proxy>[1] = {}, answer?: Answer) {
    let reads = 0;
    const upstream = await ground.upstream(
      answer ??
        ((response, { url, method }) => {
          if (method !== "GET") return response.writeHead(204).end();
          const lease = { lease_id: `${url.slice(4)}/${++reads}`, lease_duration: 3_600, renewable: true };
          response.writeHead(200, JSON_TYPE).end(JSON.stringify({ ...lease, data: { username: `v-${reads}` } }));
        }),
    );
    const proxy = await ground.proxy(upstream.address, { apiProxy: USE, cache: USE, ...held });
    const url = proxy.addresses[0]!;
    const get = async (path: string, headers = {}) => {
      const reply = await ask(`${url}/v1/${path}`, { headers });
      return [reply.headers["x-cache"], JSON.parse(reply.text).lease_id] as const;
    };
    const send = (path: string, body: object) => ask(`${url}${path}`, { method: "PUT", body: JSON.stringify(body) });
    return { upstream, url, get, send };
  }

  it("gives the same lease to the same request", async () => {
    const { get } = await stand();
    expect(await get("db/creds/a")).toEqual(["MISS", "db/creds/a/1"]);
    expect(await get("db/creds/a")).toEqual(["HIT", "db/creds/a/1"]);
    expect(await get("db/creds/a", { "X-Vault-Token": OWN })).toEqual(["HIT", "db/creds/a/1"]);
  });

  it("gives another one to another request, namespace or wrapping, and none to a stranger's token", async () => {
    const { get } = await stand();
    await get("db/creds/a");
    expect(await get("db/creds/b")).toEqual(["MISS", "db/creds/b/2"]);
    expect(await get("db/creds/a?x=1")).toEqual(["MISS", "db/creds/a?x=1/3"]);
    expect(await get("db/creds/a", { "X-Vault-Namespace": "team" })).toEqual(["MISS", "db/creds/a/4"]);
    expect(await get("db/creds/a", { "X-Vault-Wrap-TTL": "60" })).toEqual(["MISS", "db/creds/a/5"]);
    expect(await get("db/creds/a", { "X-Vault-Token": "s.other" })).toEqual(["MISS", "db/creds/a/6"]);
    expect(await get("db/creds/a", { "X-Vault-Token": "s.other" })).toEqual(["MISS", "db/creds/a/7"]);
  });

  it("asks once for many who ask the same at a time", async () => {
    const { get, upstream } = await stand();
    const answers = await Promise.all(Array.from({ length: 50 }, () => get("db/creds/a")));
    expect(new Set(answers.map(([, lease]) => lease))).toEqual(new Set(["db/creds/a/1"]));
    expect(upstream.heard).toHaveLength(1);
  });

  it("forgets what was revoked through it, before the client hears of that", async () => {
    const { get, send } = await stand();
    for (const [path, body] of [
      ["/v1/sys/leases/revoke", { lease_id: "db/creds/a/1" }],
      ["/v1/sys/leases/revoke-prefix/db/creds", {}],
      ["/v1/auth/token/revoke-self", {}],
    ] as const) {
      const [, lease] = await get("db/creds/a");
      expect((await get("db/creds/a"))[0]).toBe("HIT");
      expect((await send(path, { ...body, ...("lease_id" in body ? { lease_id: lease } : {}) })).status).toBe(204);
      expect((await get("db/creds/a"))[0]).toBe("MISS");
    }
  });

  it("is cleared by request", async () => {
    const { get, send, url } = await stand();
    await get("db/creds/a");
    const clear = async (body: object) => (await send("/agent/v1/cache-clear", body)).status;
    expect(await clear({ type: "lease", value: "db/creds/none" })).toBe(200);
    expect((await get("db/creds/a"))[0]).toBe("HIT");
    expect(await clear({ type: "request_path", value: "/v1/db/creds" })).toBe(200);
    expect((await get("db/creds/a"))[0]).toBe("MISS");
    expect(await clear({ type: "all" })).toBe(200);
    expect((await get("db/creds/a"))[0]).toBe("MISS");
    expect([await clear({}), await clear({ type: "lease" }), await clear({ type: "x" })]).toEqual([400, 500, 400]);
    expect((await ask(`${url}/agent/v1/cache-clear`)).status).toBe(200);
  });

  it("gives what the sidecar holds, which is the sidecar's to renew, and waits for what is coming", async () => {
    let change = new AbortController();
    let there = false;
    const held = {
      get changed() {
        return change.signal;
      },
      get: (path: string) => {
        if (path !== "db/creds/app") return null;
        if (!there) return "coming" as const;
        const now = systemClock.now();
        return {
          secret: { ...leased("db/creds/app/1"), data: new Sensitive({ username: "v-app" }) },
          readAt: now,
          expiry: now + 90_500,
        };
      },
    };
    const { upstream, url } = await stand({ held });
    const waiting = ask(`${url}/v1/db/creds/app`);
    there = true;
    const last = change;
    change = new AbortController();
    last.abort();
    expect(JSON.parse((await waiting).text)).toMatchObject({
      lease_id: "db/creds/app/1",
      lease_duration: 90,
      renewable: false,
      data: { username: "v-app" },
    });
    expect(upstream.heard).toEqual([]);
    await ask(`${url}/v1/db/creds/app`, { headers: { "X-Vault-Token": "s.mine" } });
    await ask(`${url}/v1/db/creds/app`, { headers: { "X-Vault-Namespace": "team" } });
    expect(upstream.heard).toHaveLength(2);
  });

  it("keeps a login, and what was read with its token", async () => {
    const { url, upstream } = await stand({}, (response, { url: path, headers }) => {
      const token = { client_token: "s.app", accessor: "x", lease_duration: 3_600, renewable: true, orphan: true };
      const lease = { lease_id: `${path}/${headers["x-vault-token"]}`, lease_duration: 3_600, renewable: true };
      response.writeHead(200, JSON_TYPE).end(JSON.stringify(path.endsWith("/login") ? { auth: token } : lease));
    });
    // A login is sent without a token: the agent's own would be pointless, and is not known to be wanted.
    const login = () =>
      ask(`${url}/v1/auth/kubernetes/login`, { method: "POST", body: '{"jwt":"a"}', headers: { "X-Vault-Token": "" } });
    await login();
    expect((await login()).headers["x-cache"]).toBe("HIT");
    const read = () => ask(`${url}/v1/db/creds/a`, { headers: { "X-Vault-Token": "s.app" } });
    await read();
    expect((await read()).headers["x-cache"]).toBe("HIT");
    expect(upstream.heard).toHaveLength(2);
  });
});
