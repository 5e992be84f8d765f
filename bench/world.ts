/** What both programs are measured against: a Postgres, a Kubernetes that knows one token, an emulated Vault beside. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { startKubernetes } from "../dev/kubernetes/token-review.ts";
import { startPostgres } from "../dev/postgres.ts";
import { setUpSeed } from "../dev/vault/setup.ts";

export interface BenchWorld {
  /** Empty at first; gone after `stop`. */
  readonly folder: string;
  /** A configuration file for one run, which writes `destination`. Both programs read the same. */
  writeConfig(name: string, destination: string): Promise<string>;
  stop(): Promise<void>;
}

const ROOT_TOKEN = "bench-root";

export async function startWorld(): Promise<BenchWorld> {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "lessee-bench-"));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const postgres = await startPostgres();
  undo.defer(() => postgres.stop());
  const kubernetes = await startKubernetes();
  undo.defer(() => kubernetes.stop());
  const vault = await startVault(ROOT_TOKEN);
  undo.defer(() => vault.stop());
  const seed = await setUpSeed({ address: vault.address, token: ROOT_TOKEN, postgres, kubernetes });
  const jwt = join(folder, "token");
  await writeFile(jwt, kubernetes.signToken({ namespace: "tsb", name: "tsb" }), { mode: 0o600 });

  const held = undo.move();
  return {
    folder,
    async writeConfig(name, destination) {
      const path = join(folder, `${name}.hcl`);
      await writeFile(path, configuration(vault.address, seed.credentialPath, jwt, destination));
      return path;
    },
    stop: () => held.disposeAsync(),
  };
}

/** The emulated Vault in a process of its own, so that it does not wait for the one that measures. */
export async function startVault(rootToken: string): Promise<{ readonly address: string; stop(): Promise<void> }> {
  const main = join(import.meta.dirname, "../dev/vault/main.ts");
  const child = spawn(process.execPath, [main, "--root-token", rootToken], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const [line] = await Promise.race([once(createInterface(child.stdout), "line"), ended]);
  if (typeof line !== "string") throw new Error("the emulated Vault ended before it answered");
  const { address } = JSON.parse(line) as { address: string };
  return {
    address,
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

function configuration(address: string, path: string, jwt: string, destination: string): string {
  return `
vault {
  address = "${address}"
}
auto_auth {
  method "kubernetes" {
    mount_path = "auth/kubernetes"
    config = {
      role       = "pg"
      token_path = "${jwt}"
    }
  }
}
template {
  destination = "${destination}"
  contents    = <<-EOT
    {{- with secret "${path}" -}}
    data:
      username: {{ .Data.username }}
      password: {{ .Data.password }}
    {{- end }}
  EOT
}
`;
}
