/** Vault Agent's command line and environment, flag by flag and variable by variable: what each of them does. */
import { readFileSync } from "node:fs";
import files from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AGENT_FLAGS } from "../../src/cli/agent-flags.ts";
import { parseFlags } from "../../src/cli/flags.ts";
import { loadConfig } from "../../src/config/load.ts";
import { Sensitive } from "../../src/sensitive.ts";
import { sharedAvailable, sharedFile } from "../support/shared.ts";

const FILE = `
vault {
  address = "https://file:8200"
  ca_cert = "/file/ca.pem"
}
auto_auth {
  method "kubernetes" { config = { role = "pg" } }
  sink "file" { config = { path = "/file/token" } }
}
log_level = "error"
`;

let folder = "";
beforeAll(async () => {
  folder = await files.mkdtemp(join(tmpdir(), "surface-"));
  await files.writeFile(join(folder, "agent.hcl"), FILE);
});
afterAll(() => files.rm(folder, { recursive: true }));

async function load(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const outcome = parseFlags(args, AGENT_FLAGS);
  if (outcome.kind !== "parsed") throw new Error(JSON.stringify(outcome));
  return loadConfig({ paths: [join(folder, "agent.hcl")], files, env, flags: outcome.flags });
}

/** A flag, its variable, a value for them and what follows from it; of both the flag holds. */
const BOTH: readonly (readonly [flag: string, variable: string, value: string, other: string, effect: object])[] = [
  ["address", "VAULT_ADDR", "https://a:1", "https://b:1", { vault: { address: "https://a:1" } }],
  ["ca-cert", "VAULT_CACERT", "/a.pem", "/b.pem", { vault: { caCert: "/a.pem" } }],
  ["ca-path", "VAULT_CAPATH", "/a", "/b", { vault: { caPath: "/a" } }],
  ["client-cert", "VAULT_CLIENT_CERT", "/a.pem", "/b.pem", { vault: { clientCert: "/a.pem" } }],
  ["client-key", "VAULT_CLIENT_KEY", "/a.key", "/b.key", { vault: { clientKey: "/a.key" } }],
  ["tls-server-name", "VAULT_TLS_SERVER_NAME", "a", "b", { vault: { tlsServerName: "a" } }],
  ["tls-skip-verify", "VAULT_SKIP_VERIFY", "true", "false", { vault: { tlsSkipVerify: true } }],
  ["namespace", "VAULT_NAMESPACE", "a/", "b/", { vault: { namespace: "a/" } }],
  ["disable-redirects", "VAULT_DISABLE_REDIRECTS", "true", "false", { vault: { disableRedirects: true } }],
  ["log-level", "VAULT_LOG_LEVEL", "trace", "warn", { log: { level: "trace" } }],
  ["log-format", "VAULT_LOG_FORMAT", "json", "standard", { log: { format: "json" } }],
];

describe("flag and variable", () => {
  it.each(BOTH)("-%s and %s", async (flag, variable, value, other, effect) => {
    const given = flag.startsWith("tls-skip") || flag.startsWith("disable") ? `-${flag}` : `-${flag}=${value}`;
    expect((await load([], { [variable]: value })).config).toMatchObject(effect);
    expect((await load([given])).config).toMatchObject(effect);
    expect((await load([given], { [variable]: other })).config).toMatchObject(effect);
  });
});

const FLAGS: readonly (readonly [args: readonly string[], effect: object])[] = [
  [["-exit-after-auth"], { exitAfterAuth: true, health: { address: "" } }],
  [["-exit-after-auth=false"], { exitAfterAuth: false }],
  [["-ns=a", "-namespace=b"], { vault: { namespace: "a/" } }],
  [["-header", "A=1", "-header=B=2=3"], { vault: { headers: { A: "1", B: "2=3" } } }],
  [["-log-file=/var/log/"], { log: { file: "/var/log/agent.log" } }],
  [["-log-rotate-bytes=10"], { log: { rotateBytes: 10 } }],
  [["-log-rotate-duration=1h"], { log: { rotateDuration: 3_600_000 } }],
  [["-log-rotate-max-files=-1"], { log: { rotateMaxFiles: -1 } }],
];

const VARIABLES: readonly (readonly [name: string, value: string, effect: object])[] = [
  ["VAULT_CACERT_BYTES", "pem", { vault: { caCertBytes: "pem" } }],
  ["VAULT_CLIENT_CERT_BYTES", "pem", { vault: { clientCertBytes: "pem" } }],
  ["VAULT_CLIENT_KEY_BYTES", "pem", { vault: { clientKeyBytes: new Sensitive("pem") } }],
  ["VAULT_CLIENT_TIMEOUT", "5", { vault: { clientTimeout: 5_000 } }],
  ["VAULT_CLIENT_TIMEOUT", "1m", { vault: { clientTimeout: 60_000 } }],
  ["VAULT_MAX_RETRIES", "0", { vault: { numRetries: 0 } }],
  ["VAULT_RATE_LIMIT", "2.5", { vault: { rateLimit: { rate: 2.5, burst: 2 } } }],
  ["VAULT_RATE_LIMIT", "0.5", { vault: { rateLimit: { rate: 0.5, burst: 1 } } }],
  ["VAULT_RATE_LIMIT", "10:40", { vault: { rateLimit: { rate: 10, burst: 40 } } }],
  ["VAULT_SRV_LOOKUP", "true", { vault: { srvLookup: true } }],
  ["VAULT_SRV_LOOKUP", "0", { vault: { srvLookup: false } }],
  [
    "VAULT_AGENT_DISABLE_IDLE_CONNECTIONS",
    "Proxying,templating",
    { disableIdleConnections: { apiProxy: true, templating: true, autoAuth: false } },
  ],
  ["VAULT_AGENT_DISABLE_KEEP_ALIVES", "auto-auth", { disableKeepAlives: { autoAuth: true, apiProxy: false } }],
];

