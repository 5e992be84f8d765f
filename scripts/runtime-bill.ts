/** runtime-bill.ts FILE: the bill names the Node that runs this, in place of the one that built the program. */
import { readFileSync, writeFileSync } from "node:fs";
import { withRuntime } from "./sbom.ts";

const [, , file = ""] = process.argv;
writeFileSync(file, withRuntime(readFileSync(file, "utf8"), process.versions.node));
