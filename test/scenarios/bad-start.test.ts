/** What cannot work says so: one clear line with what, where and what to do, and the right exit code. */
import { execFileSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { selfSignedCertificate } from "../../dev/kubernetes/certificate.ts";
import { configuration, template } from "../support/configuration.ts";
import { type Pod, startWorld, type World } from "../support/world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

const LONG = { ttl: { default: "60s", max: "10m" } };

/** How it ends with this configuration, and what it says outside of its log. */
async function refused(pod: Pod, text: string): Promise<string> {
  const agent = await pod.agent(text);
  expect(await agent.ended).toEqual({ code: 1, signal: null });
  return agent.lines.join("\n");
}

/** The log's line that tells why, while it goes on trying. */
async function untilSaid(pod: Pod, text: string, message: string): Promise<{ error: string; ready: string }> {
  const agent = await pod.agent(text);
  const { error } = await agent.event(message);
  await expect.poll(async () => (await pod.get("/readyz")).text).toContain(String(error).slice(0, 60));
  const ready = await pod.get("/readyz");
  expect(ready.status).toBe(503);
  expect((await agent.stop()).code).toBe(0);
  return { error: String(error), ready: ready.text };
}

describe("at start, a configuration with", () => {
  it("an unknown block is a warning, as in Vault Agent, and names the nearest", async () => {
    const pod = await world.pod(LONG);
    const agent = await pod.agent(configuration(pod, { rest: `telemetri { statsd_address = "x" }` }));
    await agent.event("published");
    const warnings = agent.entries.filter(({ level }) => level === "warn").map(({ msg }) => msg);
    expect(warnings.join("\n")).toMatch(/agent\.hcl:\d+: .*telemetri.*telemetry/);
    expect((await agent.stop()).code).toBe(0);
  });

  it("a pipe in the place of a file is refused, and nobody waits for it", async () => {
    const pod = await world.pod();
    execFileSync("mkfifo", [pod.path("pipe")]);
    const source = `template {\n source = "${pod.path("pipe")}"\n destination = "${pod.destination}"\n}\n`;
    expect(await refused(pod, configuration(pod, { template: source }))).toMatch(/pipe is no file, and nobody writes/);
    const method = `role = "pg"\n token_path = "${pod.path("pipe")}"`;
    const agent = await pod.agent(configuration(pod, { method, autoAuth: "exit_on_err = true" }));
    expect((await agent.ended).code).toBe(1);
    expect((await agent.event("login failed")).error).toMatch(/pipe is no file, and nobody writes/);
  });

  it("an unknown key in a template is refused", async () => {
    const pod = await world.pod();
    const text = configuration(pod, { template: template(pod.destination, undefined, `destinatoin = "/x"`) });
    expect(await refused(pod, text)).toMatch(/agent\.hcl:\d+: .*destinatoin.*destination/);
  });

  it("several faults names all of them, each with its line", async () => {
    const pod = await world.pod();
    const said = await refused(
      pod,
      configuration(pod, { credential: `hearing = "soon"\n lifetme = "1h"`, autoAuth: `min_backoff = "often"` }),
    );
    expect(said).toMatch(/agent\.hcl:\d+: .*"soon" \(credential\.hearing wants a duration/);
    expect(said).toMatch(/agent\.hcl:\d+: .*lifetme.*lifetime/);
    expect(said).toMatch(/agent\.hcl:\d+: .*"often" \(auto_auth\.method\.min_backoff wants a duration/);
  });

  it("no role is refused", async () => {
    const pod = await world.pod();
    const text = configuration(pod, { method: `token_path = "${pod.tokenFile}"` });
    expect(await refused(pod, text)).toMatch(/missing 'role' value.*role = "pg"/);
  });

  it.each([
    [
      "an address that is none",
      { VAULT_ADDR: "127.0.0.1:8200" },
      /vault\.address: "127\.0\.0\.1:8200" is not an address.*https:/,
    ],
    [
      "a proxy that is none",
      { VAULT_HTTP_PROXY: "proxy:3128" },
      /VAULT_HTTP_PROXY: "proxy:3128" is not the address of a/,
    ],
  ])("%s is refused, and nothing is asked", async (_what, env, said) => {
    const pod = await world.pod();
    const agent = await pod.agent(configuration(pod), { env });
    expect(await agent.ended).toEqual({ code: 1, signal: null });
    expect(agent.lines.join("\n")).toMatch(said);
    expect(pod.requests(({ path }) => path.endsWith("/login"))).toBe(0);
  });

  it("a template that does not parse is refused, with its position", async () => {
    const pod = await world.pod();
    const text = configuration(pod, { template: template(pod.destination, `line one\n{{ if }}\n`) });
    expect(await refused(pod, text)).toMatch(
      /agent\.hcl:\d+: template \S*config\.yaml: .*:2:\d* ?.*missing value for if/,
    );
  });

  it("a CA file that is none is refused", async () => {
    const pod = await world.pod();
    await writeFile(pod.path("ca.pem"), "not a certificate");
    const text = configuration(pod, { vault: `ca_cert = "${pod.path("ca.pem")}"` });
    expect(await refused(pod, text)).toMatch(
      /vault\.ca_cert: \S*ca\.pem: there is no PEM certificate in it.*BEGIN CERTIFICATE/,
    );
  });
});

describe("at start, says why it is not ready and goes on trying, when", () => {
  it("the JWT cannot be read, and is ready when it can", async () => {
    const pod = await world.pod(LONG);
    const jwt = pod.path("late", "token");
    const agent = await pod.agent(configuration(pod, { method: `role = "pg"\n token_path = "${jwt}"` }));
    const { error } = await agent.event("login failed");
    expect(error).toMatch(/cannot read the service account token \S*late\/token: ENOENT \(.*service account token/);
    const ready = await pod.get("/readyz");
    expect(ready.status).toBe(503);
    expect(ready.text).toContain("cannot read the service account token");
    await mkdir(pod.path("late"));
    await writeFile(jwt, world.kubernetes.signToken({ namespace: "tsb", name: "tsb" }));
    await agent.event("published");
    expect((await pod.get("/readyz")).status).toBe(200);
    expect((await agent.stop()).code).toBe(0);
  });

  it("the role does not exist", async () => {
    const pod = await world.pod();
    const text = configuration(pod, { method: `role = "nobody"\n token_path = "${pod.tokenFile}"` });
    const { error } = await untilSaid(pod, text, "login failed");
    expect(error).toMatch(
      /auth\/kubernetes\/login: 400 invalid role name "nobody" \(.*auto_auth\.method\.config\.role/,
    );
  });

  it("the role is not for this service account", async () => {
    const pod = await world.pod();
    const text = configuration(pod, { method: `role = "spm"\n token_path = "${pod.tokenFile}"` });
    const { error } = await untilSaid(pod, text, "login failed");
    expect(error).toMatch(
      /auth\/kubernetes\/login: (400|403) .*not authorized \(.*not bound to this pod's service account/,
    );
  });

  it("the server's certificate is signed by another CA", async () => {
    const pod = await world.pod();
    await writeFile(pod.path("ca.pem"), selfSignedCertificate(["127.0.0.1"]).certificate);
    // The cluster's endpoint speaks TLS as a Vault would: nothing that it answers comes to be read.
    const text = configuration(pod, {
      address: world.kubernetes.address,
      vault: `ca_cert = "${pod.path("ca.pem")}"`,
    });
    const { error } = await untilSaid(pod, text, "login failed");
    expect(error).toMatch(/^https:\/\/127\.0\.0\.1:\d+: .*(certificate|self-signed).*\(.*ca_cert/);
  });

  it("the policy does not allow the path", async () => {
    const pod = await world.pod();
    await pod.seed.api.expect("PUT", `sys/policies/acl/${pod.seed.policy}`, {
      policy: `path "other/*" { capabilities = ["read"] }\n`,
    });
    const { error } = await untilSaid(pod, configuration(pod), "read failed");
    expect(error).toMatch(/database\/creds\/pg-role: 403 .*permission denied \(.*policies/);
  });

  it("there is nothing at the path", async () => {
    const pod = await world.pod();
    const text = configuration(pod, {
      template: template(pod.destination, `{{ with secret "database/creds/pg-roll" }}{{ .Data.username }}{{ end }}\n`),
    });
    const { error } = await untilSaid(pod, text, "read failed");
    expect(error).toMatch(/database\/creds\/pg-roll: 40[04] .*pg-roll.* \(.*check the path/);
  });

  it("Vault is sealed, and is ready when somebody has unsealed it", async () => {
    const pod = await world.pod(LONG);
    await pod.seed.api.expect("POST", "sys/seal");
    const agent = await pod.agent(configuration(pod));
    const { error } = await agent.event("login failed");
    expect(error).toMatch(/503 .*sealed \(.*unseal/i);
    expect((await pod.get("/readyz")).text).toMatch(/sealed/i);
    await pod.seed.api.expect("POST", "sys/unseal", { key: pod.vault.unsealKey });
    await agent.event("published");
    expect((await agent.stop()).code).toBe(0);
  });

  it("Postgres refuses the candidate", async () => {
    const pod = await world.pod(LONG);
    const text = configuration(pod, { verify: "SELECT * FROM no_such_table" });
    const { error } = await untilSaid(pod, text, "verification failed");
    expect(error).toMatch(/no_such_table.*does not exist/);
  });

  it("the destination cannot be written", async () => {
    const pod = await world.pod(LONG);
    await writeFile(pod.path("secrets", "file"), "");
    const text = configuration(pod, { template: template(pod.path("secrets", "file", "config.yaml")) });
    const { error } = await untilSaid(pod, text, "publish failed");
    expect(error).toMatch(/secrets\/file\/config\.yaml: .*(ENOTDIR|not a (directory|folder)).*\(.+\)/);
  });
});

const root = process.getuid?.() === 0 && process.platform === "linux";

it.skipIf(!root)("at start, a full disk is said, and the file is written when there is room (needs root)", async () => {
  const pod = await world.pod(LONG);
  const disk = pod.path("disk");
  await mkdir(disk);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=16k", "tmpfs", disk]);
  try {
    const big = `${disk}/big`;
    await writeFile(big, "x".repeat(16_384)).catch(() => {});
    const agent = await pod.agent(configuration(pod, { template: template(`${disk}/config.yaml`) }));
    const { error } = await agent.event("publish failed");
    expect(error).toMatch(/disk\/config\.yaml: .*(ENOSPC|no space|full)/);
    await writeFile(big, "");
    await agent.event("published");
    expect((await agent.stop()).code).toBe(0);
  } finally {
    execFileSync("umount", ["-l", disk]);
  }
});

describe("at start, ends with 1 where that is asked for:", () => {
  it("exit_on_err, and the login fails", async () => {
    const pod = await world.pod();
    const agent = await pod.agent(
      configuration(pod, { autoAuth: "exit_on_err = true", method: `role = "pg"\n token_path = "/nowhere/token"` }),
    );
    expect(await agent.ended).toEqual({ code: 1, signal: null });
    expect((await agent.event("stopping")).reason).toMatch(/exit_on_err is set: cannot read .*\/nowhere\/token/);
  });

  it.each([[], ["-exit-after-auth"]])(
    "a token that may be used so often only, and its role is to be changed %s",
    async (...args) => {
      const pod = await world.pod(LONG);
      await pod.seed.api.expect("POST", "auth/kubernetes/role/pg", { token_num_uses: 7 });
      const agent = await pod.agent(configuration(pod), { args });
      expect(await agent.ended).toEqual({ code: 1, signal: null });
      expect((await agent.event("stopping")).reason).toMatch(
        /may be used 7 times only, and its leases die with the last use \(set token_num_uses = 0 on the auth role\)/,
      );
      // Nothing of it is left: neither a user nor the token.
      expect(pod.requests(({ path }) => path.includes("/creds/"))).toBe(0);
      expect(pod.requests(({ path }) => path.endsWith("/login"))).toBe(1);
      expect(pod.requests(({ path }) => path.endsWith("revoke-self"))).toBe(1);
    },
  );

  it("a configuration that is not there", async () => {
    const pod = await world.pod();
    const agent = await pod.agent("", { args: [`-config=${pod.path("missing.hcl")}`] });
    expect(await agent.ended).toEqual({ code: 1, signal: null });
    expect(agent.lines.join("\n")).toMatch(/missing\.hcl/);
  });
});
