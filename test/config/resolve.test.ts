import { describe, expect, it } from "vitest";
import { load, loadValid, MINIMAL } from "./folder.ts";

const VAULT = `${MINIMAL}vault {
  address = "https://file:8200"
  ca_cert = "/file/ca.pem"
  tls_server_name = "file"
  namespace = "file/"
  retry { num_retries = 3 }
}
`;

async function vault(hcl: string, args: readonly string[], env: Record<string, string>) {
  return (await loadValid(hcl, args, env)).config.vault;
}

describe("which of several settings holds", () => {
  it("takes defaults where nobody says anything", async () => {
    const { config } = await loadValid(MINIMAL);
    expect(config).toMatchObject({
      exitAfterAuth: false,
      vault: {
        address: "https://127.0.0.1:8200",
        tlsSkipVerify: false,
        clientTimeout: 60_000,
        numRetries: 12,
        headers: {},
        disableRedirects: false,
      },
      autoAuth: { method: { minBackoff: 1_000, maxBackoff: 300_000, wrapTtl: 0, exitOnErr: false } },
      templateConfig: {
        exitOnRetryFailure: false,
        staticSecretRenderInterval: 300_000,
        leaseRenewalThreshold: 0.9,
      },
      log: { level: "info", format: "standard", rotateBytes: 0, rotateDuration: 86_400_000, rotateMaxFiles: 0 },
      health: { address: "0.0.0.0:9102" },
      state: {},
      shutdownTimeout: 20_000,
      releaseOnExit: "drained",
    });
    expect(config.vault.namespace).toBeUndefined();
  });

  it("takes the file, then the environment, then the flag", async () => {
    const env = { VAULT_ADDR: "https://env:8200", VAULT_CACERT: "/env/ca.pem", VAULT_NAMESPACE: "env/" };
    expect(await vault(VAULT, [], {})).toMatchObject({
      address: "https://file:8200",
      caCert: "/file/ca.pem",
      tlsServerName: "file",
      namespace: "file/",
      numRetries: 3,
    });
    expect(await vault(VAULT, [], env)).toMatchObject({
      address: "https://env:8200",
      caCert: "/env/ca.pem",
      tlsServerName: "file",
      namespace: "env/",
    });
    expect(await vault(VAULT, ["-address=https://flag:8200", "--namespace", "flag/"], env)).toMatchObject({
      address: "https://flag:8200",
      caCert: "/env/ca.pem",
      namespace: "flag/",
    });
  });

  it("lets a variable that is there but empty keep the file from being heard", async () => {
    const { caCert, address } = await vault(VAULT, [], { VAULT_CACERT: "", VAULT_ADDR: "" });
    expect(caCert).toBeUndefined();
    expect(address).toBe("https://127.0.0.1:8200");
  });

  it("takes the method's namespace when there is no other, and -ns before -namespace", async () => {
    const hcl = MINIMAL.replace("config = { role", 'namespace = "/team/a"\n    config = { role');
    expect((await vault(hcl, [], {})).namespace).toBe("team/a/");
    expect((await vault(hcl, [], { VAULT_NAMESPACE: "env/" })).namespace).toBe("env/");
    expect((await vault(hcl, ["-namespace=long/", "-ns=short"], {})).namespace).toBe("short/");
    expect((await vault(hcl, [], { VAULT_NAMESPACE: "/env" })).namespace).toBe("env/");
  });

  it.each([
    ["", false],
    ["false", false],
    ["0", false],
    ["F", false],
    ["true", true],
    ["1", true],
    ["T", true],
  ])("reads VAULT_SKIP_VERIFY=%j as a boolean", async (text, expected) => {
    expect((await vault(MINIMAL, [], { VAULT_SKIP_VERIFY: text })).tlsSkipVerify).toBe(expected);
  });

  it("turns verification on again against the file", async () => {
    const hcl = `${MINIMAL}vault { tls_skip_verify = true }\n`;
    expect((await vault(hcl, [], {})).tlsSkipVerify).toBe(true);
    expect((await vault(hcl, [], { VAULT_SKIP_VERIFY: "false" })).tlsSkipVerify).toBe(false);
    expect((await vault(hcl, ["-tls-skip-verify=false"], { VAULT_SKIP_VERIFY: "true" })).tlsSkipVerify).toBe(false);
  });

  it.each([
    ["VAULT_SKIP_VERIFY", "maybe", 'VAULT_SKIP_VERIFY: "maybe" is neither true nor false'],
    ["VAULT_CLIENT_TIMEOUT", "soon", 'VAULT_CLIENT_TIMEOUT: time: invalid duration "soon"'],
    ["VAULT_MAX_RETRIES", "x", 'VAULT_MAX_RETRIES: strconv.ParseInt: parsing "x": invalid syntax'],
    ["VAULT_MAX_RETRIES", "-1", 'VAULT_MAX_RETRIES: strconv.ParseInt: parsing "-1": invalid syntax'],
  ])("refuses to start with %s=%s, though the file is valid", async (name, value, message) => {
    const { config, refusals } = await loadValid(MINIMAL, [], { [name]: value });
    expect(refusals.map((fault) => `${fault.file}: ${fault.message}`)).toEqual([message]);
    expect(config.vault.tlsSkipVerify).toBe(false);
  });

  it.each([
    ["30", 30_000],
    ["1m", 60_000],
    ["0", 60_000],
  ])("reads VAULT_CLIENT_TIMEOUT=%s", async (text, expected) => {
    expect((await vault(MINIMAL, [], { VAULT_CLIENT_TIMEOUT: text })).clientTimeout).toBe(expected);
  });

  it("lets VAULT_MAX_RETRIES beat the file, 0 being off", async () => {
    expect((await vault(VAULT, [], { VAULT_MAX_RETRIES: "0" })).numRetries).toBe(0);
    expect((await vault(VAULT.replace("= 3", "= -1"), [], {})).numRetries).toBe(0);
  });

  it("keeps keys from the environment out of what is printed", async () => {
    const env = { VAULT_CACERT_BYTES: "CA", VAULT_CLIENT_CERT_BYTES: "CERT", VAULT_CLIENT_KEY_BYTES: "KEY" };
    const config = await vault(MINIMAL, [], env);
    expect(config).toMatchObject({ caCertBytes: "CA", clientCertBytes: "CERT" });
    expect(config.clientKeyBytes?.reveal()).toBe("KEY");
    expect(JSON.stringify(config)).not.toContain("KEY");
  });

  it.each([
    ["/a//b/", "a/b/"],
    ["a", "a/"],
    ["//", undefined],
  ])("writes the namespace %s of a method as %s", async (written, expected) => {
    const hcl = MINIMAL.replace("config = { role", `namespace = "${written}"\n    config = { role`);
    expect((await vault(hcl, [], {})).namespace).toBe(expected);
  });

  it("names the flags that stand too late to be read", async () => {
    const { loaded } = await load({ "agent.hcl": MINIMAL }, ["-config=agent.hcl", "x", "-exit-after-auth", "y"]);
    expect(loaded?.warnings.map(({ message }) => message)).toEqual([
      "Command flags must be provided before positional arguments. The following arguments will not be parsed as flags: [-exit-after-auth]",
    ]);
    expect(loaded?.config.exitAfterAuth).toBe(false);
  });

  it("adds headers, but none of Vault's own", async () => {
    const { config, refusals } = await loadValid(MINIMAL, ["-header=A=b=c", "-header", "X-Vault-Token=s"]);
    expect(config.vault.headers).toEqual({ A: "b=c" });
    expect(refusals.map((fault) => fault.message)).toEqual(['setting headers by name "X-Vault-Token" is not allowed']);
  });

  it("lets -exit-after-auth switch on and off, and the health server be off with it", async () => {
    const on = `${MINIMAL}exit_after_auth = true\nhealth { address = "127.0.0.1:1" }\n`;
    expect((await loadValid(on)).config).toMatchObject({ exitAfterAuth: true, health: { address: "" } });
    expect((await loadValid(on, ["-exit-after-auth=false"])).config).toMatchObject({
      exitAfterAuth: false,
      health: { address: "127.0.0.1:1" },
    });
    expect((await loadValid(MINIMAL, ["-exit-after-auth"])).config.exitAfterAuth).toBe(true);
  });

  it("takes the log's settings from flag, environment and file, in this order", async () => {
    const hcl = `${MINIMAL}log_level = "warn"\nlog_format = "json"\nlog_file = "/var/log/"\nlog_rotate_bytes = 5\n`;
    const log = async (args: readonly string[], env: Record<string, string>) =>
      (await loadValid(hcl, args, env)).config.log;
    expect(await log([], {})).toMatchObject({
      level: "warn",
      format: "json",
      file: "/var/log/agent.log",
      rotateBytes: 5,
    });
    expect(await log([], { VAULT_LOG_LEVEL: "ERR", VAULT_LOG_FORMAT: "standard" })).toMatchObject({
      level: "error",
      format: "standard",
    });
    expect(
      await log(["-log-level=notice", "-log-file=x", "-log-rotate-bytes=7", "-log-rotate-duration=60"], {
        VAULT_LOG_LEVEL: "loud",
      }),
    ).toMatchObject({ level: "info", file: "x.log", rotateBytes: 7, rotateDuration: 60_000 });
  });

  it("merges LESSEE_CONFIG last", async () => {
    const { config, parsed } = await loadValid(
      `${MINIMAL}pid_file = "a"\ncredential "x" { max_new_per_hour = 1 }\n`,
      [],
      {
        LESSEE_CONFIG: 'pid_file = "b"\ncredential "x" { max_new_per_hour = 2 }\ncredential "y" {}\n',
      },
    );
    expect(config.pidFile).toBe("b");
    expect(config.credentials.map(({ path, maxNewPerHour }) => [path, maxNewPerHour])).toEqual([
      ["x", 2],
      ["y", undefined],
    ]);
    expect(parsed).toMatchObject({ pid_file: "b" });
  });

  it("names LESSEE_CONFIG and its line where it is wrong", async () => {
    const { faults } = await load({ "agent.hcl": MINIMAL }, undefined, { LESSEE_CONFIG: "health {\n adress = 1\n}" });
    expect(faults).toBe('LESSEE_CONFIG:2: unknown key "adress" in health (did you mean address?)');
  });

  it("reads a folder's files by name, whatever their order on disk", async () => {
    const { loaded } = await load(
      { "conf/b.hcl": 'pid_file = "b"', "conf/a.hcl": `${MINIMAL}pid_file = "a"`, "conf/c.json": '{"pid_file":"c"}' },
      ["-config=conf/"],
    );
    expect(loaded?.config.pidFile).toBe("c");
  });
});

