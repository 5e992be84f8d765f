/** Sinks: the same file, whoever wrote it. */
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createReader } from "../auth/reader.ts";
import { onBothSides, type Running, startWorld, type World } from "./world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
}, 120_000);

afterAll(() => world.stop());

const content = (agent: Running, name = "sink") =>
  agent.until("its sink was written", () => readFile(join(agent.folder, name), "utf8").catch(() => undefined));

onBothSides("a sink", (side) => {
  it("is the token alone, with the mode 0640 or what it is told", async () => {
    const agent = await world.start(side, ({ folder, login }) =>
      login(`sink "file" { config = { path = "${folder}/sink" } }
  sink "file" { config = { path = "${folder}/other", mode = 0600 } }`),
    );
    expect([await content(agent), await content(agent, "other")]).toEqual([world.token, world.token]);
    const mode = async (name: string) => (await stat(join(agent.folder, name))).mode & 0o777;
    expect([await mode("sink"), await mode("other")]).toEqual([0o640 & ~process.umask(), 0o600]);
  });

  it("is a wrapped token with wrap_ttl, which can be unwrapped once", async () => {
    const agent = await world.start(side, ({ folder, login }) =>
      login(`sink "file" {
    wrap_ttl = "5m"
    config = { path = "${folder}/sink" }
  }`),
    );
    const text = await content(agent);
    expect(text).toMatch(/^\{.*\}\n$/);
    const wrapped = JSON.parse(text) as Record<string, unknown>;
    expect(Object.keys(wrapped).sort()).toEqual([
      "accessor",
      "creation_path",
      "creation_time",
      "token",
      "ttl",
      "wrapped_accessor",
    ]);
    expect([wrapped.ttl, wrapped.creation_path]).toEqual([300, "sys/wrapping/wrap"]);
    const unwrap = () => world.root.as(String(wrapped.token)).send("PUT", "sys/wrapping/unwrap");
    expect((await unwrap()).body.data).toEqual({ token: world.token });
    expect((await unwrap()).status).toBe(400);
  });

  it.each([
    ["", false, ""],
    ["derive_key = true", true, ""],
    ['derive_key = true\n    aad = "more"', true, "more"],
  ])("is encrypted for a reader (%s)", async (more, derived, aad) => {
    const reader = createReader();
    const agent = await world.start(side, async ({ folder, login }) => {
      await writeFile(join(folder, "key"), reader.published);
      return login(`sink "file" {
    dh_type = "curve25519"
    dh_path = "${folder}/key"
    ${more}
    config = { path = "${folder}/sink" }
  }`);
    });
    const envelope = await content(agent);
    expect(envelope).toMatch(/^\{.*\}\n$/);
    expect(Object.keys(JSON.parse(envelope)).sort()).toEqual(["curve25519_public_key", "encrypted_payload", "nonce"]);
    expect(reader.open(envelope, { derived, aad })).toBe(world.token);
  });

  it("ends the agent with 0 once all are written, with -exit-after-auth", async () => {
    const agent = await world.start(
      side,
      ({ folder, login }) => login(`sink "file" { config = { path = "${folder}/sink" } }`),
      ["-exit-after-auth"],
    );
    expect(await agent.ended).toEqual({ code: 0, signal: null });
    expect(await content(agent)).toBe(world.token);
  });
});
