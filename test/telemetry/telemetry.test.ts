import { afterEach, expect, it } from "vitest";
import type { TelemetryConfig } from "../../src/config/server-types.ts";
import type { LesseeEvent } from "../../src/events.ts";
import { createTelemetry, type Telemetry } from "../../src/telemetry/telemetry.ts";
import { rotating } from "../health/samples.ts";
import { createFakeClock, type FakeClock } from "../support/fake-clock.ts";
import { type Daemon, startDatagramDaemon, startStreamDaemon } from "./daemon.ts";

const START = Date.UTC(2026, 10, 24, 4, 3, 32);
const HOST = "a-host";

const CONFIG: TelemetryConfig = {
  disableHostname: true,
  enableHostnameLabel: false,
  usageGaugePeriod: 0,
  maximumGaugeCardinality: 0,
  dogstatsdTags: [],
  prometheusRetentionTime: 0,
  prefixFilter: [],
};

const open: Telemetry[] = [];
afterEach(async () => void (await Promise.all(open.splice(0).map((one) => one.stop()))));

function lab(config?: Partial<TelemetryConfig>) {
  const clock = createFakeClock(START);
  const complaints: string[] = [];
  let collect: (pause: number) => void = () => {};
  const telemetry = createTelemetry(config && { ...CONFIG, ...config }, {
    clock,
    host: HOST,
    memory: () => ({ used: 1_000, taken: 2_000 }),
    collections: () => null,
    onCollection: (tell) => {
      collect = tell;
    },
    complain: (message) => complaints.push(message),
  });
  open.push(telemetry);
  const json = () => JSON.parse(telemetry.json());
  const counts = () =>
    (json().Counters as { Name: string; Count: number; Rate: number }[]).map(({ Name, Count, Rate }) => [
      Name,
      Count,
      Rate,
    ]);
  return { telemetry, clock, complaints, json, counts, collect: (pause: number) => collect(pause) };
}

const LOGIN: LesseeEvent = { is: "login", method: "kubernetes", mount: "m", ttl: 1, renewable: true, policies: [] };
const FAILED: LesseeEvent = { is: "login failed", method: "kubernetes", mount: "m", error: "no", retryIn: 1 };

it("JSON tells of the last ten seconds that are over, and before that of those that run", async () => {
  const { telemetry, counts, clock, json } = lab();
  telemetry.count("agent.proxy.success");
  expect(json().Timestamp).toBe("2026-11-24 04:03:30 +0000 UTC");
  expect(counts()).toEqual([["vault.agent.proxy.success", 1, 0.1]]);
  await clock.advance(8_000);
  telemetry.count("agent.proxy.error");
  expect(counts()).toEqual([["vault.agent.proxy.success", 1, 0.1]]);
  await clock.advance(10_000);
  expect(counts()).toEqual([["vault.agent.proxy.error", 1, 0.1]]);
  await clock.advance(60_000);
  expect(counts()).toEqual([]);
});

it("Prometheus is told of everything since the start", async () => {
  const { telemetry, clock } = lab({ metricsPrefix: "my-vault" });
  telemetry.count("agent.cache.hit");
  await clock.advance(60_000);
  telemetry.count("agent.cache.hit");
  expect(telemetry.prometheus()).toContain("# TYPE my_vault_agent_cache_hit counter\nmy_vault_agent_cache_hit 2\n");
});

it("logins and renewals of the token count as in Vault Agent", () => {
  const { telemetry, json } = lab();
  const authenticated = () => json().Gauges[0];
  expect(authenticated()).toEqual({ Name: "vault.agent.authenticated", Value: 0, Labels: {} });
  telemetry.observe(FAILED);
  telemetry.observe(LOGIN);
  telemetry.observe({ is: "token renewed", ttl: 1, expiry: 1, horizon: null });
  expect(authenticated().Value).toBe(1);
  telemetry.observe({ is: "token renewal failed", error: "no", lost: false, retryIn: 1 });
  expect(authenticated().Value).toBe(1);
  telemetry.observe({ is: "token renewal failed", error: "no", lost: true, retryIn: null });
  expect(authenticated().Value).toBe(0);
  expect(telemetry.prometheus()).toContain("vault_agent_auth_success 2\n");
  expect(telemetry.prometheus()).toContain("vault_agent_auth_failure 3\n");
});

