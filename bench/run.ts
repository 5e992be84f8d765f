/**
 * `npm run bench`: the time until the credential is in its file, the memory and the processor time of idling, and the
 * size of the bundle, and how long templates take. With VAULT_BIN (a `vault` or `bao`), its agent is measured too, in turn with ours, on the same
 * configuration and the same servers. Options: --runs N, --idle SECONDS, --idle-runs N, --markdown.
 */
import { mkdir, stat } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { type IdleFigures, idleFigures, nameOf, type Program, timeToFile } from "./measure.ts";
import { optionsOf } from "./options.ts";
import { renderFigures } from "./render.ts";
import { cells, markdown, type Row, text } from "./table.ts";
import { type BenchWorld, startWorld } from "./world.ts";

/** V8 tidies up some ten seconds after the last work; that is no idling yet. */
const SETTLE = 15_000;
const root = join(import.meta.dirname, "..");

const values = optionsOf({
  runs: { type: "string", default: "20" },
  "idle-runs": { type: "string", default: "3" },
  idle: { type: "string", default: "20" },
  markdown: { type: "boolean", default: false },
});
const other = process.env.VAULT_BIN;
const programs: readonly Program[] = [
  { name: "lessee", command: [join(root, "bin/lessee"), "agent"] },
  ...(other ? [{ name: nameOf(other), command: [other, "agent"] as const }] : []),
];

const world = await startWorld();
let rows: readonly Row[];
try {
  const starts = await inTurn(Number(values.runs), world, timeToFile);
  const idle = { settle: SETTLE, idle: Number(values.idle) * 1000 };
  const idles = await inTurn(Number(values["idle-runs"]), world, (...run) => idleFigures(...run, idle));
  const of = (figure: keyof IdleFigures) => pair(idles.map((runs) => runs.map((one) => one[figure])));
  rows = [
    { name: "start to file written", unit: "ms", ...pair(starts), limit: 200 },
    { name: "idle memory, RSS", unit: "MB", ...of("rss"), limit: 65 },
    { name: "of which not shareable", unit: "MB", ...of("anonymous") },
    { name: "idle processor time", unit: "ms/s", ...of("cpu") },
    ...(await renderFigures(200)),
    { name: "bundle", unit: "kB", ours: [(await stat(join(root, "dist/lessee.cjs"))).size / 1000] },
  ];
} finally {
  await world.stop();
}

const header = ["median (least–most)", "lessee", programs[1]?.name ?? "VAULT_BIN", "ratio", "limit", "verdict"];
console.log((values.markdown ? markdown : text)(header, rows.map(cells)));
console.log(`
${cpus().length} × ${cpus()[0]?.model.trim()}, Linux, Node ${process.versions.node}; ${values.runs} starts, ${values["idle-runs"]} × ${values.idle} s of idling
Again: ${other ? "VAULT_BIN=/path/to/vault " : ""}npm run bench -- --runs ${values.runs} --idle-runs ${values["idle-runs"]} --idle ${values.idle}`);

/** For each program its figures, run by run; the programs take turns, so that both see the same state of the machine. */
async function inTurn<T>(
  runs: number,
  { folder, writeConfig }: BenchWorld,
  measure: (program: Program, config: string, destination: string) => Promise<T>,
): Promise<readonly (readonly T[])[]> {
  const figures = programs.map((): T[] => []);
  // The first round warms the caches of files and is not counted.
  for (let run = 0; run <= runs; run++) {
    for (const [index, program] of programs.entries()) {
      const place = join(folder, `${index}-${run}-${measure.name}`);
      await mkdir(place, { recursive: true });
      const destination = join(place, "config.yaml");
      const figure = await measure(program, await writeConfig(`run-${index}`, destination), destination);
      if (run > 0) figures[index]?.push(figure);
    }
  }
  return figures;
}

function pair(figures: readonly (readonly number[])[]): Pick<Row, "ours" | "theirs"> {
  const [ours = [], theirs] = figures;
  return theirs ? { ours, theirs } : { ours };
}
