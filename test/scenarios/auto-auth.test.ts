/** auto_auth of a running agent: each method's login, its credentials' files, its failures, and where the token is put. */

import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createReader } from "../auth/reader.ts";
import { configuration, template } from "../support/configuration.ts";
import { startFront } from "../support/front.ts";
import { type Pod, startWorld, type World } from "../support/world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

const LONG = { ttl: { default: "60s", max: "10m" } };

interface Method {
  readonly type: string;
  readonly config: string;
  /** Into the method's block. */
  readonly more?: string;
  /** Into `auto_auth`. */
  readonly autoAuth?: string;
  readonly sinks?: string;
  readonly address?: string;
  readonly template?: string;
}

function agentFile(
  pod: Pod,
  { address, autoAuth = "", config, more = "", sinks = "", template: own, type }: Method,
): string {
  return `vault { address = "${address ?? pod.vault.address}" }
auto_auth {
  ${autoAuth}
  method "${type}" {
    min_backoff = "200ms"
    max_backoff = "2s"
    ${more}
    config = {
      ${config}
    }
  }
  ${sinks}
}
${own ?? template(pod.destination)}
health { address = "${pod.healthAddress}" }
state  { path = "${pod.path("state")}" }
release_on_exit = "always"
`;
}

const gone = (path: string) => expect(stat(path)).rejects.toThrow("ENOENT");
const logins = (pod: Pod, mount = "kubernetes") =>
  pod.vault.requests.entries.filter(({ path }) => path === `/v1/auth/${mount}/login`);

/** Until it ends by itself. */
async function ended(agent: { readonly ended: Promise<unknown>; output(): string }) {
  expect(await agent.ended).toEqual({ code: 1, signal: null });
  return agent.output();
}

describe("approle", () => {
  it("logs in with a secret id that lies wrapped in a file, takes the file away, and leaves nothing", async () => {
    const pod = await world.pod(LONG);
    const { api, policy } = pod.seed;
    await api.expect("POST", "sys/auth/approle", { type: "approle" });
    await api.expect("POST", "auth/approle/role/tsb", { token_policies: policy, token_ttl: "20m" });
    const { role_id } = (await api.expect("GET", "auth/approle/role/tsb/role-id")).body.data;
    const path = "auth/approle/role/tsb/secret-id";
    const { wrap_info } = (await api.send("POST", path, {}, { "x-vault-wrap-ttl": "60s" })).body;
    await writeFile(pod.path("role-id"), `${role_id}\n`);
    await writeFile(pod.path("secret-id"), wrap_info.token);
    const agent = await pod.agent(
      agentFile(pod, {
        type: "approle",
        config: `role_id_file_path = "${pod.path("role-id")}"
      secret_id_file_path = "${pod.path("secret-id")}"
      secret_id_response_wrapping_path = "${path}"`,
      }),
    );
    expect(await agent.event("login")).toMatchObject({ method: "approle", mount: "auth/approle" });
    await agent.event("published");
    await gone(pod.path("secret-id"));
    expect(agent.output()).not.toContain(wrap_info.token);
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
    expect(await pod.left()).toEqual([]);
  });
});

describe("jwt", () => {
  it("takes its file away once it is read, and logs in anew with the next one", async () => {
    const pod = await world.pod(LONG);
    const jwt = () => readFile(pod.tokenFile, "utf8");
    await writeFile(pod.path("jwt"), await jwt());
    // A login of the kubernetes mount is the same request.
    const agent = await pod.agent(
      agentFile(pod, {
        type: "jwt",
        more: `mount_path = "auth/kubernetes"`,
        autoAuth: "enable_reauth_on_new_credentials = true",
        config: `path = "${pod.path("jwt")}"
      role = "pg"`,
      }),
    );
    await agent.event("published");
    await gone(pod.path("jwt"));
    expect(logins(pod)).toHaveLength(1);
    // Not one that the server refuses: the token that lives is kept.
    await writeFile(pod.path("jwt"), "none");
    expect((await agent.event("login failed")).error).toMatch(/auth\/kubernetes\/login: (400|403|500)/);
    await gone(pod.path("jwt"));
    expect((await pod.get("/livez")).status).toBe(200);
    await writeFile(pod.path("jwt"), await jwt());
    await agent.events("login", 2);
    expect(agent.entries.filter(({ msg }) => msg === "read")).toHaveLength(1);
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
  });
});