describe("templates", () => {
  async function template(body: string) {
    const { config } = await loadValid(`${MINIMAL}template {\n destination = "o"\n contents = "x"\n ${body}\n}\n`);
    return config.templates[0];
  }

  it("have the real agent's defaults", async () => {
    expect(await template("")).toMatchObject({
      destination: "o",
      contents: "x",
      engine: "go",
      createDestDirs: true,
      backup: false,
      errorOnMissingKey: false,
      errorFatal: true,
      leftDelimiter: "{{",
      rightDelimiter: "}}",
      functionDenylist: [],
    });
  });

  it.each([
    ["engine", 'engine = "handlebars"', "handlebars"],
    ["source", 'source = "/etc/a.hbs"', "handlebars"],
    ["neither", 'source = "/etc/a.ctmpl"', "go"],
  ])("choose their engine by %s", async (_, body, engine) => {
    expect((await template(body))?.engine).toBe(engine);
  });

  it.each([
    ["command = \"sh -c 'a'\"", { command: ["sh -c 'a'"], timeout: 30_000 }],
    ['command = ["a", "b"]\n command_timeout = "5s"', { command: ["a", "b"], timeout: 5_000 }],
    ['command = "a"\n exec { command = ["b"] timeout = "2s" }', { command: ["b"], timeout: 2_000 }],
    [
      'exec { command = ["b"] kill_signal = "sigterm" reload_signal = "SIGHUP" splay = "1s" env { pristine = true custom = ["A=b"] } }',
      {
        command: ["b"],
        timeout: 30_000,
        killSignal: "SIGTERM",
        reloadSignal: "SIGHUP",
        splay: 1_000,
        env: { pristine: true, custom: ["A=b"], allowlist: [], denylist: [] },
      },
    ],
    ['exec { command = ["b"] enabled = false }', undefined],
    ["", undefined],
  ])("run after %j", async (body, expected) => {
    expect((await template(body))?.command).toEqual(expected);
  });

  it.each([
    ['wait = "2s:10s"', { min: 2_000, max: 10_000 }],
    ['wait = "5s"', { min: 5_000, max: 20_000 }],
    ['wait { min = "3s" }', { min: 3_000, max: 12_000 }],
    ['wait { max = "3s" }', undefined],
  ])("wait as in %s", async (body, expected) => {
    expect((await template(body))?.wait).toEqual(expected);
  });

  it.each([
    ['perms = "0640"', { perms: 0o640 }],
    ["perms = 0640", { perms: 0o640 }],
    ["perms = 640", { perms: 0o1200 }],
    ['user = "app"\n group = "1000"', { user: "app", group: "1000" }],
    ["uid = 100\n gid = 1000", { user: "100", group: "1000" }],
  ])("own their file as in %s", async (body, expected) => {
    expect(await template(body)).toMatchObject(expected);
  });

  it("stay with nobody in particular for a negative uid", async () => {
    expect(await template("uid = -1")).not.toHaveProperty("user");
  });
});

