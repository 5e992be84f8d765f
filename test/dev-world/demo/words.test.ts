import { describe, expect, it } from "vitest";
import { agentConfiguration } from "../../../dev/demo/configuration.ts";
import { type DemoOptions, parseOptions, UsageError } from "../../../dev/demo/options.ts";
import { createLogTally, faultsOf, formatTable } from "../../../dev/demo/tally.ts";
import { createTimeline, type LogEntry } from "../../../dev/demo/timeline.ts";

describe("the demo's options", () => {
  it("are the TTLs of the seed in short, unless told otherwise", () => {
    expect(parseOptions([])).toEqual({
      runFor: undefined,
      application: "per-connection",
      defaultTtl: 10_000,
      maxTtl: 30_000,
      tokenTtl: 3_600_000,
      tokenMaxTtl: 0,
      connectionMaxLifetime: 5_000,
      plain: false,
      keep: false,
    });
    expect(parseOptions(["--for", "2m", "--token-max-ttl=20s", "--application=sighup"])).toMatchObject({
      runFor: 120_000,
      tokenTtl: 20_000,
      tokenMaxTtl: 20_000,
      application: "sighup",
    });
    expect(parseOptions(["--help"])).toBeUndefined();
  });

  it.each([
    ["--for=120", "--for needs a duration with a unit"],
    ["--for=0s", "longer than nothing"],
    ["--max-ttl=5s", "--default-ttl is longer than --max-ttl"],
    ["--application=both", "--application is one of per-connection, sighup, "],
    ["--fro=120s", "Unknown option '--fro'"],
    ["120s", "Unexpected argument '120s'"],
  ])("refuse %s in words", (argument, words) => {
    expect(() => parseOptions([argument])).toThrow(UsageError);
    expect(() => parseOptions([argument])).toThrow(words);
  });
});

describe("the timeline", () => {
  const start = Date.parse("2026-01-01T00:00:00.000Z");
  const entry = (seconds: number, msg: string, fields: object = {}, level = "info"): LogEntry => ({
    time: new Date(start + seconds * 1000).toISOString(),
    level,
    msg,
    ...fields,
  });
  const [first, second] = ["v-kubernet-pg-role-5OUfsUQv3xAASWZkbECV-1", "v-kubernet-pg-role-7uiTkWgsxphogXub0qpp-2"];

  it("tells a rotation with the users numbered, at times from the start", () => {
    const timeline = createTimeline(start);
    const told = [
      entry(0.1, "login", { mount: "auth/kubernetes", role: "pg", ttl: "1h" }),
      entry(0.2, "request", { operation: "read" }, "debug"),
      entry(0.3, "read", { user: first, ttl: "10s" }),
      entry(16, "rotation due", { user: first, reason: "horizon", expiry: entry(30.25, "").time }),
      entry(16.1, "read", { user: second, ttl: "10s" }),
      entry(17, "sessions", { user: second, new_sessions: 3, old_user: first, old_sessions: 5 }, "debug"),
      entry(17.5, "sessions", { user: second, new_sessions: 3, old_user: first, old_sessions: 5 }, "debug"),
      entry(25, "released", { user: first, by: "short renewal" }),
      entry(26, "renewal failed", { error: "connection refused", retry_in: "2s" }, "warn"),
    ].map((one) => timeline.tell(one)?.text);
    expect(told).toEqual([
      "    0.1s  login           auth/kubernetes as pg, token for 1h",
      undefined,
      "    0.3s  read            user 1 …5OUfsU, lease for 10s",
      "   16.0s  rotation due    user 1 …5OUfsU: horizon, ends in 14.3s",
      "   16.1s  read            user 2 …7uiTkW, lease for 10s",
      "   17.0s  sessions moved  user 2 …7uiTkW has 3, user 1 …5OUfsU has 5",
      undefined,
      "   25.0s  released        user 1 …5OUfsU, by short renewal",
      "   26.0s  renewal failed  connection refused; again in 2s",
    ]);
  });
});

describe("the table", () => {
  const good = {
    rotationsBegun: 6,
    rotationsCompleted: 5,
    requests: 70,
    queries: 43_210,
    failed: 0,
    lastFailure: null,
    mostUsers: 2,
    usersLeft: [],
  };

  it("counts what the log says", () => {
    const tally = createLogTally();
    for (const msg of ["request", "request", "rotation due", "request", "rotated", "rotation due"])
      tally.observe({ time: "", level: "info", msg });
    expect(tally.counts()).toEqual({ rotationsBegun: 2, rotationsCompleted: 1, requests: 3 });
    expect(formatTable(good)).toContain("queries                 43,210");
  });

  it("finds fault with a failed query and with a user that is left, and with nothing else", () => {
    expect(faultsOf(good)).toEqual([]);
    expect(faultsOf({ ...good, failed: 1, lastFailure: "28P01 no" })).toEqual([expect.stringContaining("28P01 no")]);
    expect(faultsOf({ ...good, usersLeft: ["v-1"] })).toEqual([expect.stringContaining("v-1")]);
  });
});

describe("the configuration", () => {
  it("tells lessee whom to signal only where the application waits for a signal", () => {
    const options = parseOptions([]) as DemoOptions;
    const inputs = {
      options,
      vaultAddress: "http://127.0.0.1:1",
      authMount: "auth/kubernetes",
      credentialPath: "database/creds/pg-role",
      tokenFile: "/t/token",
      destination: "/t/config.yaml",
      application: {},
      stateFolder: "/t/state",
      postgres: "127.0.0.1:2/tsb",
      healthAddress: "127.0.0.1:3",
    };
    expect(agentConfiguration(inputs)).not.toContain("notify");
    const told = { notify: 'notify "signal" { pid_file = "/t/application.pid" }' };
    expect(agentConfiguration({ ...inputs, application: told })).toContain('pid_file = "/t/application.pid"');
  });
});
