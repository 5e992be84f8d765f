/** Promise 7: what was written for Vault Agent works unchanged. And what templates can ask for beside the seed's. */
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configuration, SEED_TEMPLATE, template } from "../support/configuration.ts";
import { type Pod, startWorld, type World } from "../support/world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

/** What the injector makes of the seed's annotations, with this pod's paths in place of a container's. */
function injected(pod: Pod, exitAfterAuth: boolean): string {
  return JSON.stringify({
    auto_auth: {
      method: {
        type: "kubernetes",
        mount_path: "auth/kubernetes",
        config: { role: "pg", token_path: pod.tokenFile },
      },
      sink: [{ type: "file", config: { path: pod.path("home", ".vault-token") } }],
    },
    exit_after_auth: exitAfterAuth,
    pid_file: pod.path("home", ".pid"),
    vault: { address: pod.vault.address },
    template: [
      {
        destination: pod.destination,
        contents: SEED_TEMPLATE,
        left_delimiter: "{{",
        right_delimiter: "}}",
      },
    ],
    template_config: { exit_on_retry_failure: true },
  });
}

const LONG = { ttl: { default: "60s", max: "10m" } };

describe("A drop-in", () => {
  it("of the sidecar: the injector's JSON, file for file and byte for byte", async () => {
    const pod = await world.pod(LONG);
    await mkdir(pod.path("home"));
    const agent = await pod.agent(injected(pod, false), { env: { HOME: pod.path("home") } });
    const { user } = await agent.event("published");
    const text = await readFile(pod.destination, "utf8");
    expect(text).toMatch(new RegExp(`^username: ${user}\\npassword: [A-Za-z0-9-]{20}$`));
    expect((await stat(pod.destination)).mode & 0o777).toBe(0o644);
    expect(await readFile(pod.path("home", ".pid"), "utf8")).toBe(String(agent.pid));
    const token = await readFile(pod.path("home", ".vault-token"), "utf8");
    expect((await stat(pod.path("home", ".vault-token"))).mode & 0o777).toBe(0o640);
    const self = await pod.seed.api.as(token).send("GET", "auth/token/lookup-self");
    expect(self.status).toBe(200);
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
    await expect(stat(pod.path("home", ".pid"))).rejects.toThrow("ENOENT");
  });

  it("of the init container: it ends with 0 once everything is written", async () => {
    const pod = await world.pod(LONG);
    await mkdir(pod.path("home"));
    const agent = await pod.agent(injected(pod, true), { env: { HOME: pod.path("home") } });
    expect(await agent.ended).toEqual({ code: 0, signal: null });
    const { username, password } = await pod.credential();
    expect(username).toBe((await agent.event("published")).user);
    expect(password).not.toBe("");
    expect((await readFile(pod.path("home", ".vault-token"), "utf8")).length).toBeGreaterThan(20);
    expect(await world.users.left(0)).toEqual([username]);
  });

  it("of the environment: the address and a configuration that is a folder", async () => {
    const pod = await world.pod(LONG);
    await mkdir(pod.path("conf"));
    await writeFile(
      pod.path("conf", "1-auth.hcl"),
      configuration(pod, { template: "" }).replace(/^vault \{[^}]*\}/, ""),
    );
    await writeFile(pod.path("conf", "2-template.hcl"), template(pod.destination));
    const agent = await pod.agent("", {
      env: { VAULT_ADDR: pod.vault.address },
      args: [`--config=${pod.path("conf")}`, "-exit-after-auth"],
    });
    expect(await agent.ended).toEqual({ code: 0, signal: null });
    expect((await pod.credential()).username).toMatch(/^v-kubernet-pg-role-/);
  });
});

const BOTH = `{{ with secret "secret/data/app" }}flavour={{ .Data.data.flavour }}{{ end }}
{{ with secret "database/creds/pg-role" }}user={{ .Data.username }}{{ end }}
`;

async function allowKv(pod: Pod): Promise<void> {
  const { api, policy, databaseMount } = pod.seed;
  await api.expect("POST", "secret/data/app", { data: { flavour: "vanilla-and-secret" } });
  await api.expect("PUT", `sys/policies/acl/${policy}`, {
    policy: `path "${databaseMount}/creds/*" { capabilities = ["read"] }\npath "secret/data/*" { capabilities = ["read"] }\n`,
  });
}