describe("what has one of them alone", () => {
  it.each(FLAGS)("%j", async (args, effect) => {
    expect((await load(args)).config).toMatchObject(effect);
  });

  it.each(VARIABLES)("%s=%s", async (name, value, effect) => {
    expect((await load([], { [name]: value })).config).toMatchObject(effect);
  });

  it.each([
    ["VAULT_CLIENT_TIMEOUT", "soon"],
    ["VAULT_MAX_RETRIES", "-1"],
    ["VAULT_RATE_LIMIT", "fast"],
    ["VAULT_RATE_LIMIT", "0"],
    ["VAULT_RATE_LIMIT", "1:x"],
    ["VAULT_SRV_LOOKUP", "perhaps"],
    ["VAULT_SKIP_VERIFY", "yes"],
  ])("%s=%s keeps the agent from starting", async (name, value) => {
    const { refusals } = await load([], { [name]: value });
    expect(refusals.map(({ file }) => file)).toEqual([name]);
  });
});

/** Taken, because Vault's every command takes them, and of no meaning for an agent. */
const WITHOUT_EFFECT: readonly (readonly [args: readonly string[], env: Readonly<Record<string, string>>])[] = [
  [["-agent-address=https://a:1"], { VAULT_AGENT_ADDR: "https://b:1" }],
  [["-wrap-ttl=5m"], { VAULT_WRAP_TTL: "5m" }],
  [["-mfa=a", "-mfa=b"], { VAULT_MFA: "c" }],
  [["-unlock-key=k"], {}],
  [["-policy-override"], {}],
  [["-output-curl-string"], {}],
  [["-output-policy"], {}],
  [["-non-interactive"], {}],
  [["-config=elsewhere"], { VAULT_AGENT_CONFIG_PATH: "elsewhere" }],
  [["-test-verify-only"], { VAULT_TEST_VERIFY_ONLY_DUMP_CONFIG: "1" }],
  [["-combine-logs"], {}],
  [[], { VAULT_TOKEN: "s.t" }],
  [[], { VAULT_HTTP_PROXY: "http://p:1", VAULT_PROXY_ADDR: "http://q:1" }],
];

describe("what changes nothing of the configuration", () => {
  it.each(WITHOUT_EFFECT)("%j %j", async (args, env) => {
    expect(await load(args, env)).toEqual(await load([]));
  });
});

describe("the tables above", () => {
  const flagsHere = [
    ...BOTH.map(([flag]) => flag),
    ...[...FLAGS, ...WITHOUT_EFFECT].flatMap(([args]) =>
      args.filter((arg) => arg.startsWith("-")).map((arg) => arg.slice(1).split("=")[0]!),
    ),
  ];
  const variablesHere = [
    ...BOTH.map(([, variable]) => variable),
    ...VARIABLES.map(([name]) => name),
    ...WITHOUT_EFFECT.flatMap(([, env]) => Object.keys(env)),
  ];

  it("have every flag that there is, and no other", () => {
    expect([...new Set(flagsHere)].sort()).toEqual(AGENT_FLAGS.map(({ name }) => name).sort());
  });

  it.skipIf(!sharedAvailable)("have every flag and variable of the reference (needs the reference texts)", () => {
    const text = readFileSync(sharedFile("reference", "vault-agent.md"), "utf8");
    const section = text.slice(text.indexOf("### 1.1 "), text.indexOf("### 1.3 "));
    const rows = section.split("\n").filter((line) => /^\| [`(]/.test(line));
    const names = (line: string, pattern: RegExp) => [...line.matchAll(pattern)].map(([, name]) => name!);
    const flags = rows.flatMap((row) => names(row.split("|")[1]!, /`-([a-z-]+)`/g));
    const variables = new Set(names(section, /`(VAULT_[A-Z_]+)`/g));
    expect(flags.length).toBeGreaterThan(25);
    expect(variables.size).toBeGreaterThan(20);
    expect(flags.filter((flag) => !flagsHere.includes(flag))).toEqual([]);
    expect([...variables].filter((variable) => !variablesHere.includes(variable))).toEqual([]);
  });

  it("agree with the documentation", () => {
    const text = readFileSync(new URL("../../docs/configuration.md", import.meta.url), "utf8");
    const named = (name: string) => text.includes(`\`${name}\``);
    expect(variablesHere.filter((variable) => !named(variable))).toEqual([]);
    expect(flagsHere.filter((flag) => !named(`-${flag}`))).toEqual([]);
  });
});
