import { spawn } from "node:child_process";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { vaultApi } from "../../dev/vault/client.ts";
import { type EmulatedVault, startEmulatedVault } from "../../dev/vault/emulated-vault.ts";
import { runTokenRevoke } from "../../src/cli/token.ts";
import { openState } from "../../src/lease/memory/state-place.ts";
import type { Kill, World } from "../../src/ports.ts";
import { createSystemClock } from "../../src/system/clock.ts";
import { anyClaim } from "../support/claims.ts";
import { startTlsFront } from "../support/tls-front.ts";
import { createAuthority } from "../vault/servers.ts";

let vault: EmulatedVault;
let home = "";
beforeAll(async () => {
  vault = await startEmulatedVault({ rootToken: "s.root" });
});
afterAll(() => vault.stop());
beforeEach(async () => {
  home = await fs.mkdtemp(join(tmpdir(), "token-"));
});
afterEach(() => fs.rm(home, { recursive: true }));

async function newToken(): Promise<string> {
  const made = await vaultApi(vault.address, "s.root").expect("POST", "auth/token/create", { ttl: "1h" });
  return made.body.auth.client_token;
}

async function isAlive(token: string): Promise<boolean> {
  return (await vaultApi(vault.address, token).send("GET", "auth/token/lookup-self")).status === 200;
}

async function run(args: readonly string[], env: World["env"] = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const kill: Kill = (pid, signal) => process.kill(pid, signal);
  const world: Partial<World> = {
    clock: createSystemClock(Date.now, () => performance.now()),
    env: { HOME: home, VAULT_ADDR: vault.address, ...env },
    files: fs,
    kill,
    pid: process.pid,
    random: Math.random,
    stdout: { write: (text) => out.push(String(text)) },
    stderr: { write: (text) => err.push(text) },
  };
  const signals = {
    stop: new AbortController().signal,
    onReload: () => () => {},
    onSignal: () => () => {},
    onExit: () => () => {},
  };
  const code = await runTokenRevoke(args, world as World, signals);
  return { code, out: out.join(""), err: err.join("") };
}

const SUCCESS = { code: 0, out: "Success! Revoked token (if it existed)\n", err: "" };

