/** Promise 8: every secret that a run makes is searched for in everything that the run shows, in every spelling. */
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { configuration } from "../support/configuration.ts";
import { startServer } from "../support/http.ts";
import { spellings, startRecorder } from "../support/recorder.ts";
import { type Pod, startWorld, type World } from "../support/world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

it("No secret where it does not belong", { timeout: 60_000 }, async () => {
  const pod = await world.pod({ ttl: { default: "6s", max: "12s", token: "20s", tokenMax: "20s" } });
  const recorder = await startRecorder(pod.vault.address);
  recorder.echo("/v1/auth/kubernetes/login", 1);
  recorder.echo("/v1/database/creds/pg-role", 1);
  const endpoint = await startServer(({ count }) => (count === 1 ? 500 : 200));
  const app = await pod.application("per-connection");
  const agent = await pod.agent(
    configuration(pod, {
      address: recorder.address,
      credential: `
        preparation = "2s"
        notify "http" { url = "${endpoint.url}?key=key-of-the-endpoint" }
        notify "exec" { command = ["sh", "-c", "cat ${pod.destination}; cat ${pod.destination} >&2; exit 3"] }`,
    }),
    { args: ["-log-level=trace"] },
  );
  await agent.event("login failed");
  await agent.event("read failed");
  await agent.event("confirmed");
  const shown = [await shownBy(pod, agent.pid)];

  // The first may be the question for the max TTL.
  recorder.echo("/v1/sys/leases/renew", 2);
  recorder.echo("/v1/database/creds/pg-role", 1);
  await agent.event("renewal failed");
  await agent.event("notify failed", ({ kind }) => kind === "exec");
  await agent.event("notify failed", ({ kind }) => kind === "http");
  await agent.events("published", 3);
  shown.push(await shownBy(pod, agent.pid));
  await app.stop();
  await agent.stop();
  shown.push(agent.output());

  for (const [kind, secrets] of recorder.secrets) {
    expect(secrets.size, kind).toBeGreaterThanOrEqual(kind === "password" ? 3 : 1);
    for (const secret of secrets) for (const text of shown) expectAbsent(text, secret);
  }
  for (const text of shown) expectAbsent(text, "key-of-the-endpoint");
  // What was searched is what was shown.
  expect(shown[0]).toContain("lessee_");
  expect(shown[0]).toContain("v-kubernet-pg-role-");
  expect(agent.output()).toContain("[redacted]");
});

/** Health, metrics and status page as anybody may read them, and the process as its neighbours see it. */
async function shownBy(pod: Pod, pid: number): Promise<string> {
  const pages = ["/", "/status", "/metrics", "/readyz", "/livez", "/startupz"];
  const texts = await Promise.all(pages.map(async (path) => (await pod.get(path)).text));
  return [...texts, await readFile(`/proc/${pid}/cmdline`, "utf8")].join("\n");
}

function expectAbsent(text: string, secret: string): void {
  for (const spelling of spellings(secret)) {
    const at = text.indexOf(spelling);
    expect(at, `…${text.slice(Math.max(0, at - 300), at + 100)}…`).toBe(-1);
  }
}
