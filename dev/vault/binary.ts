/** A real server at hand: `vault server -dev` or `bao server -dev`, empty and in memory. */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../free-port.ts";

export interface DevServer {
  readonly address: string;
  readonly token: string;
  readonly unsealKey: string | undefined;
  stop(): Promise<void>;
}

export async function startDevServer(binary: string, rootToken: string): Promise<DevServer> {
  const home = await mkdtemp(join(tmpdir(), "lessee-dev-server-"));
  const listen = `127.0.0.1:${await freePort("127.0.0.1")}`;
  const child = spawn(
    binary,
    ["server", "-dev", "-dev-no-store-token", `-dev-root-token-id=${rootToken}`, `-dev-listen-address=${listen}`],
    { env: { HOME: home, PATH: process.env.PATH }, stdio: ["ignore", "pipe", "pipe"] },
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      // What it says at its start is wanted; what it says of thousands of leases is not.
      if (output.length < 100_000) output += chunk;
    });
  }
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
  return { address, token: rootToken, unsealKey: unsealKey(), stop };
}

/** Rejects after half a minute; `ended` tells that there is nothing to wait for. */
export async function answering(address: string, ended: () => boolean): Promise<void> {
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
