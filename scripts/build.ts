/**
 * `npm run build`: dist/lessee.cjs, and beside it what is in it (licences, and a bill for machines) and what V8 made of it.
 */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { bundle } from "./bundle.ts";
import { type Lock, type Manifest, softwareBill } from "./sbom.ts";
import { warmUp } from "./warm-up.ts";

const { inputs } = await bundle("dist/lessee.cjs");
const folders = [...new Set(inputs.map((path) => path.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0]))]
  .filter((folder) => folder !== undefined)
  .sort();
writeFileSync("dist/LICENSES.txt", folders.map(licence).join(`\n${"-".repeat(80)}\n\n`));

const manifest = JSON.parse(readFileSync("package.json", "utf8")) as Manifest;
const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8")) as { packages: Lock };
writeFileSync("dist/sbom.cdx.json", softwareBill(manifest, packages, folders, process.versions.node));

await warmUp(".");

function licence(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8")) as Record<
    string,
    string
  >;
  const [file] = globSync(`${folder}/{LICENSE,LICENCE,License,license}{,.*}`);
  // A package may name its licence without bringing the text.
  return `${name} ${version} (${license})\n\n${file ? readFileSync(file, "utf8").trim() : ""}\n`;
}
