import { describe, expect, it } from "vitest";
import { load, MINIMAL } from "./folder.ts";

describe("faults", () => {
  it("are all reported at once, each with its line, in the order of the file", async () => {
    const { faults, warnings } = await load({
      "agent.hcl": `auto_auth {
  method "kubernetes" {
    mount_pth = "auth/x"
    min_backoff = "soon"
    exit_on_err = "true"
    config = { role = "pg" }
  }
  sink {
    config = { path = "token" }
  }
}
template {
  contents = "x"
  destinaton = "o"
  perms = "rw"
  wait = "10s:2s"
}
vault {
  tls_skip_verify = "on"
  retry { num_retries = "many" }
}
log_level = "loud"
nope = 1
`,
    });
    expect(faults.split("\n")).toEqual([
      `agent.hcl:4: error parsing 'auto_auth': error parsing 'method': time: invalid duration "soon" (auto_auth.method.min_backoff wants a duration such as "30s", or a number of seconds)`,
      "agent.hcl:5: error parsing 'auto_auth': error parsing 'method': auto_auth.method.exit_on_err: unknown type (expected true or false without quotes, got a string)",
      `agent.hcl:8: error parsing 'auto_auth': error parsing 'sink' stanzas: sink type must be specified (as sink "NAME" { … } or type = "NAME")`,
      "agent.hcl:14: error parsing 'template': 'config.TemplateConfig' has invalid keys: destinaton (did you mean destination?)",
      `agent.hcl:15: error parsing 'template': 'perms' strconv.ParseUint: parsing "rw": invalid syntax (an octal mode such as "0640")`,
      "agent.hcl:16: error parsing 'template': 'wait' wait: min must be less than max",
      `agent.hcl:19: error parsing 'vault':cannot parse '' as bool: strconv.ParseBool: parsing "on": invalid syntax (vault.tls_skip_verify wants true or false, got a string)`,
      `agent.hcl:20: error parsing 'vault':error parsing 'retry': strconv.ParseInt: parsing "many": invalid syntax (vault.retry.num_retries wants a whole number, got a string)`,
      'agent.hcl:22: unknown log level: loud (it is "trace", "debug", "info", "notice", "warn", "warning", "err" or "error")',
    ]);
    expect(warnings).toEqual(['unknown key "mount_pth" in auto_auth.method', 'unknown key "nope"']);
  });

  it("of several files come file by file", async () => {
    const { faults } = await load({ "a.hcl": "x {\n", "b.hcl": "vault {\n", "c.hcl": `${MINIMAL}pid_file = true\n` }, [
      "-config=a.hcl",
      "-config=b.hcl",
      "-config=missing.hcl",
      "-config=c.hcl",
    ]);
    expect(faults.split("\n")).toEqual([
      "missing.hcl: no such file or directory",
      "a.hcl:2: object expected closing RBRACE got: EOF (the block was opened in line 1)",
      "b.hcl:2: object expected closing RBRACE got: EOF (the block was opened in line 1)",
      "c.hcl:9: pid_file: unknown type for string (expected a string, got true)",
    ]);
  });

  it("of the whole are reported together, where the blocks stand", async () => {
    const { faults } = await load({
      "agent.hcl": `cache {
  use_auto_auth_token = true
}
api_proxy {
  use_auto_auth_token = true
}
env_template "A" {}
env_template "A" { contents = "x" }
`,
    });
    expect(faults.split("\n")).toEqual([
      "agent.hcl:1: use_auto_auth_token defined in both api_proxy and cache config. Please remove this configuration from the cache block",
      "agent.hcl:1: cache.use_auto_auth_token is true but auto_auth not configured",
      "agent.hcl:4: configuring the api_proxy requires at least 1 listener to be defined",
      "agent.hcl:4: api_proxy.use_auto_auth_token is true but auto_auth not configured",
      "agent.hcl:4: 'api_proxy' cannot be specified with 'env_template' entries",
      "agent.hcl:7: a top-level 'exec' element must be specified with 'env_template' entries",
      "agent.hcl:7: env_template[A]: either 'contents' or 'source' must be specified",
      'agent.hcl:8: env_template: duplicate environment variable name: "A"',
    ]);
  });

  it("do not make others that only follow from them", async () => {
    const { faults } = await load({ "agent.hcl": "auto_auth {}\n" });
    expect(faults).toBe(
      `agent.hcl:1: error parsing 'auto_auth': error parsing 'method': one and only one "method" block is required`,
    );
  });

  it("never quote a value that may be a secret", async () => {
    const { faults } = await load({ "agent.hcl": `${MINIMAL}vault = "s.hunter2"\npid_file = ["s.hunter2"]\n` });
    expect(faults).toContain("vault: not an object type for struct");
    expect(faults).not.toContain("hunter2");
  });

  it("of the environment name the variable", async () => {
    const { faults } = await load({ "agent.hcl": MINIMAL }, undefined, {
      VAULT_LOG_LEVEL: "loud",
      VAULT_AGENT_DISABLE_KEEP_ALIVES: "cachin",
    });
    expect(faults.split("\n")).toEqual([
      "VAULT_AGENT_DISABLE_KEEP_ALIVES: unknown disable_keep_alives value: cachin (did you mean caching?)",
      expect.stringMatching(/^VAULT_LOG_LEVEL: unknown log level: loud /),
    ]);
  });

  it("are none for a folder that cannot be read as a file", async () => {
    const { loaded } = await load({ "conf/a.hcl": MINIMAL, "conf/b.hcl/c.hcl": "broken {" }, ["-config=conf"]);
    expect(loaded?.config.autoAuth?.method.type).toBe("kubernetes");
  });
});
