/** `lessee webhook` over real HTTPS: reviews, bad callers, certificates that are replaced, the orderly end. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import https from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { connect as connectTls, type SecureVersion } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { readExposition } from "../health/exposition.ts";
import { podOf, reviewOf, VAULT } from "./pods.ts";
import {
  ask,
  get,
  LAUNCHER,
  makeCertificate,
  mounted,
  openssl,
  type Running,
  startWebhook,
} from "./webhook-process.ts";

describe.skipIf(!openssl)("the webhook (openssl makes the certificates)", () => {
  const folder = mkdtempSync(join(tmpdir(), "lessee-webhook-"));
  const running: Running[] = [];

  beforeAll(() => {
    for (const name of ["first", "second"]) makeCertificate(join(folder, name));
  });
  afterEach(async () => {
    for (const one of running.splice(0)) await one.end("SIGKILL");
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  async function start(...flags: readonly string[]): Promise<Running> {
    const one = await startWebhook(...flags);
    running.push(one);
    return one;
  }

  it("answers reviews, counts them, and says what it did", async () => {
    const { port, health, event } = await start(...mounted(folder).flags);
    const asked = await ask(port, { body: JSON.stringify(reviewOf(podOf())) });
    expect(asked.status).toBe(200);
    expect(asked.headers["content-type"]).toBe("application/json");
    expect(JSON.parse(asked.body).response).toMatchObject({ allowed: true, patchType: "JSONPatch" });
    const refused = await ask(port, { body: JSON.stringify(reviewOf(podOf({ [`${VAULT}/role`]: "" }))) });
    expect(JSON.parse(refused.body).response).toMatchObject({ allowed: false });
    await ask(port, { body: JSON.stringify(reviewOf({})) });
    expect(await event("review", ({ outcome }) => outcome === "injected")).toMatchObject({
      namespace: "tsb",
      pod: "tsb-1",
      webhook_namespace: "lessee",
      webhook_pod: "lessee-0",
    });
    expect(await event("review", ({ outcome }) => outcome === "refused")).toMatchObject({ level: "warn" });

    const families = readExposition((await get(health, "/metrics")).body);
    const value = (name: string, labels = {}) =>
      [...families.values()]
        .flatMap(({ samples }) => samples)
        .find((one) => one.name === name && Object.entries(labels).every(([key, label]) => one.labels[key] === label))
        ?.value;
    for (const outcome of ["injected", "refused", "unchanged"])
      expect(value("lessee_webhook_reviews_total", { outcome })).toBe(1);
    expect(
      value("vault_agent_injector_injections_by_namespace_total", {
        namespace: "tsb",
        injection_type: "init_and_sidecar",
      }),
    ).toBe(1);
    expect(value("vault_agent_injector_failed_injections_by_namespace_total", { namespace: "tsb" })).toBe(1);
    expect(value("vault_agent_injector_request_processing_duration_ms_count")).toBe(3);
    expect(value("vault_agent_injector_request_queue_length")).toBe(0);
    expect(value("lessee_webhook_certificate_expiry_timestamp_seconds")).toBeGreaterThan(Date.now() / 1000);
    for (const path of ["/healthz", "/readyz"]) expect((await get(health, path)).status).toBe(200);
    expect((await ask(port, { path: "/health/ready", method: "GET" })).status).toBe(200);
    expect((await ask(port, { path: "/metrics", method: "GET" })).status).toBe(404);
  });

  it("refuses what is no review, and goes on", async () => {
    const { port, event } = await start(...mounted(folder).flags);
    const body = JSON.stringify(reviewOf(podOf()));
    const cases = [
      [{ body, type: "text/plain" }, 415, "a review is application/json, not text/plain"],
      [{ body, type: "" }, 415, "not nothing"],
      [{ method: "GET" }, 405, "with POST"],
      [{ body: "" }, 400, "the body is empty"],
      [{ body: "not json" }, 400, "the body is no JSON"],
      [{ body: "{}" }, 400, "no AdmissionReview"],
      [{ body: `"${"x".repeat(8 * 1024 * 1024)}"` }, 413, "at most 4 MiB"],
      [{ body: "x".repeat(8 * 1024 * 1024), chunked: true }, 413, "at most 4 MiB"],
      [{ path: "/other", body }, 404, "nothing here"],
    ] as const;
    for (const [options, status, words] of cases) {
      const answer = await ask(port, options);
      expect([answer.status, answer.body]).toEqual([status, expect.stringContaining(words)]);
    }
    await event("review not read", ({ status }) => status === 413);
    expect((await ask(port, { body, type: "application/json; charset=utf-8" })).status).toBe(200);
  });

  it("takes a pod of megabytes in its stride", async () => {
    const { port } = await start(...mounted(folder).flags);
    const env = Array.from({ length: 20_000 }, (_, i) => ({ name: `V${i}`, value: "x".repeat(100) }));
    const pod = podOf();
    const huge = { ...pod, spec: { ...pod.spec, containers: [{ ...pod.spec.containers[0], env }] } };
    const { status, body } = await ask(port, { body: JSON.stringify(reviewOf(huge)) });
    expect(status).toBe(200);
    expect(JSON.parse(body).response.allowed).toBe(true);
    expect(body.length).toBeLessThan(20_000);
  });

  it("cuts off whoever is slow, and answers others meanwhile", async () => {
    const { port } = await start(...mounted(folder).flags);
    // One that never begins the handshake, and one that never ends its headers.
    const silent = connect(port, "127.0.0.1");
    const slow = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
    slow.write("POST /mutate HTTP/1.1\r\nHost: x\r\n");
    const cut = [silent, slow].map((socket) => {
      socket.on("error", () => undefined).resume();
      return once(socket, "close");
    });
    expect((await ask(port, { body: JSON.stringify(reviewOf(podOf())) })).status).toBe(200);
    await Promise.all(cut);
  });

  it("speaks TLS 1.2 and newer, or only newer", async () => {
    const { port } = await start(...mounted(folder).flags);
    const outcome = (to: number, version: SecureVersion) =>
      new Promise<string>((resolve) => {
        const socket = connectTls({
          ...{ port: to, host: "127.0.0.1", rejectUnauthorized: false, minVersion: version, maxVersion: version },
          ...(version === "TLSv1.1" ? { ciphers: "DEFAULT@SECLEVEL=0" } : {}),
        });
        socket.once("secureConnect", () => {
          resolve(String(socket.getProtocol()));
          socket.destroy();
        });
        socket.once("error", () => resolve("refused"));
      });
    expect(await outcome(port, "TLSv1.2")).toBe("TLSv1.2");
    expect(await outcome(port, "TLSv1.3")).toBe("TLSv1.3");
    expect(await outcome(port, "TLSv1.1")).toBe("refused");
    const newer = await start(...mounted(folder).flags, "-tls-min-version=tls13");
    expect(await outcome(newer.port, "TLSv1.2")).toBe("refused");
    expect(await outcome(newer.port, "TLSv1.3")).toBe("TLSv1.3");
  });

  it("shows a replaced certificate without a restart, and keeps the old one when the new one is none", async () => {
    const mount = mounted(folder);
    const { port, event } = await start(...mount.flags);
    const shown = () =>
      new Promise<string>((resolve) => {
        const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
          resolve(socket.getPeerCertificate().fingerprint256);
          socket.destroy();
        });
      });
    const first = await shown();
    // The key of the one with the certificate of the other.
    makeMismatch(folder);
    mount.swap("mismatch");
    await event("certificate refused");
    expect(await shown()).toBe(first);
    mount.swap("second");
    const loaded = new Set<unknown>();
    await event("certificate loaded", ({ time }) => loaded.add(time).size > 1);
    expect(await shown()).not.toBe(first);
    expect((await ask(port, { body: JSON.stringify(reviewOf(podOf())) })).status).toBe(200);
  });

  it("ends in order: not ready, still answering, then gone with 0", async () => {
    const { port, health, event, end } = await start(...mounted(folder).flags, "-shutdown-delay=700ms");
    const agent = new https.Agent({ keepAlive: true });
    await ask(port, { body: JSON.stringify(reviewOf(podOf())), agent });
    const ended = end();
    await event("stopping");
    expect((await get(health, "/readyz")).status).toBe(503);
    expect((await get(health, "/healthz")).status).toBe(200);
    expect((await ask(port, { body: JSON.stringify(reviewOf(podOf())), agent })).status).toBe(200);
    expect(await ended).toBe(0);
    agent.destroy();
  });

  it.each([
    [[], "-tls-cert-file is required"],
    [["-tls-cert-file=/nowhere", "-tls-key-file=/nowhere"], "-tls-cert-file: cannot read /nowhere: ENOENT"],
    [
      ["-tls-cert-file=x", "-tls-key-file=x", "-tls-min-version=tls10"],
      '-tls-min-version must be tls12, tls13, not "tls10"',
    ],
    [["-tls-cert-file=x", "-tls-key-file=x", "-shutdown-delay=soon"], "-shutdown-delay: time: invalid duration"],
    [["-tls-cert-file=x", "-tls-key-file=x", "-vault-imag=y"], "did you mean -vault-image?"],
    [["-listen=nowhere"], '"nowhere" is not an address'],
  ])("does not start with %j", async (flags, words) => {
    const all = flags.some((flag) => flag.startsWith("-listen")) ? [...mounted(folder).flags, ...flags] : flags;
    const child = spawn(LAUNCHER, ["webhook", ...all], { stdio: ["ignore", "ignore", "pipe"] });
    const said = text(child.stderr);
    const [code] = await once(child, "exit");
    expect([code, await said]).toEqual([1, expect.stringContaining(words)]);
  });
});

function makeMismatch(folder: string): void {
  const path = join(folder, "mismatch");
  execFileSync("mkdir", ["-p", path]);
  execFileSync("cp", [join(folder, "first", "tls.key"), join(folder, "second", "tls.crt"), path]);
}
