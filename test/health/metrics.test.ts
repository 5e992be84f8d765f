import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { metricsDocument } from "../../scripts/metrics-doc.ts";
import { EVENT_METRICS } from "../../src/health/event-metrics.ts";
import { createMetrics } from "../../src/health/metrics.ts";
import { STATUS_METRICS } from "../../src/health/status-metrics.ts";
import { WEBHOOK_EVENT_METRICS } from "../../src/health/webhook-metrics.ts";
import type { Status } from "../../src/status.ts";
import { sampleEvents } from "../log/events.ts";
import { readExposition } from "./exposition.ts";
import { fresh, NOW, rotating, trouble } from "./samples.ts";

const path = "database/creds/pg-role";

/** Looked for through PATH; it comes with Prometheus. */
const PROMTOOL = "promtool";

async function scrape(status: Status, events = sampleEvents()) {
  const metrics = await createMetrics();
  for (const event of events) metrics.observe(event);
  const { body, contentType } = await metrics.render(status);
  const families = readExposition(body);
  const value = (name: string, labels: Readonly<Record<string, string>> = {}) =>
    [...families.values()]
      .flatMap(({ samples }) => samples)
      .find((one) => one.name === name && Object.entries(labels).every(([key, text]) => one.labels[key] === text))
      ?.value;
  return { body, contentType, families, value };
}

describe("the metrics", () => {
  it.each(Object.entries({ fresh, rotating, trouble }))("are well-formed text (%s)", async (_, status) => {
    const { families, contentType } = await scrape(status);
    expect(contentType).toMatch(/^text\/plain; version=0\.0\.4/);
    expect([...families.keys()].sort()).toEqual([...EVENT_METRICS, ...STATUS_METRICS].map(({ name }) => name).sort());
  });

  it("stay well-formed when labels hold quotes and line feeds", async () => {
    const nasty = 'a"b\\c\nd';
    const { value } = await scrape(rotating, [{ is: "read failed", path: nasty, error: "", retryIn: 1 }]);
    expect(value("lessee_credential_reads_total", { path: nasty, outcome: "failed" })).toBe(1);
  });

  it("count every event but those that only the status shows", async () => {
    const counted = new Set([...EVENT_METRICS, ...WEBHOOK_EVENT_METRICS].flatMap((row) => Object.keys(row.on)));
    const not = new Set(
      sampleEvents()
        .map(({ is }) => is)
        .filter((is) => !counted.has(is)),
    );
    // An init container, which hands over, has no health port.
    expect([...not].sort()).toEqual([
      "clock jump undone",
      "command output",
      "drained",
      "handed over",
      "listening",
      "listening again",
      "sessions",
      "started",
      "stopped",
      "stopping",
      "token revoked",
      "waiting for the job",
    ]);
    const { value } = await scrape(rotating);
    expect(value("lessee_vault_requests_total", { operation: "read", status: "200" })).toBe(1);
    expect(value("lessee_vault_requests_total", { operation: "login", status: "error" })).toBe(1);
    expect(value("lessee_lease_renewals_total", { path, outcome: "renewed" })).toBe(1);
    expect(value("lessee_lease_renewals_total", { path, outcome: "lost" })).toBe(1);
    expect(value("lessee_notifications_total", { kind: "signal", outcome: "ok" })).toBe(1);
    expect(value("lessee_sessions_terminated_total", { which: "idle" })).toBe(2);
    expect(value("lessee_releases_total", { way: "short renewal" })).toBe(1);
    expect(value("lessee_rotation_stage_duration_seconds_sum", { stage: "drain" })).toBe(5.3);
    expect(value("lessee_rotation_stage_duration_seconds_bucket", { stage: "drain", le: "5" })).toBe(0);
    expect(value("lessee_rotation_stage_duration_seconds_bucket", { stage: "drain", le: "15" })).toBe(1);
  });

  it("show the status in seconds", async () => {
    const { value } = await scrape(rotating);
    expect(value("lessee_credential_expiry_timestamp_seconds", { path })).toBe(NOW / 1000 + 7);
    expect(value("lessee_credential_horizon_timestamp_seconds", { path })).toBe(NOW / 1000 + 16);
    expect(value("lessee_credential_ttl_seconds", { path })).toBe(7);
    expect(value("lessee_rotation_lead_seconds", { path })).toBe(12);
    expect(value("lessee_sessions", { path, user: "new" })).toBe(8);
    expect(value("lessee_sessions", { path, user: "old" })).toBe(3);
    expect(value("lessee_credentials_held", { path, stage: "retiring" })).toBe(1);
    expect(value("lessee_ready")).toBe(1);
    expect(value("lessee_build_info", { version: "0.1.0" })).toBe(1);
  });

  it("have no sample for what is not known, not even after it was", async () => {
    const metrics = await createMetrics();
    await metrics.render(rotating);
    const families = readExposition((await metrics.render(fresh)).body);
    for (const name of [
      "lessee_token_expiry_timestamp_seconds",
      "lessee_credential_expiry_timestamp_seconds",
      "lessee_credential_heard",
      "lessee_rotation_due_timestamp_seconds",
    ]) {
      expect(families.get(name)?.samples).toEqual([]);
    }
    expect(families.get("lessee_ready")?.samples).toEqual([{ name: "lessee_ready", labels: {}, value: 0 }]);
  });

  it("say with a negative TTL how long a credential has been dead", async () => {
    const { value } = await scrape(trouble);
    expect(value("lessee_credential_ttl_seconds", { path })).toBe(-12);
    expect(value("lessee_credential_heard", { path })).toBeUndefined();
    expect(value("lessee_ready")).toBe(0);
  });

  it("are documented in docs/metrics.md (node scripts/metrics-doc.ts)", () => {
    expect(readFileSync(new URL("../../docs/metrics.md", import.meta.url), "utf8")).toBe(metricsDocument());
  });

  const promtool = spawnSync(PROMTOOL, ["--version"]).status === 0;
  it.skipIf(!promtool)("please promtool", async () => {
    const { body } = await scrape(rotating);
    const verdict = spawnSync(PROMTOOL, ["check", "metrics"], { input: body, encoding: "utf8" });
    expect(verdict.stdout + verdict.stderr).toBe("");
  });
});

describe("the reader of the text format", () => {
  const head = "# HELP a_total A.\n# TYPE a_total counter\n";
  it.each([
    ["no line feed at the end", `${head}a_total 1`],
    ["a sample before its TYPE", "a_total 1\n"],
    ["a sample of another family", `${head}b_total 1\n`],
    ["the same sample twice", `${head}a_total{x="1"} 1\na_total{x="1"} 2\n`],
    ["a label twice", `${head}a_total{x="1",x="2"} 1\n`],
    ["an unescaped quote", `${head}a_total{x="a"b"} 1\n`],
    ["a number that is none", `${head}a_total undefined\n`],
    ["a negative counter", `${head}a_total -1\n`],
    ["a counter without _total", "# HELP a A.\n# TYPE a counter\na 1\n"],
    ["a family twice", head + head],
    ["falling buckets", histogram('h_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n')],
    ["no +Inf", histogram('h_bucket{le="1"} 1\nh_sum 1\nh_count 1\n')],
    ["a count that differs", histogram('h_bucket{le="+Inf"} 1\nh_sum 1\nh_count 2\n')],
  ])("refuses %s", (_, text) => {
    expect(() => readExposition(text)).toThrow();
  });

  function histogram(samples: string): string {
    return `# HELP h H.\n# TYPE h histogram\n${samples}`;
  }
});