describe("token_file", () => {
  it("uses the token that is there, never revokes it, and is refused without one", async () => {
    const pod = await world.pod(LONG);
    const { api, policy } = pod.seed;
    const made = await api.expect("POST", "auth/token/create", { policies: [policy, "default"], ttl: "1h" });
    const token = made.body.auth.client_token;
    await writeFile(pod.path("token"), `${token}\n`);
    const configured = agentFile(pod, {
      type: "token_file",
      more: "exit_on_err = true",
      config: `token_file_path = "${pod.path("token")}"`,
    });
    const agent = await pod.agent(configured);
    await agent.event("published");
    // M4: it is a child, and would die with a parent that it does not show.
    const { message } = await agent.event("warning", ({ code }) => code === "token-parent");
    expect(message).toBe("the token has a parent, whose end it would share and cannot see");
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
    expect((await api.as(token).send("GET", "auth/token/lookup-self")).status).toBe(200);
    await api.expect("POST", "auth/token/revoke", { token });
    expect(await ended(await pod.agent(configured))).toMatch(/exit_on_err is set: auth\/token\/lookup-self: 403/);
    await rm(pod.path("token"));
    expect(await ended(await pod.agent(configured))).toMatch(
      /exit_on_err is set: token_file_path: there is nothing in/,
    );
  });
});

const KUBERNETES = (pod: Pod) => `role = "pg"
      token_path = "${pod.tokenFile}"`;

describe("a login that fails", () => {
  it.each([
    ["is refused", { kind: "answer", status: 403, body: { errors: ["permission denied"] } }, /403 permission denied/],
    ["comes without a token", { kind: "answer", status: 200, body: { auth: null } }, /the answer has no token/],
    ["comes with an empty one", { kind: "answer", status: 200, body: { auth: { client_token: "" } } }, /has no token/],
    ["is no JSON", { kind: "garbage", text: "<html>" }, /the answer is HTML/],
  ] as const)("with exit_on_err, and %s, ends the agent with exit code 1", async (_what, fault, said) => {
    const pod = await world.pod(LONG);
    pod.vault.faults.inject(({ path }) => path.endsWith("/login"), fault);
    const agent = await pod.agent(
      agentFile(pod, { type: "kubernetes", more: "exit_on_err = true", config: KUBERNETES(pod) }),
    );
    expect(await ended(agent)).toMatch(said);
    expect(logins(pod)).toHaveLength(1);
    await gone(pod.destination);
  });

  it("is repeated after what min_backoff and max_backoff say, which is really waited", {
    timeout: 60_000,
  }, async () => {
    const pod = await world.pod(LONG);
    const fault = pod.vault.faults.inject(({ path }) => path.endsWith("/login"), {
      kind: "answer",
      status: 500,
      body: { errors: ["not now"] },
    });
    const agent = await pod.agent(agentFile(pod, { type: "kubernetes", config: KUBERNETES(pod) }));
    await agent.events("login failed", 6);
    const times = logins(pod).map(({ at }) => at);
    const waits = times.slice(1).map((time, n) => time - times[n]!);
    for (const [n, wait] of waits.entries()) {
      const least = Math.min(2_000, 200 * 2 ** n) * 0.75;
      expect(wait).toBeGreaterThanOrEqual(least - 5);
    }
    fault.remove();
    await agent.event("published");
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
  });
});

/** What the server is asked, with the namespace of each request. */
async function startWitness(pod: Pod) {
  const asked: { readonly path: string; readonly namespace: string }[] = [];
  const address = await startFront(pod.vault.address, (incoming) => {
    const { "x-vault-namespace": namespace = "", ...headers } = incoming.headers;
    asked.push({ path: incoming.url ?? "", namespace: String(namespace) });
    return headers;
  });
  return { asked, address };
}

describe("the namespace", () => {
  it.each([
    ["of the method is that of everything", {}, "team/"],
    ["of the environment goes before it", { VAULT_NAMESPACE: "env" }, "env"],
  ])("%s", async (_what, env, expected) => {
    const pod = await world.pod(LONG);
    const { address, asked } = await startWitness(pod);
    const agent = await pod.agent(
      agentFile(pod, { type: "kubernetes", more: `namespace = "/team"`, config: KUBERNETES(pod), address }),
      { env },
    );
    await agent.event("published");
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
    expect(asked.map(({ path }) => path)).toEqual(expect.arrayContaining(["/v1/auth/kubernetes/login"]));
    expect(new Set(asked.map(({ namespace }) => namespace.replace(/\/?$/, "/")))).toEqual(
      new Set([expected.replace(/\/?$/, "/")]),
    );
  });
});

