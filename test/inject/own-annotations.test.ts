/** lessee's own annotations: sugar for its configuration blocks, and nothing that is not in those. */
import { describe, expect, it } from "vitest";
import { configOf, injected, podOf, refusalOf, VAULT } from "./pods.ts";

const PATH = "database/creds/pg-role";
const URL = "postgresql://{{username}}:{{password}}@postgres:5432/tsb";

function credentialOf(annotations: Readonly<Record<string, string>>): Record<string, unknown> {
  const { credential } = configOf(injected(podOf(annotations)).sidecarContainer) as {
    credential: Record<string, Record<string, unknown>>;
  };
  return credential[PATH] as Record<string, unknown>;
}

describe("an annotation of lessee's", () => {
  it.each([
    ["connection-max-lifetime", "1h", { connection_max_lifetime: "1h" }],
    ["lifetime", "30m", { lifetime: "30m" }],
    ["reader-grace", "45s", { reader_grace: "45s" }],
    ["longest-use", "5m", { longest_use: "5m" }],
    ["preparation", "20s", { preparation: "20s" }],
    ["hearing", "1m", { hearing: "1m" }],
    ["margin", "10s", { margin: "10s" }],
    ["quiet-period", "15s", { quiet_period: "15s" }],
    ["max-new-per-hour", "4", { max_new_per_hour: 4 }],
    ["probe", "false", { probe: false }],
    ["publish", "symlink", { publish: "symlink" }],
    ["notify-signal", "tsb:SIGUSR1", { notify: [{ signal: { process: "tsb", signal: "SIGUSR1" } }] }],
    ["notify-http", "PUT http://127.0.0.1/r", { notify: [{ http: { method: "PUT", url: "http://127.0.0.1/r" } }] }],
    ["notify-command", '["app", "reload"]', { notify: [{ exec: { command: ["app", "reload"] } }] }],
    ["notify-command", "kill -HUP 1", { notify: [{ exec: { command: ["/bin/sh", "-c", "kill -HUP 1"] } }] }],
    ["notify-file", "/etc/dbvault/rotated", { notify: [{ file: { path: "/etc/dbvault/rotated" } }] }],
    ["postgres-connection-url", URL, { postgres: [{ connection_url: URL }] }],
  ])("%s: %j is in the credential's block", (key, value, block) => {
    expect(credentialOf({ [`lessee/${key}`]: value, [`${VAULT}/agent-run-as-user`]: "1" })).toEqual(block);
  });

  it("that goes with a connection is in the block of each", () => {
    expect(
      credentialOf({
        "lessee/drain": "terminate",
        "lessee/escalate": "notify, idle",
        "lessee/postgres-connection-url": `${URL}?port=1\n${URL}?port=2`,
        "lessee/verify-query": "SELECT 1 FROM association LIMIT 1",
        "lessee/connect-timeout": "3s",
      }),
    ).toEqual({
      escalate: ["notify", "idle"],
      postgres: [1, 2].map((port) => ({
        connection_url: `${URL}?port=${port}`,
        drain: "terminate",
        verify_query: "SELECT 1 FROM association LIMIT 1",
        connect_timeout: "3s",
      })),
    });
  });

  it("for the whole sidecar is at the top level", () => {
    const config = configOf(
      injected(podOf({ "lessee/shutdown-timeout": "25s", "lessee/release-on-exit": "never" })).sidecarContainer,
    );
    expect(config).toMatchObject({ shutdown_timeout: "25s", release_on_exit: "never" });
  });

  it("about the job and the cluster is for the sidecar alone", () => {
    const annotations = {
      "lessee/job": "containers",
      "lessee/job-sidecars": "istio-proxy, log",
      "lessee/events": "true",
    };
    const { sidecarContainer, initContainer, spec } = injected(podOf(annotations));
    expect(configOf(sidecarContainer)).toMatchObject({
      job: { until: "containers", sidecars: ["istio-proxy", "log"] },
      kubernetes: { events: true },
    });
    expect(configOf(initContainer)).not.toHaveProperty("job");
    expect(configOf(initContainer)).not.toHaveProperty("kubernetes");
    expect(spec).not.toHaveProperty("shareProcessNamespace");
    expect(injected(podOf({ "lessee/job": "process" })).spec.shareProcessNamespace).toBe(true);
  });

  it("reaches every database user, or the one that its name says", () => {
    const several = {
      [`${VAULT}/agent-inject-secret-b`]: "database/creds/other",
      [`${VAULT}/agent-inject-secret-kv`]: "kv/data/app",
      "lessee/connection-max-lifetime": "1h",
      "lessee/connection-max-lifetime-b": "2h",
    };
    const { credential } = configOf(injected(podOf(several)).sidecarContainer);
    expect(credential).toEqual({
      [PATH]: { connection_max_lifetime: "1h" },
      "database/creds/other": { connection_max_lifetime: "2h" },
    });
  });

  it("says so where it is not clear which secret is meant", () => {
    const other = { [`${VAULT}/agent-inject-secret-config.yaml`]: "kv/a", [`${VAULT}/agent-inject-secret-b`]: "kv/b" };
    expect(refusalOf(podOf({ ...other, "lessee/lifetime": "1h" }))).toBe(
      "lessee/lifetime: it is not clear which secret is meant (say lessee/lifetime-NAME, with NAME one of config.yaml, b)",
    );
  });

  it("brings a whole configuration, which is read before a container does", () => {
    const hcl = `credential "${PATH}" { connection_max_lifetime = "1h" }`;
    const { sidecarContainer, initContainer } = injected(podOf({ "lessee/config": hcl }));
    for (const { env } of [sidecarContainer, initContainer])
      expect(env).toContainEqual({ name: "LESSEE_CONFIG", value: hcl });
    expect(refusalOf(podOf({ "lessee/config": "\ncredential {" }))).toContain("lessee/config:2");
  });

  it("in a pod whose configuration is a ConfigMap is in LESSEE_CONFIG", () => {
    const mapped = { [`${VAULT}/agent-configmap`]: "mine", "lessee/connection-max-lifetime": "1h" };
    const { sidecarContainer } = injected(podOf(mapped));
    const value = sidecarContainer.env?.find(({ name }) => name === "LESSEE_CONFIG")?.value ?? "";
    expect(JSON.parse(value)).toMatchObject({
      state: { path: "/run/lessee" },
      credential: { [PATH]: { connection_max_lifetime: "1h" } },
    });
    expect(refusalOf(podOf({ ...mapped, "lessee/config": "health {}" }))).toContain("put it into the ConfigMap");
  });
});

