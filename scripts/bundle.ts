/** One minified CommonJS file, and one more for what no sidecar runs: they start fastest and idle smallest. */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build, type OutputFile, type Plugin } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * Parts of packages that they load at once and that lessee never uses: `absent.cjs` stands in their place and says so
 * where one is used all the same. Together they take longer to load than lessee itself.
 */
const LEFT_OUT = [
  // Its own transport, commands and schemas, and its own way to fill in a path; ours are handed in.
  { package: "node-vault", names: ["axios", "debug", "https", "mustache", "tv4", "./commands.js"] },
  // The positions of a precompiled template, which nobody asks for.
  { package: "handlebars", names: ["source-map"] },
  // Files and worker threads to write to; our lines go to a function.
  { package: "pino", names: ["sonic-boom", "thread-stream", "worker_threads", "./lib/transport", "./transport"] },
];

const leaveOut: Plugin = {
  name: "leave out",
  setup({ onResolve }) {
    for (const { package: name, names } of LEFT_OUT) {
      onResolve({ filter: /./, namespace: "file" }, ({ path, importer }) =>
        names.includes(path) && importer.includes(`/node_modules/${name}/`)
          ? { path: `${root}scripts/absent.cjs` }
          : undefined,
      );
    }
  },
};

export interface Bundle {
  /** Files that something of is in the bundle, from the repository root. */
  readonly inputs: readonly string[];
}

/** Commands that no sidecar runs, in a file of their own: an agent's start need not read them. */
const APART = { file: "lessee-inject.cjs", commands: ["inject", "webhook"] };

const setApart: Plugin = {
  name: "set apart",
  setup({ onResolve }) {
    const filter = new RegExp(`^\\./(${APART.commands.join("|")})\\.ts$`);
    onResolve({ filter }, ({ importer }) =>
      importer.endsWith("/src/cli/commands.ts") ? { path: `./${APART.file}`, external: true } : undefined,
    );
  },
};

/**
 * Bundles src/main.ts into `outfile`, and beside it what is apart; unminified, the text still names the modules that it
 * holds.
 */
export async function bundle(outfile: string, { minify = true, write = true } = {}): Promise<Bundle> {
  const { version } = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as { version: string };
  const common = {
    absWorkingDir: root,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node24",
    minify,
    write: false,
    metafile: true,
    // The build puts whole licences beside the bundle, which the few comments that are marked as legal do not replace.
    legalComments: "none",
    define: { LESSEE_VERSION: JSON.stringify(version), "import.meta.url": "__filename" },
    // pg-native is pg's optional native binding, which is never installed.
    external: ["pg-native"],
    // As it stands, `import("node:http")` evaluates every export of Node's, undici with them; `require` does not.
    supported: { "dynamic-import": false },
    logLevel: "warning",
  } as const satisfies BuildOptions;
  const results = await Promise.all([
    build({
      ...common,
      entryPoints: ["src/main.ts"],
      outfile,
      plugins: [leaveOut, setApart],
    }),
    build({
      ...common,
      stdin: {
        contents: APART.commands.map((name) => `export * from "./src/cli/${name}.ts";`).join("\n"),
        resolveDir: root,
      },
      outfile: join(dirname(outfile), APART.file),
      plugins: [leaveOut],
    }),
  ]);
  if (write) for (const file of results.flatMap(({ outputFiles }) => outputFiles)) writeFile(file);
  const parts = results.flatMap(({ metafile }) =>
    Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs)),
  );
  const inputs = parts.flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : []));
  return { inputs: [...new Set(inputs)].filter((path) => path !== "<stdin>") };
}

/** It begins with what it is told from any other by, and what was kept of it: bin/start.cjs. */
function writeFile({ path, contents, text }: OutputFile): void {
  mkdirSync(dirname(path), { recursive: true });
  const build = createHash("sha256").update(contents).digest("hex").slice(0, 16);
  writeFileSync(path, `/*${build}*/${ascii(text)}`);
}

/**
 * V8 holds the text as long as the program runs, and in twice the memory if a single character needs it. esbuild leaves
 * those in template literals and patterns as they are, where an escape means the same but in `String.raw`.
 */
function ascii(text: string): string {
  return text.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
