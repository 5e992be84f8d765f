/** The injector's pod with `agent-cache-enable`: its own JSON, init container and sidecar as two processes. */
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../../dev/free-port.ts";
import { ask } from "../proxy/setup.ts";
import { SEED_TEMPLATE } from "../support/configuration.ts";
import { type Pod, startWorld, type World } from "../support/world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

const LONG = { ttl: { default: "60s", max: "10m" } };

/** As the injector writes it for the annotations of the cache, of quit and of telemetry; only the places are the pod's. */
function injected(pod: Pod, container: "init" | "sidecar", port: number, persist: object = {}): string {
  return JSON.stringify({
    auto_auth: {
      method: { type: "kubernetes", mount_path: "auth/kubernetes", config: { role: "pg", token_path: pod.tokenFile } },
      sink: [{ type: "file", config: { path: pod.path(`home-${container}`, ".vault-token") } }],
    },
    exit_after_auth: container === "init",
    pid_file: pod.path(`home-${container}`, ".pid"),
    vault: { address: pod.vault.address },
    template: [{ destination: pod.destination, contents: SEED_TEMPLATE, left_delimiter: "{{", right_delimiter: "}}" }],
    listener: [{ type: "tcp", address: `127.0.0.1:${port}`, tls_disable: true, agent_api: { enable_quit: true } }],
    cache: {
      use_auto_auth_token: "true",
      persist: { type: "kubernetes", path: pod.path("agent-cache"), ...persist },
    },
    template_config: { exit_on_retry_failure: true },
    telemetry: { disable_hostname: true, prometheus_retention_time: "24h" },
  });
}

async function injectedPod() {
  const pod = await world.pod(LONG);
  // Each container has a home of its own; they share the cache's volume and that of the secrets.
  for (const folder of ["home-init", "home-sidecar", "agent-cache"]) await mkdir(pod.path(folder));
  const port = await freePort("127.0.0.1");
  const run = (container: "init" | "sidecar", persist?: object) =>
    pod.agent(injected(pod, container, port, persist), { env: { HOME: pod.path(`home-${container}`) } });
  const reads = () => pod.requests(({ path, status }) => path === "/v1/database/creds/pg-role" && status === 200);
  const logins = () => pod.requests(({ path }) => path === "/v1/auth/kubernetes/login");
  return { pod, port, run, reads, logins };
}

describe("cache.persist", () => {
  it("hands the init container's lease and token to the sidecar, and to its next life", {
    timeout: 60_000,
  }, async () => {
    const { pod, port, run, reads, logins } = await injectedPod();
    const init = await run("init");
    const { user } = await init.event("published");
    expect(await init.ended).toEqual({ code: 0, signal: null });
    const written = await readFile(pod.destination, "utf8");
    const [kept] = await readdir(pod.path("agent-cache"));
    expect((await stat(pod.path("agent-cache", kept!))).mode & 0o777).toBe(0o600);

    const sidecar = await run("sidecar");
    expect(await sidecar.event("adopted")).toMatchObject({ user, stage: "current" });
    // Whoever asks the listener gets the same user.
    const answer = await ask(`http://127.0.0.1:${port}/v1/${pod.seed.credentialPath}`);
    expect(JSON.parse(answer.text).data.username).toBe(user);
    const token = () => readFile(pod.path("home-sidecar", ".vault-token"), "utf8");
    await expect
      .poll(() => token().catch(() => ""))
      .toBe(await readFile(pod.path("home-init", ".vault-token"), "utf8"));
    await sidecar.kill();

    const restarted = await run("sidecar");
    expect((await restarted.event("adopted")).user).toBe(user);
    expect(await readFile(pod.destination, "utf8")).toBe(written);
    expect([reads(), logins()]).toEqual([1, 1]);
    expect(await world.users.left(0)).toEqual([user]);
    expect((await ask(`http://127.0.0.1:${port}/agent/v1/quit`, { method: "POST" })).status).toBe(200);
    expect(await restarted.ended).toEqual({ code: 0, signal: null });
  });

  it("with another pod's or a broken file makes a user of its own, and says why", { timeout: 60_000 }, async () => {
    const { pod, run, reads } = await injectedPod();
    const init = await run("init");
    await init.event("published");
    expect((await init.ended).code).toBe(0);
    const [kept] = await readdir(pod.path("agent-cache"));
    await writeFile(pod.path("agent-cache", kept!), "\0 not what was written");
    const sidecar = await run("sidecar");
    expect((await sidecar.event("warning", ({ code }) => code === "state")).message).toContain("unusable");
    await sidecar.event("published");
    expect(reads()).toBe(2);
    expect((await sidecar.stop()).code).toBe(0);
  });

  it("that cannot be kept is a warning, and with exit_on_err the end", { timeout: 60_000 }, async () => {
    const { pod, run } = await injectedPod();
    await writeFile(pod.path("a-file"), "");
    const sidecar = await run("sidecar", { path: pod.path("a-file", "below") });
    await sidecar.event("warning", ({ code }) => code === "state");
    await sidecar.event("published");
    expect((await sidecar.stop()).code).toBe(0);
    const strict = await run("sidecar", { path: pod.path("a-file", "below"), exit_on_err: true });
    expect(await strict.ended).toEqual({ code: 1, signal: null });
    expect(strict.lines.join("\n")).toContain(pod.path("a-file"));
  });
});
