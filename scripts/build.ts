/** `npm run build`: dist/lessee.cjs, and beside it the licences of all packages that are in it. */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { bundle } from "./bundle.ts";

const { inputs } = await bundle("dist/lessee.cjs");
const folders = inputs.map((path) => path.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0]);
const texts = [...new Set(folders)]
  .filter((folder) => folder !== undefined)
  .sort()
  .map(licence);
writeFileSync("dist/LICENSES.txt", texts.join(`\n${"-".repeat(80)}\n\n`));

function licence(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8")) as Record<
    string,
    string
  >;
  const [file] = globSync(`${folder}/{LICENSE,LICENCE,License,license}{,.*}`);
  // A package may name its licence without bringing the text.
  return `${name} ${version} (${license})\n\n${file ? readFileSync(file, "utf8").trim() : ""}\n`;
}
