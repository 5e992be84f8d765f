/** `npm run build`: dist/lessee.cjs, and beside it the licences of all packages that are in it, and what V8 made of it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundle } from "./bundle.ts";

const { inputs } = await bundle("dist/lessee.cjs");
const folders = inputs.map((path) => path.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0]);
const texts = [...new Set(folders)]
  .filter((folder) => folder !== undefined)
  .sort()
  .map(licence);
writeFileSync("dist/LICENSES.txt", texts.join(`\n${"-".repeat(80)}\n\n`));

// Node keeps the code that a run has compiled. This one goes through a whole start, beside a server that knows only
// what a start asks for; once with the launcher's flags for a sidecar, once without: the kept code is bound to them.
rmSync("dist/compile-cache", { recursive: true, force: true });
mkdirSync("dist/compile-cache");
const home = mkdtempSync(join(tmpdir(), "lessee-build-"));
const server = createServer((request, response) => {
  const auth = {
    client_token: "s.warm-up",
    accessor: "warm-up",
    policies: ["default"],
    lease_duration: 3600,
    renewable: true,
  };
  const lease = { lease_id: "a/creds/b/warm-up", lease_duration: 3600, renewable: true };
  const data = { username: "warm-up", password: "warm-up", ttl: 3600, renewable: true, orphan: true };
  response.setHeader("content-type", "application/json");
  response.end(
    JSON.stringify({
      request_id: "warm-up",
      ...lease,
      data,
      auth: request.url?.includes("/auth/") ? auth : null,
      warnings: null,
    }),
  );
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const config = join(home, "warm-up.hcl");
writeFileSync(
  config,
  `vault { address = "http://127.0.0.1:${(server.address() as AddressInfo).port}" }
auto_auth { method "kubernetes" { config = { role = "warm-up" token_path = "${config}" } } }
template { contents = "{{ with secret \\"a/creds/b\\" }}{{ .Data.username }}{{ end }}" destination = "${join(home, "out")}" }
health { address = "127.0.0.1:0" }`,
);
await warmUp("-exit-after-auth");
await warmUp("-log-level=info");
server.close();
rmSync(home, { recursive: true });

/** An agent that is told to end as soon as it has written its file. */
async function warmUp(flag: string): Promise<void> {
  const env = { ...process.env, HOME: home };
  const agent = spawn("bin/lessee", ["agent", `-config=${config}`, flag], { env, stdio: ["ignore", "ignore", "pipe"] });
  agent.stderr.on("data", (text) => String(text).includes("published") && agent.kill("SIGTERM"));
  await once(agent, "exit");
}

function licence(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8")) as Record<
    string,
    string
  >;
  const [file] = globSync(`${folder}/{LICENSE,LICENCE,License,license}{,.*}`);
  // A package may name its licence without bringing the text.
  return `${name} ${version} (${license})\n\n${file ? readFileSync(file, "utf8").trim() : ""}\n`;
}
