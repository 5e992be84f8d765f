/** Bundles src/main.ts into dist/lessee.cjs: one minified CommonJS file, because it starts fastest and idles smallest. */
import { readFileSync } from "node:fs";
import { build } from "esbuild";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  version: string;
};

await build({
  entryPoints: ["src/main.ts"],
  outfile: "dist/lessee.cjs",
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node24",
  minify: true,
  keepNames: false,
  legalComments: "linked",
  define: { LESSEE_VERSION: JSON.stringify(version) },
  // axios would come with node-vault, whose transport is replaced; pg-native is pg's optional native binding.
  external: ["pg-native"],
  alias: { axios: "./scripts/absent.cjs", debug: "./scripts/absent.cjs" },
  logLevel: "warning",
});
