/** `enforce_consistency`: what was written through the listener is asked for with whatever comes later. */
import { describe, expect, it } from "vitest";
import { mergeStates } from "../../src/proxy/consistency.ts";
import { ask, clock, useGround } from "./setup.ts";

const ground = useGround();
const state = (cluster: string, local: number | string, replicated: number | string = 0) =>
  Buffer.from(`v1:${cluster}:${local}:${replicated}:1b91`).toString("base64");
const WRITTEN = state("c", 7);

/** Two nodes: a write goes to the active one, and the other one has it from the `caughtUp`th request for it. */
async function cluster(
  whenInconsistent: string | undefined,
  caughtUp: number,
  enforceConsistency = "always",
  sleep?: typeof clock.sleep,
) {
  let asked = 0;
  const upstream = await ground.upstream((response, { method, headers }) => {
    if (method === "PUT") return void response.setHeader("X-Vault-Index", WRITTEN).end("{}");
    const lags = headers["x-vault-index"] !== undefined && ++asked < caughtUp;
    if (lags && headers["x-vault-inconsistent"] !== "forward-active-node")
      response.writeHead(412).end('{"errors":["required index state not present"]}');
    else response.end('{"data":"new"}');
  });
  const pauses: number[] = [];
  async function impatient(until: number) {
    pauses.push(until - clock.now());
  }
  const { addresses } = await ground.proxy(upstream.address, {
    apiProxy: { useAutoAuthToken: false, forceAutoAuthToken: false, enforceConsistency, whenInconsistent },
    clock: { ...clock, sleep: sleep ?? impatient },
    random: () => 0,
  });
  const url = `${addresses[0]}/v1/kv/a`;
  await ask(url);
  await ask(url, { method: "PUT", body: "{}" });
  // Without the two requests before.
  return { url, heard: () => upstream.heard.slice(2), pauses };
}

describe("after a write, a node that has not got it", () => {
  it.each([["fail"], [undefined]])("is what the client is told of with %s", async (whenInconsistent) => {
    const { url, heard } = await cluster(whenInconsistent, 3);
    expect(await ask(url)).toMatchObject({ status: 412, text: expect.stringContaining("index state") });
    expect(heard().map(({ headers }) => headers["x-vault-index"])).toEqual([WRITTEN]);
  });

  it("is asked again until it has, with retry", async () => {
    const { url, heard, pauses } = await cluster("retry", 3);
    expect(await ask(url, { method: "POST", body: '{"a":1}' })).toMatchObject({ status: 200, text: '{"data":"new"}' });
    expect(heard().map(({ body, headers }) => [body, headers["x-vault-index"]])).toEqual(
      Array(3).fill(['{"a":1}', WRITTEN]),
    );
    expect(pauses.map((pause) => Math.round(pause / 100))).toEqual([10, 20]);
  });

  it("is asked for no longer than an answer may take", async () => {
    const { url, heard } = await cluster("retry", Number.POSITIVE_INFINITY);
    expect((await ask(url)).status).toBe(412);
    expect(heard().length).toBeGreaterThan(1);
    expect(heard().length).toBeLessThan(5);
  });

  it("is not asked again with a body that has gone by", async () => {
    const { url, heard } = await cluster("retry", 3);
    expect((await ask(url, { method: "POST", body: Buffer.alloc(100_000) })).status).toBe(412);
    expect(heard()).toHaveLength(1);
  });

  it("passes the request on to the active one, with forward", async () => {
    const { url, heard } = await cluster("forward", 3);
    expect(await ask(url)).toMatchObject({ status: 200, text: '{"data":"new"}' });
    expect(heard()).toMatchObject([
      { headers: { "x-vault-index": WRITTEN, "x-vault-inconsistent": "forward-active-node" } },
    ]);
  });
});

it("A client that goes away while a node is asked again is asked for no more", async () => {
  const waiting = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  const untilGone: typeof clock.sleep = (_until, signal) => {
    signal.addEventListener("abort", () => over.resolve(), { once: true });
    waiting.resolve();
    return over.promise;
  };
  const { url, heard } = await cluster("retry", Number.POSITIVE_INFINITY, "always", untilGone);
  const leaving = new AbortController();
  const asked = ask(url, { signal: leaving.signal });
  await waiting.promise;
  leaving.abort();
  await expect(asked).rejects.toThrow("aborted");
  await over.promise;
  await ask(url.replace("kv/a", "kv/other"), { method: "PUT" });
  expect(heard().map(({ method }) => method)).toEqual(["GET", "PUT"]);
});

it("A client that names a state, or where to send its request, is left to it", async () => {
  const { url, heard } = await cluster("retry", 3);
  for (const headers of [
    { "x-vault-index": "mine" },
    { "x-vault-inconsistent": "forward-active-node" },
    { "x-vault-forward": "active-node" },
  ]) {
    await ask(url, { headers });
    expect(heard().at(-1)?.headers).toMatchObject(headers);
  }
  expect(heard()).toHaveLength(3);
  await ask(url, { headers: { "x-vault-forward": "active-node" } });
  expect(heard().at(-1)?.headers).not.toHaveProperty("x-vault-index");
});

it("No state is asked for with never, and none before the first write", async () => {
  const { url, heard } = await cluster("retry", 3, "never");
  expect(await ask(url)).toMatchObject({ status: 200 });
  expect(heard().at(-1)?.headers).not.toHaveProperty("x-vault-index");
});

it("Two states of which neither is the newer are both asked for, each in a header of its own", async () => {
  const states = [state("c", 1, 2), state("c", 2, 1)];
  const upstream = await ground.upstream((response, { method }) =>
    (method === "PUT" ? response.setHeader("X-Vault-Index", states.shift() ?? "") : response).end("{}"),
  );
  const both = [...states];
  const apiProxy = { useAutoAuthToken: false, forceAutoAuthToken: false, enforceConsistency: "always" };
  const url = `${(await ground.proxy(upstream.address, { apiProxy })).addresses[0]}/v1/kv/a`;
  for (const method of ["PUT", "PUT", "GET"]) await ask(url, { method });
  // Node joins headers of one name.
  expect(upstream.heard.at(-1)?.headers["x-vault-index"]).toBe(both.join(", "));
});

describe("Of two states", () => {
  const [old, newer, aside] = [state("c", 1, 1), state("c", 2, 1), state("c", 0, 3)];
  it.each([
    ["the first one is kept", [], old, [old]],
    ["the newer one is kept", [old], newer, [newer]],
    ["an older one changes nothing", [newer], old, [newer]],
    ["the same changes nothing", [old], old, [old]],
    ["both are kept where neither is newer", [old], aside, [old, aside]],
    ["one that is newer than two takes the place of both", [old, aside], state("c", 3, 3), [state("c", 3, 3)]],
    ["one that is newer than one of two takes its place", [old, aside], newer, [newer, aside]],
    [
      "numbers beyond 2^53 are told apart",
      [state("c", "9007199254740993")],
      state("c", "9007199254740992"),
      [state("c", "9007199254740993")],
    ],
    ["that of another cluster is the newest", [old], state("d", 0), [state("d", 0)]],
    ["what cannot be read is the newest", [newer], "eyJub25lIjoxfQ==", ["eyJub25lIjoxfQ=="]],
    ["what could not be read gives way", ["?"], old, [old]],
    ["after three it begins anew", [old, aside, state("c", 5, 0)], state("c", 0, 0), [state("c", 0, 0)]],
  ])("%s", (_name, known, found, merged) => {
    expect([...mergeStates(known, found)].sort()).toEqual([...merged].sort());
  });
});
