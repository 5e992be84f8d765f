/**
 * Has bin/start.cjs keep what V8 compiles of the bundle, which is bound to the Node and its flags. This goes through a
 * whole start, beside a server that knows only what a start asks for; once with the launcher's flags for a sidecar, once
 * without. The image does it again, for its own Node: `node scripts/warm-up.ts`.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Fills dist/compiled below the package's folder. */
export async function warmUp(root: string): Promise<void> {
  const compiled = join(root, "dist/compiled");
  rmSync(compiled, { recursive: true, force: true });
  mkdirSync(compiled);
  const home = mkdtempSync(join(tmpdir(), "lessee-build-"));
  const server = createServer((request, response) => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(answerTo(request.url ?? "")));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const config = join(home, "warm-up.hcl");
  writeFileSync(config, configuration((server.address() as AddressInfo).port, config, join(home, "out")));
  try {
    for (const flag of ["-exit-after-auth", "-log-level=info"])
      await runToPublish(join(root, "bin/lessee"), config, flag, home);
  } finally {
    server.close();
    rmSync(home, { recursive: true });
  }
}

/** An agent that is told to end as soon as it has written its file. */
async function runToPublish(launcher: string, config: string, flag: string, home: string): Promise<void> {
  const env = { ...process.env, HOME: home, LESSEE_KEEPS_COMPILED: "1" };
  const agent = spawn(launcher, ["agent", `-config=${config}`, flag], { env, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  agent.stderr.on("data", (text) => {
    said += text;
    if (said.includes("published")) agent.kill("SIGTERM");
  });
  await once(agent, "close");
  if (!said.includes("published")) throw new Error(`the bundle does not start:\n${said}`);
}

function answerTo(url: string): object {
  const auth = {
    client_token: "s.warm-up",
    accessor: "warm-up",
    policies: ["default"],
    lease_duration: 3600,
    renewable: true,
  };
  return {
    request_id: "warm-up",
    lease_id: "a/creds/b/warm-up",
    lease_duration: 3600,
    renewable: true,
    data: { username: "warm-up", password: "warm-up", ttl: 3600, renewable: true, orphan: true },
    auth: url.includes("/auth/") ? auth : null,
    warnings: null,
  };
}

function configuration(port: number, tokenFile: string, destination: string): string {
  return `vault { address = "http://127.0.0.1:${port}" }
auto_auth { method "kubernetes" { config = { role = "warm-up" token_path = "${tokenFile}" } } }
template { contents = "{{ with secret \\"a/creds/b\\" }}{{ .Data.username }}{{ end }}" destination = "${destination}" }
health { address = "127.0.0.1:0" }`;
}

if (import.meta.main) await warmUp(join(import.meta.dirname, ".."));