describe("the sinks", () => {
  const root = process.getuid?.() === 0;

  it("get the token with the mode and owner that they name, wrapped, or for one reader only", async () => {
    const pod = await world.pod(LONG);
    const reader = createReader();
    await writeFile(pod.path("reader.json"), reader.published);
    const owner = root ? "owner = 65534\n group = 65533" : "";
    const agent = await pod.agent(
      agentFile(pod, {
        type: "kubernetes",
        config: KUBERNETES(pod),
        sinks: `sink "file" { config = {
  path = "${pod.path("plain")}"
  mode = 0604
  ${owner}
} }
sink "file" {
  wrap_ttl = "5m"
  config = { path = "${pod.path("wrapped")}" }
}
sink "file" {
  dh_type = "curve25519"
  dh_path = "${pod.path("reader.json")}"
  derive_key = true
  aad_env_var = "SINK_AAD"
  aad = "not this"
  config = { path = "${pod.path("sealed")}" }
}
sink "file" {
  wrap_ttl = "5m"
  dh_type = "curve25519"
  dh_path = "${pod.path("reader.json")}"
  aad = "bound"
  config = { path = "${pod.path("both")}" }
}`,
        template: "",
      }),
      { env: { SINK_AAD: "from the environment" }, args: ["-exit-after-auth"] },
    );
    expect(await agent.ended).toEqual({ code: 0, signal: null });
    const token = await readFile(pod.path("plain"), "utf8");
    const { mode, uid, gid } = await stat(pod.path("plain"));
    expect(mode & 0o777).toBe(0o604);
    if (root) expect([uid, gid]).toEqual([65_534, 65_533]);
    expect((await stat(pod.path("sealed"))).mode & 0o777).toBe(0o640);
    expect((await pod.seed.api.as(token).send("GET", "auth/token/lookup-self")).status).toBe(200);
    const unwrap = async (text: string) =>
      (await pod.seed.api.as(JSON.parse(text).token).expect("PUT", "sys/wrapping/unwrap")).body.data.token;
    expect(await unwrap(await readFile(pod.path("wrapped"), "utf8"))).toBe(token);
    const sealed = await readFile(pod.path("sealed"), "utf8");
    expect(reader.open(sealed, { derived: true, aad: "from the environment" })).toBe(token);
    expect(() => reader.open(sealed, { derived: true, aad: "not this" })).toThrow();
    const both = reader.open(await readFile(pod.path("both"), "utf8"), { derived: false, aad: "bound" });
    expect(await unwrap(both)).toBe(token);
    expect(agent.output()).not.toContain(token);
  });

  it("that cannot be written are tried for ever, and hold up nobody", { timeout: 60_000 }, async () => {
    const pod = await world.pod(LONG);
    await mkdir(pod.path("sinks"));
    const fault = pod.vault.faults.inject(({ path }) => path.endsWith("/login"), {
      kind: "answer",
      status: 500,
      body: { errors: ["not now"] },
    });
    const agent = await pod.agent(
      agentFile(pod, {
        type: "kubernetes",
        config: KUBERNETES(pod),
        sinks: `sink "file" { config = { path = "${pod.path("sinks", "token")}" } }`,
      }),
    );
    // After the probe of the start, before the first token.
    await agent.event("login failed");
    await rename(pod.path("sinks"), pod.path("away"));
    fault.remove();
    await agent.event("published");
    const { message } = await agent.event("warning", ({ code }) => code === "sink");
    expect(message).toContain(`the token cannot be written to ${pod.path("sinks", "token")}: `);
    await rename(pod.path("away"), pod.path("sinks"));
    await expect
      .poll(() => readFile(pod.path("sinks", "token"), "utf8").catch(() => ""), { timeout: 20_000 })
      .not.toBe("");
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
  });

  it("in a folder that is not there keep the agent from starting", async () => {
    const pod = await world.pod(LONG);
    const agent = await pod.agent(
      agentFile(pod, {
        type: "kubernetes",
        config: KUBERNETES(pod),
        sinks: `sink "file" { config = { path = "/nowhere/token" } }`,
      }),
    );
    expect(await ended(agent)).toMatch(/error creating file sink: error during write check: \/nowhere\/token: ENOENT/);
  });
});

it("a configuration without a method's parts says which", async () => {
  const pod = await world.pod(LONG);
  const without = await pod.agent(configuration(pod, { method: "" }));
  expect(await ended(without)).toMatch(/missing 'role' value \(name the role of the auth mount/);
});
