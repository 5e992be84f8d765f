import { describe, expect, it } from "vitest";
import { defaultCredential } from "../../src/config/defaults.ts";
import { load, loadValid, MINIMAL } from "./folder.ts";

const EVERYTHING = `${MINIMAL}
credential "database/creds/pg-role" {
  connection_max_lifetime = "1h"
  lifetime                = "10m"
  reader_grace            = 15
  longest_use             = "2m"
  preparation             = "20s"
  hearing                 = "40s"
  margin                  = "8s"
  quiet_period            = "12s"
  max_new_per_hour        = 3
  probe                   = false
  publish                 = "symlink"
  escalate                = ["notify", "idle", "all"]
  postgres {
    connection_url  = "postgresql://{{username}}:{{password}}@postgres:5432/tsb?sslmode=verify-full"
    verify_query    = "SELECT 2"
    drain           = "terminate"
    connect_timeout = "3s"
  }
  postgres {
    connection_url = "postgresql://{{username}}:{{password}}@replica:5432/tsb"
  }
  notify "signal" {
    process = "tsb"
    signal  = "SIGUSR1"
    timeout = "1s"
  }
  notify "signal" { pid_file = "/run/tsb.pid" }
  notify "http" {
    url     = "http://127.0.0.1:8080/-/reload"
    method  = "put"
    headers = { Authorization = "Bearer x" }
    body    = "{}"
  }
  notify "exec" {
    command = ["app", "reload"]
    env { MODE = "quick" }
  }
  notify "file" { path = "/run/reload" }
}
health { address = "127.0.0.1:9102" }
state {
  path     = "/run/lessee"
  key_file = "/keys/state"
}
job {
  until        = "process"
  sidecars     = ["envoy"]
  container    = "vault-agent"
  quiet_period = "15s"
}
kubernetes {
  events               = true
  service_account_path = "/run/sa"
}
shutdown_timeout = "25s"
release_on_exit  = "never"
`;