describe("lessee token revoke -self", () => {
  it("revokes the token of the home folder, or of VAULT_TOKEN, which goes before it", async () => {
    const [inHome, inEnv] = [await newToken(), await newToken()];
    await fs.writeFile(join(home, ".vault-token"), `${inHome}\n`);
    expect(await run(["-self"], { VAULT_TOKEN: inEnv })).toEqual(SUCCESS);
    expect([await isAlive(inEnv), await isAlive(inHome)]).toEqual([false, true]);
    expect(await run(["-self"])).toEqual(SUCCESS);
    expect(await isAlive(inHome)).toBe(false);
  });

  it("takes the injector's command line, and what means nothing here", async () => {
    const token = await newToken();
    const flags = ["-non-interactive", "-mfa=x", "-tls-skip-verify", `-address=${vault.address}`, "-self"];
    expect(await run(flags, { VAULT_ADDR: "http://127.0.0.1:1", VAULT_TOKEN: token })).toEqual(SUCCESS);
    expect(await isAlive(token)).toBe(false);
  });

  it("revokes over TLS, with the authority and the client certificate that the injector's preStop names", async () => {
    const authority = createAuthority();
    const identity = { ca: authority.ca, ...authority.issue(["127.0.0.1"], "server") };
    const front = await startTlsFront(vault, identity);
    const { cert, key } = authority.issue(["tsb"], "client");
    for (const [name, text] of Object.entries({ ca: authority.ca, cert, key }))
      await fs.writeFile(join(home, name), text);
    const token = await newToken();
    await fs.writeFile(join(home, ".vault-token"), token);
    const flags = [`-address=${front.address}`, `-ca-cert=${join(home, "ca")}`, "-self"];
    const certificate = [`-client-cert=${join(home, "cert")}`, `-client-key=${join(home, "key")}`];
    expect(await run([`-address=${front.address}`, "-self"])).toMatchObject({ code: 2 });
    expect(await isAlive(token)).toBe(true);
    expect(await run([...flags, ...certificate])).toEqual(SUCCESS);
    expect(await isAlive(token)).toBe(false);
    expect(front.clients).toEqual([{ path: "/v1/auth/token/revoke-self", by: expect.any(String) }]);
  });

  it("ends a lessee that runs in the same home, waits for it, and revokes nothing", async () => {
    const token = await newToken();
    await fs.writeFile(join(home, ".vault-token"), token);
    const folder = join(home, ".lessee");
    // As a lessee that needs a moment for its end; the lock is written as a lessee writes it.
    const lessee = spawn("sh", ["-c", 'trap "sleep 0.3; exit 0" TERM; echo up; while :; do sleep 0.05; done']);
    const ended = new Promise<number | null>((resolve) => lessee.once("exit", resolve));
    await new Promise((resolve) => lessee.stdout.once("data", resolve));
    await openState({
      config: { path: folder },
      home,
      binding: () => expect.unreachable(),
      files: fs,
      write: async () => {},
      kill: () => true,
      claim: anyClaim,
      pid: lessee.pid!,
    });
    const result = await run(["-self"]);
    expect(result).toMatchObject({ code: 0, out: expect.stringContaining(`lessee with pid ${lessee.pid} has ended`) });
    expect(lessee.exitCode ?? (await ended)).toBe(0);
    expect(await isAlive(token)).toBe(true);
    // What it leaves behind stops nobody.
    expect(await run(["-self"])).toEqual(SUCCESS);
  });

  it("sends no signal to a process that a stale lock or pid file names", async () => {
    const token = await newToken();
    await fs.mkdir(join(home, ".lessee"));
    await fs.writeFile(join(home, ".lessee", "lessee.lock"), `${process.ppid} 1`);
    await fs.writeFile(join(home, ".pid"), String(process.ppid));
    expect(await run(["-self"], { VAULT_TOKEN: token })).toEqual(SUCCESS);
  });

  it.each([
    [[], 1, "lessee revokes its own token only"],
    [["s.other"], 1, "lessee revokes its own token only"],
    [["-self", "s.other"], 1, "Too many arguments with -self (expected 0, got 1)"],
    [["-self", "-accessor"], 1, "Cannot use -self with -accessor!"],
    [["-self", "-mode=orphan"], 1, "Cannot use -self with -mode!"],
    [["-sefl"], 1, "did you mean -self?"],
    [["-self"], 2, "Error revoking token: there is no token"],
    [["-self", "-client-cert=/nowhere"], 2, "Error revoking token: vault.client_cert: cannot read /nowhere"],
  ])("refuses %j with %i", async (args, code, message) => {
    expect(await run(args)).toMatchObject({ code, out: "", err: expect.stringContaining(message) });
  });

  it("shows what it would do, and does nothing, where that is asked for", async () => {
    const token = await newToken();
    const env = { VAULT_TOKEN: token, VAULT_NAMESPACE: "team" };
    expect(await run(["-self", "-output-curl-string"], env)).toEqual({
      code: 0,
      out: `curl -X PUT -H "X-Vault-Request: true" -H "X-Vault-Token: $(vault print token)" -H "X-Vault-Namespace: team/" ${vault.address}/v1/auth/token/revoke-self\n`,
      err: "",
    });
    expect((await run(["-output-policy", "-self"], env)).out).toContain('path "auth/token/revoke-self"');
    expect(await isAlive(token)).toBe(true);
  });

  it("fails where the server refuses", async () => {
    const { code, err } = await run(["-self"], { VAULT_TOKEN: "s.unknown" });
    expect([code, err]).toEqual([2, expect.stringMatching(/^Error revoking token: .*403/)]);
    expect(err).not.toContain("s.unknown");
  });
});