it("collections of garbage are gauges where they are counted", () => {
  const names = (collections: { runs: number; pause: number } | null) => {
    const telemetry = createTelemetry(undefined, {
      clock: createFakeClock(START),
      host: HOST,
      memory: () => ({ used: 1_000, taken: 2_000 }),
      collections: () => collections,
      onCollection() {},
      complain() {},
    });
    open.push(telemetry);
    return (JSON.parse(telemetry.json()).Gauges as { Name: string; Value: number }[]).map(({ Name, Value }) => [
      Name,
      Value,
    ]);
  };
  const usual = [
    ["vault.agent.authenticated", 0],
    ["vault.runtime.alloc_bytes", 1_000],
    ["vault.runtime.sys_bytes", 2_000],
  ];
  expect(names(null)).toEqual(usual);
  expect(names({ runs: 3, pause: 7_000 })).toEqual([
    ...usual,
    ["vault.runtime.total_gc_pause_ns", 7_000],
    ["vault.runtime.total_gc_runs", 3],
  ]);
  // Names that Go has and V8 has not.
  for (const name of ["runtime.num_goroutines", "runtime.heap_objects", "runtime.malloc_count", "runtime.free_count"])
    expect(names({ runs: 3, pause: 7_000 }).map(([one]) => one)).not.toContain(`vault.${name}`);
});

it("each collection of garbage is a sample, in every sink as go-metrics has it", async () => {
  const daemon = await startDatagramDaemon();
  const { telemetry, clock, collect, json } = lab({ statsdAddress: daemon.address });
  for (const pause of [1_000, 3_000]) collect(pause);
  expect(json().Samples).toEqual([
    {
      Name: "vault.runtime.gc_pause_ns",
      Count: 2,
      Rate: 400,
      Sum: 4_000,
      Min: 1_000,
      Max: 3_000,
      Mean: 2_000,
      Stddev: Math.SQRT2 * 1_000,
      Labels: {},
    },
  ]);
  expect(telemetry.dump(rotating)).toContain(
    "[2026-11-24 04:03:30 +0000 UTC][S] 'vault.runtime.gc_pause_ns': Count: 2 Min: 1000.000 Mean: 2000.000 Max: 3000.000 Stddev: 1414.214 Sum: 4000.000 LastUpdated: 2026-11-24 04:03:32 +0000 UTC\n",
  );
  expect(await daemon.lines(2)).toEqual([
    "vault.runtime.gc_pause_ns:1000.000000|ms",
    "vault.runtime.gc_pause_ns:3000.000000|ms",
  ]);
  const summary = (...quantiles: readonly string[]) =>
    [
      "# HELP vault_runtime_gc_pause_ns vault_runtime_gc_pause_ns",
      "# TYPE vault_runtime_gc_pause_ns summary",
      ...["0.5", "0.9", "0.99"].map((one, n) => `vault_runtime_gc_pause_ns{quantile="${one}"} ${quantiles[n]}`),
      "vault_runtime_gc_pause_ns_sum 4000",
      "vault_runtime_gc_pause_ns_count 2\n",
    ].join("\n");
  expect(telemetry.prometheus()).toContain(summary("1000", "3000", "3000"));
  await clock.advance(20_000);
  expect(telemetry.prometheus()).toContain(summary("NaN", "NaN", "NaN"));
  expect(json().Samples).toEqual([]);
});

it("a filter keeps samples back as well", () => {
  const { collect, json, telemetry } = lab({ prefixFilter: ["-vault.runtime.gc"] });
  collect(1_000);
  expect(json().Samples).toEqual([]);
  expect(telemetry.prometheus()).not.toContain("gc_pause_ns");
});