describe("lessee's own blocks", () => {
  it("are read with every key", async () => {
    const { config, warnings } = await loadValid(EVERYTHING);
    expect(warnings).toEqual([]);
    expect(config.credentials).toEqual([
      {
        path: "database/creds/pg-role",
        connectionMaxLifetime: 3_600_000,
        lifetime: 600_000,
        readerGrace: 15_000,
        longestUse: 120_000,
        preparation: 20_000,
        hearing: 40_000,
        margin: 8_000,
        quietPeriod: 12_000,
        maxNewPerHour: 3,
        probe: false,
        publish: "symlink",
        escalate: ["notify", "idle", "all"],
        postgres: [
          {
            connectionUrl: "postgresql://{{username}}:{{password}}@postgres:5432/tsb?sslmode=verify-full",
            verifyQuery: "SELECT 2",
            drain: "terminate",
            connectTimeout: 3_000,
          },
          {
            connectionUrl: "postgresql://{{username}}:{{password}}@replica:5432/tsb",
            verifyQuery: "SELECT 1",
            drain: "watch",
            connectTimeout: 5_000,
          },
        ],
        notify: [
          { kind: "signal", signal: "SIGUSR1", process: "tsb", timeout: 1_000 },
          { kind: "signal", signal: "SIGHUP", pidFile: "/run/tsb.pid", timeout: 10_000 },
          {
            kind: "http",
            url: "http://127.0.0.1:8080/-/reload",
            method: "PUT",
            headers: { Authorization: "Bearer x" },
            body: "{}",
            timeout: 10_000,
          },
          { kind: "exec", command: ["app", "reload"], env: { MODE: "quick" }, timeout: 10_000 },
          { kind: "file", path: "/run/reload", timeout: 10_000 },
        ],
      },
    ]);
    expect(config).toMatchObject({
      health: { address: "127.0.0.1:9102" },
      state: { path: "/run/lessee", keyFile: "/keys/state" },
      job: { until: "process", sidecars: ["envoy"], container: "vault-agent", quietPeriod: 15_000 },
      kubernetes: { events: true, serviceAccountPath: "/run/sa" },
      shutdownTimeout: 25_000,
      releaseOnExit: "never",
    });
  });

  it("are printed under their own name, in the words of the file, without secrets", async () => {
    const { parsed } = await loadValid(EVERYTHING.replace("{{password}}@replica", "hunter2@replica"));
    const { lessee } = parsed as { lessee: { credential: Record<string, unknown>[] } };
    expect(lessee).toMatchObject({
      shutdown_timeout: "25s",
      release_on_exit: "never",
      job: { until: "process", quiet_period: "15s" },
    });
    expect(lessee.credential[0]).toMatchObject({
      path: "database/creds/pg-role",
      connection_max_lifetime: "1h0m0s",
      reader_grace: "15s",
      max_new_per_hour: 3,
      postgres: [{ connect_timeout: "3s", drain: "terminate" }, {}],
    });
    expect(JSON.stringify(parsed)).not.toMatch(/hunter2|Bearer/);
    expect(JSON.stringify(parsed)).toContain("{{username}}:{{password}}@postgres");
    expect(JSON.stringify(parsed)).toContain("{{username}}:[redacted]@replica");
  });

  it("mean the same in JSON", async () => {
    const { loaded, faults } = await load(
      {
        "agent.json": JSON.stringify({
          auto_auth: {
            method: { type: "kubernetes", config: { role: "pg" } },
            sink: [{ type: "file", config: { path: "token" } }],
          },
          credential: {
            "database/creds/a": { postgres: { connection_url: "postgresql://x" }, notify: { file: { path: "/a" } } },
            "database/creds/b": { notify: [{ file: { path: "/b" } }, { exec: { command: ["c"] } }] },
            "database/creds/c": {},
          },
          health: { address: "" },
        }),
      },
      ["-config=agent.json"],
    );
    expect(faults).toBe("");
    expect(loaded?.config.credentials).toMatchObject([
      {
        path: "database/creds/a",
        postgres: [{ connectionUrl: "postgresql://x" }],
        notify: [{ kind: "file", path: "/a" }],
      },
      { path: "database/creds/b", notify: [{ path: "/b" }, { command: ["c"] }] },
      { path: "database/creds/c", quietPeriod: 10_000 },
    ]);
    expect(loaded?.config.health.address).toBe("");
  });

  it.each([
    ["credential {}", "a credential block needs the path of its secret"],
    ['credential "x" {}\ncredential "/x/" {}', 'credential "x" stands twice (the first is in line'],
    ['credential "x" { reader_grac = 1 }', 'unknown key "reader_grac" in credential (did you mean reader_grace?)'],
    ['credential "x" { reader_grace = "-5s" }', "reader_grace cannot be negative, got -5s"],
    ['credential "x" { max_new_per_hour = 0 }', "max_new_per_hour must be greater than 0, got 0"],
    ['credential "x" { probe = "off" }', "credential.probe: unknown type"],
    [
      'credential "x" { publish = "renam" }',
      'publish must be "rename", "symlink" or "in-place", got "renam" (did you mean "rename"?)',
    ],
    [
      'credential "x" { escalate = ["notify", "all"] }',
      "escalate: sessions can be ended only where there is a postgres block",
    ],
    ['credential "x" { escalate = ["idl"] }', 'escalate knows no "idl" (did you mean "idle"?)'],
    ['credential "x" { postgres {} }', "postgres needs a connection_url"],
    ['credential "x" { notify {} }', "notify needs a kind"],
    [
      'credential "x" { postgres { connection_url = "postgresql://h/db?sslmode=full" } }',
      "connection_url cannot be used: sslmode=full is not known",
    ],
    [
      'credential "x" { postgres { connection_url = "h:5432/db" } }',
      "connection_url cannot be used: it begins with h:",
    ],
    [
      'credential "x" { postgres { connection_url = "postgresql://h:0/db" } }',
      "its port is not a number from 1 to 65535",
    ],
    ['credential "x" { postgres { connection_url = "postgresql://%zz@h/db" } }', "a % in it is not followed by"],
    ['credential "x" { notify "http" { url = "localhost:8080" } }', '"localhost:8080" is not an address'],
    ['health { address = "0.0.0.0:65536" }', 'health.address must be host:port, got "0.0.0.0:65536"'],
    ['credential "x" { notify "https" { url = "x" } }', 'unknown kind of notify "https" (did you mean "http"?)'],
    ['credential "x" { notify "http" {} }', 'credential.notify "http" needs a url'],
    ['credential "x" { notify "exec" { command = [] } }', 'notify "exec" needs a command'],
    ['credential "x" { notify "exec" { command = "a" } }', "credential.notify.command: unknown slice type"],
    ['credential "x" { notify "signal" {} }', 'notify "signal" needs one of process, pid_file and pid (it has 0)'],
    [
      'credential "x" { notify "signal" { pid = 1 process = "a" } }',
      "needs one of process, pid_file and pid (it has 2)",
    ],
    ['credential "x" { notify "signal" { pid = 1 signal = "HUP" } }', 'invalid signal "HUP"'],
    [
      'credential "x" { notify "file" { path = "a" pth = "b" } }',
      'unknown key "pth" in credential.notify (did you mean path?)',
    ],
    ['health { address = "9102" }', 'health.address must be host:port, got "9102"'],
    ['health { adress = "" }', 'unknown key "adress" in health (did you mean address?)'],
    ["health {}\nhealth {}", 'at most one "health" block is allowed'],
    ["state { paths = 1 }", 'unknown key "paths" in state (did you mean path?)'],
    ['job { until = "process" unless = 1 }', 'unknown key "unless" in job'],
    [
      'job { until = "containrs" }',
      'until must be "containers" or "process", got "containrs" (did you mean "containers"?)',
    ],
    ['job { sidecar = ["x"] }', 'unknown key "sidecar" in job (did you mean sidecars?)'],
    [
      'kubernetes { service_account = "x" }',
      'unknown key "service_account" in kubernetes (did you mean service_account_path?)',
    ],
    ['shutdown_timeout = "later"', 'time: invalid duration "later"'],
    [
      'release_on_exit = "alway"',
      'release_on_exit must be "drained", "always" or "never", got "alway" (did you mean "always"?)',
    ],
  ])("refuse %s", async (text, message) => {
    const { faults } = await load({ "agent.hcl": MINIMAL + text });
    expect(faults).toMatch(/^agent\.hcl:\d+: /);
    expect(faults).toContain(message);
    expect(faults.split("\n")).toHaveLength(1);
  });
});

describe("defaultCredential", () => {
  it("is what a path has without a block", async () => {
    const { config } = await loadValid(`${MINIMAL}credential "a/b" {}\n`);
    expect(config.credentials).toEqual([defaultCredential("a/b")]);
  });

  it("lets a connection be used for a tenth of its lifetime, and at least a minute", () => {
    expect(defaultCredential("x").longestUse).toBe(60_000);
    expect(defaultCredential("x", { connectionMaxLifetime: 60_000 }).longestUse).toBe(60_000);
    expect(defaultCredential("x", { connectionMaxLifetime: 3_600_000 }).longestUse).toBe(360_000);
    expect(defaultCredential("x", { connectionMaxLifetime: 3_600_000, longestUse: 1 }).longestUse).toBe(1);
  });
});