describe("refused, by the annotation's name:", () => {
  it.each([
    [
      "lessee/conection-max-lifetime",
      "1h",
      "unknown annotation lessee/conection-max-lifetime (did you mean lessee/connection-max-lifetime?)",
    ],
    ["lessee/lifetime-cofig.yaml", "1h", "(did you mean lessee/lifetime-config.yaml?)"],
    ["lessee/x", "1h", "(there are lessee/connection-max-lifetime, "],
    ["lessee/connection-max-lifetime", "an hour", "lessee/connection-max-lifetime: "],
    ["lessee/publish", "renam", 'did you mean "rename"'],
    ["lessee/max-new-per-hour", "many", "lessee/max-new-per-hour: "],
    ["lessee/release-on-exit", "drain", 'must be "drained", "always" or "never"'],
    ["lessee/notify-signal", "tsb:HUP", "lessee/notify-signal: "],
    ["lessee/notify-command", "[1", "lessee/notify-command: "],
    ["lessee/notify-command", "[1]", "every part must be a text"],
    ["lessee/drain", "watch", "lessee/postgres-connection-url names it"],
    ["lessee/escalate", "idle", "sessions can be ended only where there is a postgres block"],
    ["lessee/health-port", "99999", 'must be a port or "off"'],
    ["lessee/native-sidecar", "perhaps", "must be true or false"],
    ["lessee/improve", "perhaps", "must be true or false"],
  ])("%s: %j", (name, value, words) => {
    expect(refusalOf(podOf({ [name]: value }))).toContain(words);
  });
});
