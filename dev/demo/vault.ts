/** The server that lessee talks to: the emulated one, one that is started for the demo, or one that is there. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../free-port.ts";
import type { Guard } from "../guard.ts";
import { type Child, startChild } from "./child.ts";

export interface DemoVault {
  /** For the head line: `emulated Vault`. */
  readonly name: string;
  readonly address: string;
  /** May do everything that the set-up needs. */
  readonly token: string;
  /** Before the names of all that is mounted; empty on a server of our own. */
  readonly prefix: string;
  /** Absent for a server that was there before. */
  readonly child?: Child;
}

/**
 * The shell's own VAULT_ADDR and VAULT_TOKEN are never looked at: a demo must not write to the server that somebody
 * happens to be logged in to.
 */
export async function startVault(env: NodeJS.ProcessEnv, guard: Guard): Promise<DemoVault> {
  const address = env.LESSEE_DEMO_VAULT_ADDR?.replace(/\/+$/, "");
  const token = env.LESSEE_DEMO_VAULT_TOKEN;
  if (address) {
    if (!token) throw new Error("LESSEE_DEMO_VAULT_ADDR is set, but LESSEE_DEMO_VAULT_TOKEN is not");
    return { name: "the server", address, token, prefix: "lessee-" };
  }
  if (env.VAULT_BIN) return startDevServer(env.VAULT_BIN, env, guard);
  return startEmulated(env, guard);
}

async function startEmulated(env: NodeJS.ProcessEnv, guard: Guard): Promise<DemoVault> {
  const token = newToken();
  const name = "the emulated Vault";
  const { child, address } = await new Promise<{ child: Child; address: string }>((resolve, reject) => {
    const child = startChild({
      name,
      command: process.execPath,
      args: [new URL("../vault/main.ts", import.meta.url).pathname, "--listen=127.0.0.1:0", `--root-token=${token}`],
      env: { PATH: env.PATH },
      guard,
      onLine(line) {
        if (line.startsWith("{")) resolve({ child, address: (JSON.parse(line) as { address: string }).address });
      },
    });
    child.died.then(({ how, lastLines }) => reject(new Error(`${name} ${how}:\n${lastLines.join("\n")}`)));
  });
  return { name, address, token, prefix: "", child };
}

/** Dev mode: in memory, unsealed, without TLS. The token goes by the environment, which `ps` does not show. */
async function startDevServer(binary: string, env: NodeJS.ProcessEnv, guard: Guard): Promise<DemoVault> {
  const token = newToken();
  const listen = `127.0.0.1:${await freePort("127.0.0.1")}`;
  const child = startChild({
    name: binary,
    command: binary,
    args: ["server", "-dev", "-dev-no-store-token", `-dev-listen-address=${listen}`],
    env: { PATH: env.PATH, HOME: env.HOME, VAULT_DEV_ROOT_TOKEN_ID: token, BAO_DEV_ROOT_TOKEN_ID: token },
    guard,
  });
  const address = `http://${listen}`;
  await Promise.race([
    untilActive(address),
    child.died.then(({ how, lastLines }) => {
      throw new Error(`${binary} ${how}:\n${lastLines.join("\n")}`);
    }),
  ]);
  return { name: binary, address, token, prefix: "", child };
}

async function untilActive(address: string): Promise<void> {
  const end = Date.now() + 30_000;
  while (Date.now() < end) {
    const answer = await fetch(`${address}/v1/sys/health`).catch(() => undefined);
    if (answer?.status === 200) return;
    await sleep(50);
  }
  throw new Error(`the server at ${address} did not become active within 30 s`);
}

function newToken(): string {
  return randomBytes(18).toString("hex");
}