it("SIGUSR1 prints go-metrics' lines: the minute's counters by interval, and the gauges as they are", async () => {
  const { telemetry, clock } = lab();
  telemetry.observe(LOGIN);
  telemetry.observe(FAILED);
  await clock.advance(250);
  telemetry.observe(FAILED);
  await clock.advance(20_000);
  const lines = telemetry.dump(rotating).split("\n");
  expect(lines.slice(0, 4)).toEqual([
    "[2026-11-24 04:03:30 +0000 UTC][C] 'vault.agent.auth.failure': Count: 2 Sum: 2.000 LastUpdated: 2026-11-24 04:03:32.25 +0000 UTC",
    "[2026-11-24 04:03:30 +0000 UTC][C] 'vault.agent.auth.success': Count: 1 Sum: 1.000 LastUpdated: 2026-11-24 04:03:32 +0000 UTC",
    expect.stringMatching(/^\[2026-11-24 04:03:50 \+0000 UTC\]\[G\] 'lessee\./),
    expect.stringMatching(/^\[2026-11-24 04:03:50 \+0000 UTC\]\[G\] 'lessee\./),
  ]);
  expect(lines).toContain("[2026-11-24 04:03:50 +0000 UTC][G] 'vault.agent.authenticated': 1.000");
  expect(lines).toContain("[2026-11-24 04:03:50 +0000 UTC][G] 'vault.runtime.alloc_bytes': 1000.000");
  await clock.advance(60_000);
  expect(telemetry.dump(rotating)).not.toContain("[C]");
});

it.each<[string, Partial<TelemetryConfig>, readonly string[]]>([
  [
    "has no host in a key where there is one sink",
    { disableHostname: false, statsdAddress: "x:1" },
    ["vault.agent.authenticated {}", "vault.agent.auth.success {}"],
  ],
  [
    "has the host in the gauges' keys where there are two",
    { disableHostname: false, statsdAddress: "x:1", prometheusRetentionTime: 1 },
    [`vault.${HOST}.agent.authenticated {}`, "vault.agent.auth.success {}"],
  ],
  [
    "has it not with disable_hostname",
    { statsdAddress: "x:1", prometheusRetentionTime: 1 },
    ["vault.agent.authenticated {}", "vault.agent.auth.success {}"],
  ],
  [
    "has it as a label with enable_hostname_label, whatever else",
    { enableHostnameLabel: true },
    [`vault.agent.authenticated {"host":"${HOST}"}`, `vault.agent.auth.success {"host":"${HOST}"}`],
  ],
  ["leaves out what a rule keeps back", { prefixFilter: ["-vault.agent.auth."] }, ["vault.agent.authenticated {}"]],
  [
    "lets the longest prefix decide",
    { prefixFilter: ["-vault", "+vault.agent.auth", "-vault.agent.authe"] },
    ["vault.agent.auth.success {}"],
  ],
  ["keeps everything back with filter_default = false", { filterDefault: false }, []],
  [
    "but for what a rule lets through",
    { filterDefault: false, prefixFilter: ["+vault.agent.auth.s"] },
    ["vault.agent.auth.success {}"],
  ],
])("a name %s", (_what, config, names) => {
  const { telemetry, json } = lab(config);
  telemetry.observe(LOGIN);
  const { Gauges, Counters } = json() as Record<string, { Name: string; Labels: object }[]>;
  const found = [...Gauges!, ...Counters!].map(({ Name, Labels }) => `${Name} ${JSON.stringify(Labels)}`);
  expect(found.filter((name) => !name.includes("runtime"))).toEqual(names);
});

it("Prometheus has the label too", () => {
  const { telemetry } = lab({ enableHostnameLabel: true });
  telemetry.count("agent.cache.hit");
  expect(telemetry.prometheus()).toContain(`vault_agent_cache_hit{host="${HOST}"} 1\n`);
});

const RENEWED: LesseeEvent = {
  is: "renewed",
  path: "database/creds/a b",
  lease: "l",
  ttl: 1,
  expiry: 1,
  horizon: null,
};
const REQUEST: LesseeEvent = { is: "request", operation: "login", status: 200, took: 12 };

it("statsd gets Vault Agent's metrics and lessee's own, labels at the end of the name", async () => {
  const daemon = await startDatagramDaemon();
  const { telemetry } = lab({ statsdAddress: daemon.address });
  telemetry.observe(LOGIN);
  telemetry.observe(RENEWED);
  telemetry.observe(REQUEST);
  expect(await daemon.lines(6)).toEqual([
    "vault.agent.authenticated:1.000000|g",
    "vault.agent.auth.success:1.000000|c",
    "lessee.logins_total.kubernetes.ok:1.000000|c",
    "lessee.lease_renewals_total.database/creds/a_b.renewed:1.000000|c",
    "lessee.vault_requests_total.login.200:1.000000|c",
    "lessee.vault_request_duration_ms.login:12.000000|ms",
  ]);
});

it("dogstatsd gets labels as tags behind those of the configuration, and no host in a name", async () => {
  const daemon = await startDatagramDaemon();
  const { telemetry } = lab({
    dogstatsdAddr: daemon.address,
    dogstatsdTags: ["env:prod", "team"],
    disableHostname: false,
    prometheusRetentionTime: 1,
  });
  telemetry.observe(LOGIN);
  telemetry.observe(RENEWED);
  expect(await daemon.lines(4)).toEqual([
    "vault.agent.authenticated:1|g|#env:prod,team",
    "vault.agent.auth.success:1|c|#env:prod,team",
    "lessee.logins_total:1|c|#env:prod,team,method:kubernetes,outcome:ok",
    "lessee.lease_renewals_total:1|c|#env:prod,team,path:database/creds/a_b,outcome:renewed",
  ]);
});

it("statsite gets lines over a connection, and a new one when the daemon comes back", async () => {
  let daemon: Daemon = await startStreamDaemon();
  const { address } = daemon;
  const { telemetry, clock, complaints } = lab({ statsiteAddress: address });
  telemetry.count("agent.cache.hit");
  expect(await daemon.lines(1)).toEqual(["vault.agent.cache.hit:1.000000|c"]);
  await daemon.stop();
  await until(telemetry, clock, () => complaints.length > 0);
  expect(complaints[0]).toMatch(
    new RegExp(`^telemetry: statsite_address ${address}: .*; its metrics are thrown away until it answers$`),
  );
  daemon = await startStreamDaemon(Number(address.split(":")[1]));
  await until(telemetry, clock, () => daemon.received.length > 0);
});

it("a daemon that is not there costs one warning, and nothing waits for it", async () => {
  const gone = await startDatagramDaemon();
  await gone.stop();
  const { telemetry, clock, complaints } = lab({ statsdAddress: gone.address, statsiteAddress: gone.address });
  await until(telemetry, clock, () => complaints.length === 2);
  for (let n = 0; n < 10; n++) {
    telemetry.count("agent.cache.miss");
    await clock.advance(6_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(complaints.length).toBeLessThanOrEqual(4);
  expect(telemetry.prometheus()).toMatch(/vault_agent_cache_miss \d+/);
});

it.each(["nonsense", "unix:///var/run/datadog/dsd.socket", "no-such-host.invalid:8125"])(
  "an address like %s is said, and stops nothing",
  async (address) => {
    const { telemetry, clock, complaints } = lab({ dogstatsdAddr: address });
    await until(telemetry, clock, () => complaints.length > 0);
    expect(complaints[0]).toContain(`dogstatsd_addr ${address}`);
  },
);

it("a daemon that never reads holds up neither the agent nor its end, and costs bounded memory", async () => {
  const daemon = await startStreamDaemon(0, { reads: false });
  const { telemetry } = lab({ statsiteAddress: daemon.address });
  telemetry.count("agent.cache.hit");
  await daemon.connected;
  const before = process.memoryUsage().rss;
  for (let n = 0; n < 300_000; n++) telemetry.count("agent.cache.hit");
  expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
  const begun = performance.now();
  await telemetry.stop();
  expect(performance.now() - begun).toBeLessThan(2_000);
});

it("what was counted last is sent at the end", async () => {
  const daemon = await startDatagramDaemon();
  const { telemetry } = lab({ statsdAddress: daemon.address });
  telemetry.count("agent.cache.hit");
  await telemetry.stop();
  expect(await daemon.lines(1)).toEqual(["vault.agent.cache.hit:1.000000|c"]);
});

it("every ten seconds daemons are told how things stand", async () => {
  const daemon = await startDatagramDaemon();
  const { telemetry, clock } = lab({ statsdAddress: daemon.address });
  telemetry.follow(() => rotating);
  const told = () => daemon.received.filter((line) => line === "vault.runtime.sys_bytes:2000.000000|g").length;
  await expect.poll(told).toBe(1);
  expect(daemon.received).toContain("lessee.ready:1.000000|g");
  await clock.advance(10_000);
  await expect.poll(told).toBe(2);
});

/** Counts, and lets the pause between two attempts go by, until it has come so far. */
async function until(telemetry: Telemetry, clock: FakeClock, reached: () => boolean): Promise<void> {
  await expect
    .poll(
      async () => {
        telemetry.count("agent.cache.miss");
        await clock.advance(6_000);
        return reached();
      },
      { timeout: 5_000, interval: 50 },
    )
    .toBe(true);
}
