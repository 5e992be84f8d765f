/** The login with a certificate, on a real server over TLS; VAULT_BIN names one. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { freePort } from "../../dev/free-port.ts";
import { startGuard } from "../../dev/guard.ts";
import { startAgent } from "../support/agent.ts";
import { createAuthority } from "../vault/servers.ts";

const { VAULT_BIN: binary = "" } = process.env;

interface Answer {
  readonly status: number;
  readonly body: { readonly data?: { readonly meta?: { readonly common_name?: string } } } | null;
}

/** `server -dev -dev-tls`, which asks for client certificates; all of it ends with the test. */
async function startServer() {
  const home = await mkdtemp(join(tmpdir(), "lessee-cert-"));
  await mkdir(join(home, "tls"));
  const listen = `127.0.0.1:${await freePort("127.0.0.1")}`;
  const child = spawn(
    binary,
    [
      ...["server", "-dev", "-dev-no-store-token", "-dev-root-token-id=root", `-dev-listen-address=${listen}`],
      ...["-dev-tls", `-dev-tls-cert-dir=${join(home, "tls")}`],
    ],
    { env: { HOME: home, PATH: process.env.PATH }, stdio: ["ignore", "ignore", "ignore"] },
  );
  onTestFinished(async () => {
    const closed = new Promise((resolve) => child.once("close", resolve));
    child.kill("SIGKILL");
    await closed;
    await rm(home, { recursive: true, force: true });
  });
  const ca = join(home, "tls", "vault-ca.pem");
  async function ask(method: string, path: string, token: string, body?: object): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const options = { method, headers: { "X-Vault-Token": token }, ca: readFileSync(ca), agent: false };
      const request = https.request(`https://${listen}/v1/${path}`, options, async (answer) => {
        resolve({
          status: answer.statusCode ?? 0,
          body: answer.statusCode === 204 ? null : ((await json(answer)) as Answer["body"]),
        });
      });
      request.on("error", reject);
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
  for (let tries = 0; ; tries++) {
    const answer = await ask("GET", "sys/health", "root").catch(() => null);
    if (answer?.status === 200) break;
    if (tries > 300) throw new Error(`${binary} server -dev -dev-tls does not answer`);
    await sleep(50);
  }
  return { home, address: `https://${listen}`, ca, ask };
}

describe.skipIf(binary === "")("the cert method on a real server (needs VAULT_BIN)", () => {
  it("logs in, renews under the same certificate, and logs in anew with the next one", {
    timeout: 60_000,
  }, async () => {
    const { address, ask, ca, home } = await startServer();
    const guard = startGuard(home);
    onTestFinished(() => guard.dismiss());
    const authority = createAuthority();
    expect((await ask("POST", "sys/auth/cert", "root", { type: "cert" })).status).toBe(204);
    const role = { certificate: authority.ca, token_policies: "default", token_ttl: "4s", token_max_ttl: "1h" };
    expect((await ask("POST", "auth/cert/certs/web", "root", role)).status).toBe(204);
    async function put(name: string): Promise<void> {
      const { cert, key } = authority.issue([name], "client");
      await Promise.all([writeFile(join(home, "crt"), cert), writeFile(join(home, "key"), key)]);
    }
    await put("first");
    await writeFile(
      join(home, "agent.hcl"),
      `vault {
  address = "${address}"
  ca_cert = "${ca}"
}
auto_auth {
  enable_reauth_on_new_credentials = true
  method "cert" {
    config = {
      name        = "web"
      client_cert = "${join(home, "crt")}"
      client_key  = "${join(home, "key")}"
      reload      = true
    }
  }
  sink "file" { config = { path = "${join(home, "token")}" } }
}
health { address = "" }
`,
    );
    const agent = startAgent({
      args: [`-config=${join(home, "agent.hcl")}`, "-log-format=json", "-log-level=debug"],
      env: { PATH: process.env.PATH, HOME: home },
      guard,
    });
    const name = async () => {
      const token = await readFile(join(home, "token"), "utf8").catch(() => "");
      return (await ask("GET", "auth/token/lookup-self", token)).body?.data?.meta?.common_name;
    };
    expect(await agent.event("login")).toMatchObject({ method: "cert", role: "web" });
    await expect.poll(name).toBe("first");
    await agent.event("token renewed");
    await put("second");
    await agent.events("login", 2);
    await expect.poll(name).toBe("second");
    expect(agent.entries.filter(({ msg }) => msg === "token renewal failed")).toEqual([]);
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
  });
});
