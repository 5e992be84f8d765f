/**
 * `node bench/render.ts`, and part of `npm run bench`: how long templates take once warm, in both languages, in a process
 * with the flags of a sidecar. 100 KB with 1,000 references to secrets, and 300 templates with one each.
 * Options: --runs N.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { optionsOf } from "./options.ts";
import type { RenderFigures } from "./render-child.ts";
import { type Row, text } from "./table.ts";

const LANGUAGES = { go: "Go", handlebars: "Handlebars" } as const;
const LIMIT = 20;

if (import.meta.main) {
  const { runs } = optionsOf({ runs: { type: "string", default: "200" } });
  const figures = await renderFigures(Number(runs));
  const rows = figures.map(({ name, ours, limit }) => {
    const sorted = ours.toSorted((a, b) => a - b);
    const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)]?.toFixed(1) ?? "";
    return [`${name} (ms)`, at(0), at(0.5), at(0.95), limit === undefined ? "–" : `≤ ${limit}`];
  });
  console.log(text(["", "least", "median", "95th of 100", "limit"], rows));
}

/** The rows of the table; the processor's time is what counts on a machine that has other work. */
export async function renderFigures(runs: number): Promise<readonly Row[]> {
  const folder = mkdtempSync(join(tmpdir(), "lessee-bench-render-"));
  try {
    const outfile = join(folder, "render.cjs");
    await build({
      entryPoints: [join(import.meta.dirname, "render-child.ts")],
      outfile,
      bundle: true,
      minify: true,
      platform: "node",
      format: "cjs",
      target: "node24",
      define: { "import.meta.url": "__filename" },
      logLevel: "warning",
    });
    return Object.entries(LANGUAGES).flatMap(([engine, language]) => {
      const command = [...sidecarFlags(), outfile, engine, String(runs)];
      const { large, small } = JSON.parse(
        execFileSync(process.execPath, command, { encoding: "utf8" }),
      ) as RenderFigures;
      const row = (name: string, ours: readonly number[], limit?: number): Row => ({
        name: `${language}: ${name}`,
        unit: "ms",
        ours,
        ...(limit === undefined ? {} : { limit }),
      });
      return [
        row("1,000 secrets in 100 KB", large.passed, LIMIT),
        row("the same, of the processor", large.processor, LIMIT),
        row("300 templates of one secret", small.passed),
        row("the same, of the processor", small.processor),
      ];
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** As the launcher has them. */
function sidecarFlags(): readonly string[] {
  const launcher = readFileSync(join(import.meta.dirname, "../bin/lessee"), "utf8");
  const flags = /flags="(--lite-mode[^"]*)"/.exec(launcher)?.[1];
  if (flags === undefined) throw new Error("bin/lessee has no flags for a sidecar");
  return flags.split(" ");
}
