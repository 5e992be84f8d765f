/** What is in the bundle, and what of it a start evaluates: only what is wanted costs time and memory. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { stop } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundle } from "../../scripts/bundle.ts";
import { folder, run } from "./run.ts";

/** A configuration that is not there ends an agent after all of its modules were evaluated. */
const MISSING = ["agent", "-exit-after-auth", "-config=/nowhere/agent.hcl"];

describe("the bundle", () => {
  let inputs: readonly string[];

  beforeAll(async () => {
    ({ inputs } = await bundle("dist/unused.cjs", { write: false }));
  });

  afterAll(stop);

  it("holds node-vault without its own transport, and no part of pino and prom-client that nobody uses", () => {
    expect(inputs.filter((path) => path.includes("/node-vault/"))).not.toEqual([]);
    expect(
      inputs.filter((path) =>
        /\/(axios|follow-redirects|form-data|debug|supports-color|tv4|thread-stream|@opentelemetry)\//.test(path),
      ),
    ).toEqual([]);
  });

  it("evaluates pg, handlebars, chokidar, yaml and bcryptjs only when they are needed", async () => {
    const lazy = /node_modules\/(pg|pg-\w+|handlebars|chokidar|readdirp|yaml|bcryptjs)\//;
    expect(
      inputs.filter((path) => lazy.test(path)),
      "they are in the bundle at all",
    ).not.toEqual([]);
    const ran = await evaluated(...MISSING);
    expect(ran.filter((path) => lazy.test(path))).toEqual([]);
    expect(
      ran.filter((path) => path.includes("/pino/")),
      "what it does evaluate is seen",
    ).not.toEqual([]);
  });

  it("evaluates no package at all to print its version", async () => {
    expect((await evaluated("version")).filter((path) => path.startsWith("node_modules/"))).toEqual([]);
  });

  it("takes of Node for an agent's start neither cryptography, TLS and threads, nor what it is not written to", async () => {
    const path = folder();
    const file = join(path, "lessee.cjs");
    await bundle(file);
    const list = join(path, "list.cjs");
    writeFileSync(list, 'process.on("exit", () => console.log(process.moduleLoadList.join("\\n")))');
    const { code, stderr, stdout } = await run(process.execPath, ["--require", list, file, ...MISSING], {});
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("/nowhere/agent.hcl") });
    const loaded = stdout.split("\n");
    expect(loaded).toContain("NativeModule http");
    const late = [
      "crypto",
      "tls",
      "https",
      "worker_threads",
      "tty",
      "dns/promises",
      "dgram",
      "child_process",
      "stream/web",
    ];
    expect(late.filter((name) => loaded.includes(`NativeModule ${name}`))).toEqual([]);
  });
});

/**
 * The modules that a run of `lessee <args>` evaluates. Unminified, esbuild wraps each module in a function with the
 * module's path for a name, and V8 tells which functions ran. A module without a wrapper of its own always runs.
 */
async function evaluated(...args: readonly string[]): Promise<readonly string[]> {
  const path = folder();
  const file = join(path, "lessee.cjs");
  const { inputs } = await bundle(file, { minify: false });
  await run(process.execPath, [file, ...args], { env: { NODE_V8_COVERAGE: path } });
  const report = readdirSync(path).find((name) => name.startsWith("coverage-")) as string;
  const { result } = JSON.parse(readFileSync(join(path, report), "utf8")) as { result: readonly ScriptCoverage[] };
  const functions = result.find(({ url }) => url === pathToFileURL(file).href)?.functions ?? [];
  const ran = functions.filter(({ ranges }) => (ranges[0]?.count ?? 0) > 0).map(({ functionName }) => functionName);
  const text = ["lessee.cjs", "lessee-inject.cjs"].map((name) => readFileSync(join(path, name), "utf8")).join("\n");
  const unwrapped = inputs.filter((input) => !text.includes(`"${input}"(`));
  return [...ran.filter((name) => /^(src|node_modules)\//.test(name)), ...unwrapped];
}

interface ScriptCoverage {
  readonly url: string;
  readonly functions: readonly {
    readonly functionName: string;
    readonly ranges: readonly { readonly count: number }[];
  }[];
}
