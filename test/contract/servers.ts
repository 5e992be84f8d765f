/** The servers that the contract runs on: the emulated one always, a real one when it is at hand. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../dev/free-port.ts";
import { answering, startDevServer } from "../../dev/vault/binary.ts";
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
  const server = await startDevServer(binary, rootToken());
  return { ...server, pass: (milliseconds) => sleep(milliseconds) };
}

/** On the host's network, because the server must reach this machine's Postgres. */
async function startImage(image: string): Promise<ContractServer> {
  const { GenericContainer } = await import("testcontainers");
  const token = rootToken();
  const listen = `127.0.0.1:${await freePort("127.0.0.1")}`;
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

function rootToken(): string {
  return `root-${randomBytes(12).toString("hex")}`;
}
