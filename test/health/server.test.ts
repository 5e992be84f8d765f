import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { createMetrics } from "../../src/health/metrics.ts";
import { type Health, type HealthOptions, startHealth } from "../../src/health/server.ts";
import { createTimeline } from "../../src/health/timeline.ts";
import { createScrubber } from "../../src/log/scrub.ts";
import type { Status } from "../../src/status.ts";
import { sampleEvents } from "../log/events.ts";
import { readExposition } from "./exposition.ts";
import { fresh, NOW, rotating, trouble } from "./samples.ts";

const running: Health[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((health) => health.stop()));
});

async function serve(status: Status = rotating, options: Partial<HealthOptions> = {}) {
  const timeline = createTimeline(50, { now: () => NOW });
  const health = await startHealth({
    address: "127.0.0.1:0",
    status: () => status,
    metrics: await createMetrics(),
    timeline,
    scrub: (text) => text,
    ...options,
  });
  running.push(health);
  const get = async (path: string, init?: RequestInit) => {
    const response = await fetch(`http://${health.address}${path}`, init);
    return { status: response.status, headers: response.headers, body: await response.text() };
  };
  return { health, timeline, get };
}

/** Says the bytes, ends nothing, and gives what came until the server hung up. */
async function converse(address: string, bytes: string): Promise<string> {
  const socket = connect(Number(address.split(":").at(-1)), "127.0.0.1");
  let heard = "";
  socket.on("data", (data) => {
    heard += data;
  });
  socket.on("error", () => undefined);
  socket.write(bytes);
  await once(socket, "close");
  return heard;
}

describe("the probes", () => {
  it("say yes when ready", async () => {
    const { get } = await serve(rotating);
    expect(await get("/livez")).toMatchObject({ status: 200, body: "alive\n" });
    expect(await get("/readyz")).toMatchObject({ status: 200, body: "ready\n" });
    expect(await get("/startupz")).toMatchObject({ status: 200, body: "started\n" });
  });

  it("say in words why not", async () => {
    const { get } = await serve(fresh);
    expect(await get("/livez")).toMatchObject({ status: 200 });
    expect(await get("/readyz")).toMatchObject({
      status: 503,
      body: "not ready:\ndatabase/creds/pg-role: no credential yet\n",
    });
    expect(await get("/startupz")).toMatchObject({
      status: 503,
      body: "not started:\n/etc/dbvault/config.yaml: waits for vault.read(database/creds/pg-role)\n",
    });
  });

  it("are not ready while stopping", async () => {
    const { get } = await serve({ ...rotating, stopping: true });
    expect(await get("/readyz")).toMatchObject({ status: 503, body: "not ready:\nstopping\n" });
    expect(readExposition((await get("/metrics")).body).get("lessee_ready")?.samples[0]?.value).toBe(0);
  });

  it("answer 500 in words when the status cannot be told, and live", async () => {
    const { get } = await serve(rotating, {
      status: () => {
        throw new Error("broken");
      },
    });
    expect(await get("/readyz")).toMatchObject({ status: 500, body: "the status cannot be told: broken\n" });
    expect(await get("/livez")).toMatchObject({ status: 200 });
  });
});

