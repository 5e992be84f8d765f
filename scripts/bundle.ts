/** One minified CommonJS file: it starts fastest and idles smallest. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

export interface Bundle {
  /** Files that something of is in the bundle, from the repository root. */
  readonly inputs: readonly string[];
}

/** Bundles src/main.ts into `outfile`; unminified, the text still names the modules that it holds. */
export async function bundle(outfile: string, { minify = true, write = true } = {}): Promise<Bundle> {
  const { version } = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as { version: string };
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ["src/main.ts"],
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node24",
    minify,
    write,
    metafile: true,
    // The build puts whole licences beside the bundle, which the few comments that are marked as legal do not replace.
    legalComments: "none",
    // Node opens its debugger on SIGUSR1 until somebody listens, and main.ts runs only after all that it imports.
    banner: { js: 'process.on("SIGUSR1",()=>{});' },
    define: { LESSEE_VERSION: JSON.stringify(version) },
    // pg-native is pg's optional native binding, which is never installed.
    external: ["pg-native"],
    // What node-vault names and never gets to use; `absent.cjs` says so where it is used all the same.
    alias: { axios: "./scripts/absent.cjs", debug: "./scripts/absent.cjs" },
    logLevel: "warning",
  });
  const parts = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs));
  return { inputs: parts.flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])) };
}
