/** `npm run build`: dist/lessee.cjs, and beside it the licences of all packages that are in it, and what V8 made of it. */
import { spawnSync } from "node:child_process";
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

// Node keeps the code that a run has compiled. This one goes through a whole start, up to a server that is not there;
// once with the launcher's flags for a sidecar, and once without, because the kept code is bound to them.
rmSync("dist/compile-cache", { recursive: true, force: true });
mkdirSync("dist/compile-cache");
const home = mkdtempSync(join(tmpdir(), "lessee-build-"));
const config = join(home, "warm-up.hcl");
writeFileSync(
  config,
  `vault { address = "http://127.0.0.1:1" }
auto_auth { method "kubernetes" { exit_on_err = true config = { role = "warm-up" token_path = "${config}" } } }
template { contents = "{{ with secret \\"a/b\\" }}{{ .Data.c }}{{ end }}" destination = "${join(home, "out")}" }
health { address = "127.0.0.1:0" }`,
);
for (const flags of [[], ["-exit-after-auth"]]) {
  spawnSync("bin/lessee", ["agent", `-config=${config}`, ...flags], { env: { ...process.env, HOME: home } });
}
rmSync(home, { recursive: true });

function licence(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8")) as Record<
    string,
    string
  >;
  const [file] = globSync(`${folder}/{LICENSE,LICENCE,License,license}{,.*}`);
  // A package may name its licence without bringing the text.
  return `${name} ${version} (${license})\n\n${file ? readFileSync(file, "utf8").trim() : ""}\n`;
}
