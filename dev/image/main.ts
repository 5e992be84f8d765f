/**
 * `npm run image`: the image from this machine's own files, where no registry of images is at hand. With one,
 * `docker build .` alone makes it from Alpine.
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildImage } from "./build.ts";
import { makeLocalImages, missingForLocalImages } from "./local.ts";

const { values } = parseArgs({ options: { tag: { type: "string", default: "lessee:local" } } });
const root = fileURLToPath(new URL("../..", import.meta.url));
const missing = process.platform === "linux" ? await missingForLocalImages() : "Linux";
if (missing) {
  console.error(`an image of local files needs ${missing}`);
  process.exit(1);
}
if (!existsSync(`${root}dist/lessee.cjs`)) {
  console.error("dist/lessee.cjs is missing; run: npm run build");
  process.exit(1);
}
const { base, node } = await makeLocalImages(process.execPath);
await buildImage({ tag: values.tag, args: { BASE: base, NODE: node, BUILD: node, DIST: "prebuilt" } });
console.log(values.tag);