describe("what this version cannot run", () => {
  it("is refused by name, and the configuration stays valid: a job whose end is the application's anyway", async () => {
    const { refusals } = await loadValid(`job { until = "process" }
auto_auth {
  method "kubernetes" {
    config = { role = "pg" }
  }
}
env_template "USER" { contents = "{{ with secret \\"x\\" }}{{ .Data.username }}{{ end }}" }
exec { command = ["app"] }
`);
    expect(refusals.map(({ message }) => message)).toEqual(["job: with exec the application's end is known"]);
  });

  it("of telemetry is said: services that lessee sends nothing to, and a filter that is none", async () => {
    const { refusals, warnings } = await loadValid(`auto_auth {
  method "kubernetes" { config = { role = "pg" } }
  sink "file" { config = { path = "token" } }
}
telemetry {
  circonus_api_token = "t"
  circonus_check_id = "c"
  stackdriver_project_id = "p"
  prefix_filter = ["+vault", "runtime", ""]
}
`);
    expect(warnings.map(({ line, message }) => `${line} ${message}`)).toEqual([
      "5 telemetry.circonus_api_token: lessee sends nothing to Circonus",
      "5 telemetry.stackdriver_project_id: lessee sends nothing to Stackdriver",
    ]);
    expect(refusals.map(({ line, message }) => `${line} ${message}`)).toEqual([
      `5 telemetry: filter rule must begin with either '+' or '-': "runtime"`,
      "5 telemetry: cannot have empty filter rule in prefix_filter",
    ]);
  });

  it.each([
    ["", "", []],
    ["always", "forward", []],
    ["never", "retry", []],
    ["alway", "", ['7 Unknown api_proxy setting for enforce_consistency: "alway"']],
    ["always", "wait", ['7 Unknown api_proxy setting for when_inconsistent: "wait"']],
  ])("enforces the consistency %j, and when it lacks, %j", async (enforceConsistency, whenInconsistent, expected) => {
    const { config, refusals, warnings } = await loadValid(`auto_auth {
  method "kubernetes" { config = { role = "pg" } }
  sink "file" { config = { path = "token" } }
}
vault { namespace = "team" }
listener "unix" { address = "/run/agent.sock" }
api_proxy {
  enforce_consistency = "${enforceConsistency}"
  when_inconsistent = "${whenInconsistent}"
}
`);
    expect([refusals.map(({ line, message }) => `${line} ${message}`), warnings]).toEqual([expected, []]);
    const found = config.apiProxy;
    expect([found?.enforceConsistency ?? "", found?.whenInconsistent ?? ""]).toEqual([
      enforceConsistency,
      whenInconsistent,
    ]);
  });

  it("of HashiCorp's newer agent and of Vault Proxy is taken, and said to have no effect", async () => {
    const { refusals, warnings } = await loadValid(`auto_auth {
  method "kubernetes" { config = { role = "pg" } }
  sink "file" { config = { path = "token" } }
}
listener "unix" { address = "/run/agent.sock" }
cache {
  cache_static_secrets = true
  disable_caching_dynamic_secrets = true
  static_secret_token_capability_refresh_interval = "5m"
}
vault { namespace = "team" }
template_config {
  max_connections_per_host = 5
  lease_renewal_threshold = 0.8
}
`);
    expect(refusals).toEqual([]);
    expect(warnings.map(({ line, message }) => `${line} ${message}`)).toEqual([
      "7 cache.cache_static_secrets has no effect",
      "8 cache.disable_caching_dynamic_secrets has no effect",
      "9 cache.static_secret_token_capability_refresh_interval has no effect",
    ]);
  });

  it.each([
    ["http://127.0.0.1:8200", "127.0.0.1:8200", 1],
    ["http://localhost:8200/", "127.0.0.1:8200", 1],
    ["https://127.0.0.1:8100", "0.0.0.0:8100", 1],
    ["http://[::1]:8100", ":8100", 1],
    ["http://pod.example", "pod.example:80", 1],
    ["http://127.0.0.1:8200", "127.0.0.1:8100", 0],
    ["https://vault:8200", "0.0.0.0:8200", 0],
    ["unix:///run/vault.sock", "127.0.0.1:8200", 0],
  ])("%s behind a listener at %s is itself, or not: %d", async (server, listener, faults) => {
    const { refusals } = await loadValid(
      `vault { address = "${server}" }\nlistener "tcp" {\n address = "${listener}"\n tls_disable = true\n}\n`,
    );
    expect(refusals.map(({ message }) => /would ask itself/.test(message))).toEqual(faults === 1 ? [true] : []);
  });

  it("no longer holds for exec and its templates", async () => {
    const { refusals } = await loadValid(`auto_auth {
  method "kubernetes" { config = { role = "pg" } }
}
exec { command = ["app"] }
env_template "A" { contents = "x" }
`);
    expect(refusals).toEqual([]);
  });

  it("is nothing in the smallest configuration", async () => {
    expect((await loadValid(MINIMAL)).refusals).toEqual([]);
  });
});

describe("what keeps an agent from starting although the configuration is valid", () => {
  const template = (body: string) => `${MINIMAL}template {\n ${body}\n}\n`;

  it.each([
    [
      template('source = "a"\n contents = "b"\n destination = "o"'),
      "template: cannot specify both 'source' and 'contents'",
    ],
    [template('destination = "o"'), "template: must specify exactly one of 'source' or 'contents'"],
    [template('contents = "a"'), "template: missing destination"],
    [MINIMAL.replace('sink "file"', 'sink "stdout"'), 'unknown sink type "stdout"'],
    [
      MINIMAL.replace('config = { path = "token" }', ""),
      "error creating file sink: 'path' not specified for file sink",
    ],
    [
      `${MINIMAL.replace("config =", 'wrap_ttl = "5m"\n config =')}template {\n contents = "a"\n destination = "o"\n}\n`,
      "auto_auth.method.wrap_ttl: nobody here has the token, so that no template can be rendered with it",
    ],
    [`${MINIMAL}vault { client_key = "k" }\n`, "both client cert and client key must be provided"],
  ])("is named: %s", async (hcl, message) => {
    const { refusals } = await loadValid(hcl);
    expect(refusals.map((fault) => fault.message)).toEqual([message]);
  });
});