describe("the health port", () => {
  it("serves metrics, the status and the page", async () => {
    const { get, timeline } = await serve(rotating);
    for (const event of sampleEvents()) timeline.observe(event);
    readExposition((await get("/metrics")).body);
    expect(JSON.parse((await get("/status")).body)).toEqual(rotating);
    const page = await get("/?refresh=1");
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    for (const word of [
      "Ready",
      "database/creds/pg-role",
      "candidate",
      "retiring",
      "8\u00a0sessions",
      "SIGHUP to tsb",
    ]) {
      expect(page.body).toContain(word);
    }
    expect((await get("/refresh.js")).headers.get("content-type")).toContain("javascript");
  });

  it("answers HEAD as GET, without the body", async () => {
    const { get } = await serve();
    const whole = await get("/status");
    const head = await get("/status", { method: "HEAD" });
    expect(head).toMatchObject({ status: 200, body: "" });
    expect(head.headers.get("content-length")).toBe(String(Buffer.byteLength(whole.body)));
  });

  it("refuses other methods and unknown paths in words", async () => {
    const { get } = await serve();
    const posted = await get("/readyz", { method: "POST", body: "x".repeat(100_000) });
    expect(posted).toMatchObject({ status: 405, body: "only GET and HEAD are answered\n" });
    expect(posted.headers.get("allow")).toBe("GET, HEAD");
    for (const path of ["/nothing", "/%2e%2e/etc/passwd", "/livez/", "//", "/__proto__"]) {
      const missing = await get(path);
      expect(missing.status).toBe(404);
      expect(missing.body).toContain("/readyz");
    }
  });

  it.each([
    ["garbage", "\u0000\u0001\u0002 what?\r\n\r\n"],
    ["TLS", "\u0016\u0003\u0001\u0002\u0000\u0001\u0000"],
    ["endless headers", `GET / HTTP/1.1\r\nHost: a\r\nX: ${"a".repeat(20_000)}\r\n\r\n`],
    ["no Host", "GET / HTTP/1.1\r\n\r\n"],
  ])("survives %s", async (_, bytes) => {
    const { health, get } = await serve();
    expect(await converse(health.address, bytes)).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(await get("/livez")).toMatchObject({ status: 200 });
  });

  it("hangs up on who does not finish asking", async () => {
    const { health, get } = await serve();
    expect(await converse(health.address, "GET / HTTP/1.1\r\nHost: a\r\n")).toMatch(/^HTTP\/1\.1 4/);
    expect(await get("/livez")).toMatchObject({ status: 200 });
  });

  it("stops though somebody is connected", async () => {
    const { health } = await serve();
    const held = converse(health.address, "GET / HTTP/1.1\r\nHost: a\r\n");
    await fetch(`http://${health.address}/livez`);
    await health.stop();
    await held;
    await expect(fetch(`http://${health.address}/livez`)).rejects.toThrow();
  });

  it("says so when the port is taken", async () => {
    const { health } = await serve();
    await expect(serve(rotating, { address: health.address })).rejects.toMatchObject({
      code: "health-port",
      message: `the health port ${health.address} cannot be opened: another program has it`,
    });
  });

  it.each(["9102", "localhost", "host:99999", "::1:9102", "[::1]", "http://a:1", ""])(
    "refuses the address %j",
    async (address) => {
      await expect(serve(rotating, { address })).rejects.toMatchObject({ code: "address" });
    },
  );

  it("listens on every interface when no host is given", async () => {
    const { health } = await serve(rotating, { address: ":0" });
    const port = health.address.split(":").at(-1);
    expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200);
  });
});

describe("no answer holds a secret", () => {
  const secrets = ['A1a-"quoted"\\secret', "hvs.CAESIJ1234567890abcdefghij", "p<a>ß/&+ 'word"];

  it.each(["/", "/status", "/readyz", "/startupz", "/metrics"])("%s", async (path) => {
    const scrubber = createScrubber();
    for (const secret of secrets) scrubber.learn(secret);
    const said = secrets.map((one) => `${one} at http://me:${encodeURIComponent(one)}@vault/`).join(" ");
    const status: Status = {
      ...trouble,
      started: false,
      notReady: [said],
      warnings: [said],
      credentials: trouble.credentials.map((one) => ({ ...one, lastError: said })),
      templates: trouble.templates.map((one) => ({ ...one, renderedAt: null, error: said })),
    };
    const { get, timeline } = await serve(status, { scrub: scrubber.scrub });
    for (const event of sampleEvents(said)) timeline.observe(event);
    const { body } = await get(path);
    if (path !== "/metrics") expect(body).toContain("[redacted]");
    for (const secret of secrets) {
      const html = secret.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
      for (const spelling of [secret, html, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)]) {
        expect(body).not.toContain(spelling);
      }
    }
  });
});

describe("the page", () => {
  it("escapes whatever comes from outside", async () => {
    const attack = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>&amp;`;
    const status: Status = {
      ...trouble,
      version: attack,
      notReady: [attack],
      warnings: [attack],
      token: { ...rotating.token!, method: attack, policies: [attack] },
      credentials: trouble.credentials.map((one) => ({
        ...one,
        path: attack,
        lastError: attack,
        current: { ...one.current!, user: attack, step: attack },
      })),
      templates: [{ name: attack, destination: attack, renderedAt: null, missing: [attack], error: attack }],
    };
    const { get, timeline } = await serve(status);
    for (const event of sampleEvents(attack)) timeline.observe(event);
    const { body } = await get("/");
    expect(body.match(/<script[^>]*>/g)).toEqual(['<script src="/refresh.js" defer>']);
    expect(body).not.toContain("<img");
    expect(body).not.toContain(`"'>`);
    expect(body).toContain("&#60;script&#62;");
  });
});