describe("templates", () => {
  it("of two secrets are written when both are there", async () => {
    const pod = await world.pod(LONG);
    await allowKv(pod);
    const held = pod.vault.faults.inject(({ path }) => path === "/v1/secret/data/app", {
      kind: "answer",
      status: 503,
      body: { errors: ["not now"] },
    });
    const both = pod.path("secrets", "both.conf");
    const agent = await pod.agent(
      configuration(pod, { template: template(pod.destination) + template(both, BOTH), rest: "" }),
    );
    await agent.event("read failed", ({ path }) => path === "secret/data/app");
    await agent.event("read", ({ path }) => path === "database/creds/pg-role");
    await expect(stat(both)).rejects.toThrow("ENOENT");
    expect((await pod.get("/readyz")).status).toBe(503);
    held.remove();
    await agent.event("rendered", ({ destination }) => destination === both);
    await agent.event("rendered", ({ destination }) => destination === pod.destination);
    const { username } = await pod.credential();
    expect(await readFile(both, "utf8")).toBe(`flavour=vanilla-and-secret\nuser=${username}\n`);
    await expect.poll(async () => (await pod.get("/readyz")).status).toBe(200);
    expect(pod.requests(({ path }) => path === "/v1/database/creds/pg-role")).toBe(1);
    expect((await agent.stop()).code).toBe(0);
  });

  it("that fail do not hold up the others", async () => {
    const pod = await world.pod(LONG);
    const broken = pod.path("secrets", "broken.conf");
    const agent = await pod.agent(
      configuration(pod, {
        template:
          template(
            broken,
            `{{ with secret "database/creds/pg-role" }}{{ .Data.username | parseInt }}{{ end }}\n`,
            `error_on_missing_key = true`,
          ) + template(pod.destination),
      }),
    );
    const { error } = await agent.event("render failed");
    expect(error).toMatch(/:1:\d+: .*parseInt/);
    await agent.event("published");
    expect((await pod.credential()).username).toMatch(/^v-kubernet-pg-role-/);
    await expect(stat(broken)).rejects.toThrow("ENOENT");
    const ready = await pod.get("/readyz");
    expect(ready.status).toBe(503);
    expect(ready.text).toContain("broken.conf");
    expect((await agent.stop()).code).toBe(0);
  });

  it("that fail do not hold up the others' rotation either", { timeout: 60_000 }, async () => {
    const pod = await world.pod();
    const broken = pod.path("secrets", "broken.conf");
    const agent = await pod.agent(
      configuration(pod, {
        template:
          template(broken, `{{ with secret "database/creds/pg-role" }}{{ .Data.username | parseInt }}{{ end }}\n`) +
          template(pod.destination),
      }),
    );
    const [first, second] = await agent.events("published", 2);
    expect(second?.user).not.toBe(first?.user);
    expect((await pod.credential()).username).toBe(second?.user);
    await agent.stop();
  });

  it("may be Handlebars, which escapes nothing", async () => {
    const pod = await world.pod(LONG);
    await allowKv(pod);
    await pod.seed.api.expect("POST", "secret/data/app", { data: { flavour: `<"vanilla" & more>` } });
    const source = pod.path("app.hbs");
    await writeFile(
      source,
      `{{#with (secret "database/creds/pg-role")}}user={{data.username}}\n{{/with}}{{#with (secret "secret/data/app")}}flavour={{data.data.flavour}}{{/with}}\n`,
    );
    const agent = await pod.agent(
      configuration(pod, { template: `template {\n source = "${source}"\n destination = "${pod.destination}"\n}` }),
    );
    await agent.event("rendered", ({ destination }) => destination === pod.destination);
    expect(await readFile(pod.destination, "utf8")).toMatch(
      /^user=v-kubernet-pg-role-\S+\nflavour=<"vanilla" & more>\n$/,
    );
    expect((await agent.stop()).code).toBe(0);
  });
});
