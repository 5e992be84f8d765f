/** Certificates for Vault: those of the cert method, and that whatever replaces them needs no restart. */
import { X509Certificate } from "node:crypto";
import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configuration, template } from "../support/configuration.ts";
import { startTlsFront } from "../support/tls-front.ts";
import { type Pod, startWorld, type World } from "../support/world.ts";
import { type Authority, createAuthority } from "../vault/servers.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

/** A token and a lease that are renewed every second or so, and that nothing ends. */
const RENEWED_OFTEN = { ttl: { default: "4s", max: "10m" } };

interface Pair {
  readonly cert: string;
  readonly key: string;
}

const fingerprint = ({ cert }: Pair) => new X509Certificate(cert).fingerprint256;
const server = (authority: Authority) => ({ ca: authority.ca, ...authority.issue(["127.0.0.1"], "server") });

/** As kubelet puts files into a projected volume: all of them change with one link. */
async function project(folder: string, files: Readonly<Record<string, string>>, version: number): Promise<void> {
  const data = `..${version}`;
  await mkdir(join(folder, data), { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(folder, data, name), text);
    if (version === 1) await symlink(`..data/${name}`, join(folder, name));
  }
  await symlink(data, join(folder, "..next"));
  await rename(join(folder, "..next"), join(folder, "..data"));
  if (version > 1) await rm(join(folder, `..${version - 1}`), { recursive: true });
}

async function tlsPod() {
  const pod = await world.pod(RENEWED_OFTEN);
  const [old, next] = [createAuthority(), createAuthority()];
  const [first, second] = [old.issue(["tsb"], "client"), next.issue(["tsb"], "client")];
  const folder = pod.path("tls");
  const files = (authority: Authority, { cert, key }: Pair) => ({
    "ca.pem": authority.ca,
    "tls.crt": cert,
    "tls.key": key,
  });
  await project(folder, files(old, first), 1);
  const front = await startTlsFront(pod.vault, server(old), ["default", pod.seed.policy]);
  return { pod, front, folder, old, next, first, second, files };
}

const tlsKeys = (folder: string) => `ca_cert = "${folder}/ca.pem"
  client_cert = "${folder}/tls.crt"
  client_key = "${folder}/tls.key"`;

describe("the certificates of the vault block", () => {
  it("are replaced without a restart; broken ones are said, and the old ones kept", { timeout: 60_000 }, async () => {
    const { pod, front, folder, old, next, first, second, files } = await tlsPod();
    const agent = await pod.agent(configuration(pod, { address: front.address, vault: tlsKeys(folder) }));
    await agent.event("published");
    expect(new Set(front.clients.map(({ by }) => by))).toEqual(new Set([fingerprint(first)]));

    await project(folder, { ...files(next, second), "tls.key": first.key }, 2);
    const { message } = await agent.event("warning", ({ code }) => code === "certificates");
    expect(message).toMatch(
      /vault\.client_key fits vault\.client_cert.*the certificates that were read before are used/s,
    );
    front.replace(server(old));
    await agent.event("renewed", undefined, agent.entries.length);

    front.replace(server(next));
    await project(folder, files(next, second), 3);
    await agent.event("certificates replaced");
    const before = front.clients.length;
    await agent.event("renewed", undefined, agent.entries.length);
    expect(front.clients.slice(before).map(({ by }) => by)).toContain(fingerprint(second));
    expect(front.clients.slice(before).map(({ by }) => by)).not.toContain(fingerprint(first));
    expect(agent.entries.filter(({ msg }) => msg === "login")).toHaveLength(1);
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
    expect(await pod.left()).toEqual([]);
  });

  it("are others after a SIGHUP whose configuration names others", { timeout: 60_000 }, async () => {
    const { pod, front, folder, next, second, files } = await tlsPod();
    const agent = await pod.agent(configuration(pod, { address: front.address, vault: tlsKeys(folder) }));
    await agent.event("published");
    const other = pod.path("other");
    await project(other, files(next, second), 1);
    front.replace(server(next));
    const file = pod.path("agent.hcl");
    await writeFile(file, configuration(pod, { address: front.address, vault: tlsKeys(pod.path("nowhere")) }));
    agent.signal("SIGHUP");
    expect((await agent.event("configuration refused")).error).toContain("vault.client_cert: cannot read");
    await writeFile(file, configuration(pod, { address: front.address, vault: tlsKeys(other) }));
    agent.signal("SIGHUP");
    await agent.event("configuration reloaded");
    await agent.event("renewed", undefined, agent.entries.length);
    expect(front.clients.at(-1)?.by).toBe(fingerprint(second));
    // Those are watched now.
    const third = next.issue(["tsb"], "client");
    await project(other, files(next, third), 2);
    await agent.events("certificates replaced", 2);
    await agent.event("renewed", undefined, agent.entries.length);
    expect(front.clients.at(-1)?.by).toBe(fingerprint(third));
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
  });
});

describe("the cert method", () => {
  const configured = (pod: Pod, address: string, folder: string) => `vault {
  address = "${address}"
  ca_cert = "${folder}/ca.pem"
}
auto_auth {
  enable_reauth_on_new_credentials = true
  method "cert" {
    config = {
      name        = "web"
      client_cert = "${folder}/tls.crt"
      client_key  = "${folder}/tls.key"
      reload      = true
    }
  }
}
${template(pod.destination)}
health { address = "${pod.healthAddress}" }
state  { path = "${pod.path("state")}" }
release_on_exit = "always"
`;

  it("logs in by TLS, reads under the same certificate, and logs in anew with the next", {
    timeout: 60_000,
  }, async () => {
    const { pod, front, folder, old, first, files } = await tlsPod();
    const agent = await pod.agent(configured(pod, front.address, folder));
    expect(await agent.event("login")).toMatchObject({ method: "cert", mount: "auth/cert", role: "web" });
    await agent.event("published");
    expect((await pod.credential()).username).toMatch(/^v-/);
    expect(new Set(front.clients.map(({ by }) => by))).toEqual(new Set([fingerprint(first)]));
    const second = old.issue(["tsb"], "client");
    await project(folder, files(old, second), 2);
    await agent.events("login", 2);
    expect(front.clients.findLast(({ path }) => path.endsWith("/login"))?.by).toBe(fingerprint(second));
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
    expect(await pod.left()).toEqual([]);
  });

  it("goes on after a restart under the certificate that its token was made for", { timeout: 60_000 }, async () => {
    const { pod, front, folder, first } = await tlsPod();
    const killed = await pod.agent(configured(pod, front.address, folder));
    const { user } = await killed.event("published");
    await killed.kill();
    const before = front.clients.length;
    const agent = await pod.agent(configured(pod, front.address, folder));
    expect((await agent.event("adopted")).user).toBe(user);
    await agent.event("token renewed");
    expect(new Set(front.clients.slice(before).map(({ by }) => by))).toEqual(new Set([fingerprint(first)]));
    expect(agent.entries.filter(({ msg }) => msg === "login" || msg === "token renewal failed")).toEqual([]);
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
    expect(await pod.left()).toEqual([]);
  });
});
