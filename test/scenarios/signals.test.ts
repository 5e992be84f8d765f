/** pid_file, and what SIGHUP takes over besides templates and hooks. */
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../../dev/free-port.ts";
import { configuration } from "../support/configuration.ts";
import { type Pod, startWorld, type World } from "../support/world.ts";
import { createAuthority } from "../vault/servers.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

const LONG = { ttl: { default: "60s", max: "10m" } };

describe("pid_file", () => {
  it("has the number and nothing else, for its owner alone, while the agent runs", async () => {
    const pod = await world.pod(LONG);
    await writeFile(pod.path("agent.pid"), "9999999 of an earlier life, and longer than the next one");
    const agent = await pod.agent(configuration(pod, { rest: `pid_file = "${pod.path("agent.pid")}"` }));
    await agent.event("published");
    expect(await readFile(pod.path("agent.pid"), "utf8")).toBe(String(agent.pid));
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
    await expect(stat(pod.path("agent.pid"))).rejects.toThrow("ENOENT");
    const fresh = await pod.agent(configuration(pod, { rest: `pid_file = "${pod.path("agent.pid")}"` }));
    await fresh.event("published");
    expect((await stat(pod.path("agent.pid"))).mode & 0o777).toBe(0o600);
    expect((await fresh.stop()).code).toBe(0);
  });

  it("that cannot be written keeps the agent from starting", async () => {
    const pod = await world.pod(LONG);
    const agent = await pod.agent(configuration(pod, { rest: `pid_file = "/nowhere/agent.pid"` }));
    expect(await agent.ended).toEqual({ code: 1, signal: null });
    expect(agent.lines.join("\n")).toMatch(/pid_file: cannot write \/nowhere\/agent\.pid/);
  });

  it("is not left behind where a listener cannot be opened", async () => {
    const pod = await world.pod(LONG);
    const rest = `pid_file = "${pod.path("agent.pid")}"
listener "tcp" {
  address = "127.0.0.1:${world.postgres.port}"
  tls_disable = true
}`;
    const agent = await pod.agent(configuration(pod, { rest }));
    expect(await agent.ended).toEqual({ code: 1, signal: null });
    await expect(stat(pod.path("agent.pid"))).rejects.toThrow("ENOENT");
  });
});

/** Writes the configuration, and waits until the agent has taken it. */
async function reload(pod: Pod, agent: Awaited<ReturnType<Pod["agent"]>>, text: string): Promise<void> {
  const since = agent.entries.length;
  await writeFile(pod.path("agent.hcl"), text);
  agent.signal("SIGHUP");
  await agent.event("configuration reloaded", undefined, since);
}

it("SIGQUIT ends it at once; SIGUSR2 and SIGALRM mean nothing to it, as to Vault Agent", {
  timeout: 60_000,
}, async () => {
  const pod = await world.pod(LONG);
  const agent = await pod.agent(configuration(pod));
  await agent.event("published");
  agent.signal("SIGUSR2");
  agent.signal("SIGALRM");
  // It is asked for after those.
  await reload(pod, agent, configuration(pod));
  agent.signal("SIGQUIT");
  expect(await agent.ended).toMatchObject({ signal: "SIGQUIT" });
});

describe("SIGHUP", () => {
  const requests = (agent: { readonly entries: readonly { readonly level: string }[] }, since: number) =>
    agent.entries.slice(since).filter(({ level }) => level === "debug");

  it("takes the log level of the files, but where flag or environment name one", { timeout: 60_000 }, async () => {
    const pod = await world.pod(LONG);
    const text = (level: string) => configuration(pod, { rest: `log_level = "${level}"` });
    // The pod's own flag: debug.
    const flagged = await pod.agent(text("error"));
    await flagged.event("published");
    await reload(pod, flagged, text("error"));
    let since = flagged.entries.length;
    await reload(pod, flagged, text("info"));
    expect((await flagged.stop()).code).toBe(0);
    expect(requests(flagged, since).length).toBeGreaterThan(0);

    const free = await pod.agent(text("info"), { args: ["-log-level="] });
    await free.event("published");
    expect(requests(free, 0)).toEqual([]);
    await reload(pod, free, text("debug"));
    since = free.entries.length;
    expect((await free.stop()).code).toBe(0);
    expect(requests(free, since).length).toBeGreaterThan(0);

    const named = await pod.agent(text("debug"), { args: ["-log-level="], env: { VAULT_LOG_LEVEL: "info" } });
    await named.event("published");
    await reload(pod, named, text("trace"));
    expect((await named.stop()).code).toBe(0);
    expect(requests(named, 0)).toEqual([]);
  });

  it("takes the listener's new certificate, and with a broken one keeps the old", { timeout: 60_000 }, async () => {
    const pod = await world.pod(LONG);
    const [old, next] = [createAuthority(), createAuthority()];
    await mkdir(pod.path("tls"));
    async function put({ cert, key }: { readonly cert: string; readonly key: string }): Promise<void> {
      await writeFile(pod.path("tls", "crt"), cert);
      await writeFile(pod.path("tls", "key"), key);
    }
    await put(old.issue(["127.0.0.1"], "server"));
    const port = await freePort("127.0.0.1");
    const text = configuration(pod, {
      rest: `listener "tcp" {
  address = "127.0.0.1:${port}"
  tls_cert_file = "${pod.path("tls", "crt")}"
  tls_key_file = "${pod.path("tls", "key")}"
}`,
    });
    /** Whether the certificate that is shown is this authority's. */
    const shows = (ca: string) =>
      new Promise<boolean>((resolve) => {
        const socket = connect({ host: "127.0.0.1", port, ca }, () => {
          socket.end();
          resolve(true);
        });
        socket.on("error", () => resolve(false));
      });
    const agent = await pod.agent(text);
    await agent.event("published");
    expect([await shows(old.ca), await shows(next.ca)]).toEqual([true, false]);
    await put({ ...next.issue(["127.0.0.1"], "server"), key: old.issue(["x"], "server").key });
    agent.signal("SIGHUP");
    await agent.event("configuration refused");
    expect(await shows(old.ca)).toBe(true);
    await put(next.issue(["127.0.0.1"], "server"));
    await reload(pod, agent, text);
    expect([await shows(old.ca), await shows(next.ca)]).toEqual([false, true]);
    expect((await agent.stop()).code).toBe(0);
  });

  it("many times in a row, and in the middle of the start, ends nothing", { timeout: 60_000 }, async () => {
    const pod = await world.pod(LONG);
    const agent = await pod.agent(configuration(pod));
    await agent.event("started");
    for (let n = 0; n < 20; n++) agent.signal("SIGHUP");
    await agent.event("published");
    for (let n = 0; n < 20; n++) agent.signal("SIGHUP");
    await reload(pod, agent, configuration(pod));
    expect(agent.entries.filter(({ msg }) => msg === "configuration refused")).toEqual([]);
    expect(agent.entries.filter(({ msg }) => msg === "read")).toHaveLength(1);
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
    expect(await pod.left()).toEqual([]);
  });
});
