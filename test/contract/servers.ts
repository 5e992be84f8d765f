/** The servers that the contract runs on: the emulated one always, a real one when it is at hand. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startEmulatedVault } from "../../dev/vault/emulated-vault.ts";

export interface ContractServer {
  readonly address: string;
  readonly token: string;
  /** Undefined where the server is somebody else's, or does not tell: it is not sealed then. */
  readonly unsealKey: string | undefined;
  /** Lets time pass for the server: really, or by moving its clock. */
  pass(milliseconds: number): Promise<void>;
  stop(): Promise<void>;
}

export interface ServerKind {
  readonly name: string;
  /** Somebody else's: only what begins with `lessee-` is touched. */
  readonly foreign: boolean;
  start(): Promise<ContractServer>;
}

export function serverKinds(env: NodeJS.ProcessEnv): readonly ServerKind[] {
  const { LESSEE_TEST_VAULT_ADDR: address, LESSEE_TEST_VAULT_TOKEN: token } = env;
  const { VAULT_BIN: binary, LESSEE_TEST_VAULT_IMAGE: image } = env;
  return [
    { name: "the emulated Vault", foreign: false, start: startEmulated },
    ...(address && token
      ? [{ name: `the server at ${address}`, foreign: true, start: () => foreign(address, token) }]
      : []),
    ...(binary ? [{ name: `${binary} server -dev`, foreign: false, start: () => startBinary(binary) }] : []),
    ...(image ? [{ name: `the image ${image}`, foreign: false, start: () => startImage(image) }] : []),
  ];
}

async function startEmulated(): Promise<ContractServer> {
  const vault = await startEmulatedVault({ rootToken: rootToken() });
  return {
    address: vault.address,
    token: vault.rootToken,
    unsealKey: vault.unsealKey,
    async pass(milliseconds) {
      vault.advance(milliseconds);
      await vault.idle();
    },
    stop: vault.stop,
  };
}

async function foreign(address: string, token: string): Promise<ContractServer> {
  return { address, token, unsealKey: undefined, pass: (milliseconds) => sleep(milliseconds), stop: async () => {} };
}

async function startBinary(binary: string): Promise<ContractServer> {
  const home = await mkdtemp(join(tmpdir(), "lessee-contract-"));
  const token = rootToken();
  const listen = `127.0.0.1:${await freePort()}`;
  const child = spawn(
    binary,
    ["server", "-dev", "-dev-no-store-token", `-dev-root-token-id=${token}`, `-dev-listen-address=${listen}`],
    { env: { HOME: home, PATH: process.env.PATH }, stdio: ["ignore", "pipe", "pipe"] },
  );
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk;
  });
  child.stderr.on("data", (chunk: Buffer) => {
    output += chunk;
  });
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  async function stop(): Promise<void> {
    child.kill("SIGKILL");
    await closed;
    await rm(home, { recursive: true, force: true });
  }
  const ended = () => child.exitCode !== null;
  const unsealKey = () => /Unseal Key: (\S+)/.exec(output)?.[1];
  const address = `http://${listen}`;
  try {
    await answering(address, ended);
    // It is printed a moment after the server first answers.
    while (unsealKey() === undefined && !ended()) await sleep(20);
  } catch (error) {
    await stop();
    throw new Error(`${binary} did not start:\n${output}`, { cause: error });
  }
  return { address, token, unsealKey: unsealKey(), pass: (milliseconds) => sleep(milliseconds), stop };
}

/** On the host's network, because the server must reach this machine's Postgres. */
async function startImage(image: string): Promise<ContractServer> {
  const { GenericContainer } = await import("testcontainers");
  const token = rootToken();
  const listen = `127.0.0.1:${await freePort()}`;
  const container = await new GenericContainer(image)
    .withNetworkMode("host")
    .withEnvironment({
      VAULT_DEV_ROOT_TOKEN_ID: token,
      VAULT_DEV_LISTEN_ADDRESS: listen,
      BAO_DEV_ROOT_TOKEN_ID: token,
      BAO_DEV_LISTEN_ADDRESS: listen,
    })
    .start();
  const address = `http://${listen}`;
  await answering(address, () => false).catch(async (error: unknown) => {
    await container.stop();
    throw error;
  });
  return {
    address,
    token,
    unsealKey: undefined,
    pass: (milliseconds) => sleep(milliseconds),
    stop: async () => void (await container.stop()),
  };
}

/** Rejects after half a minute; `ended` tells that there is nothing to wait for. */
async function answering(address: string, ended: () => boolean): Promise<void> {
  const until = Date.now() + 30_000;
  while (Date.now() < until && !ended()) {
    const health = await fetch(`${address}/v1/sys/health`).catch(() => undefined);
    // A development server is active first and mounts its secret engine a moment later.
    const ready = health?.status === 200 && (await fetch(`${address}/v1/sys/internal/ui/mounts`)).status === 200;
    if (ready) return;
    await sleep(50);
  }
  throw new Error(`no server answers at ${address}`);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

function rootToken(): string {
  return `root-${randomBytes(12).toString("hex")}`;
}
