/**
 * `npm run mutants [-- --for 15m --jobs 2 --seed 1 FILE…]`: small faults, one at a time, in the pure decisions of a
 * lease. Those that no test notices are named. By chance, so that a short run says something of all files.
 * With `--rules [RULE…]` the faults of faults.ts instead: those that no test notices which names their rule.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root } from "../architecture/source.ts";
import { DECISIONS, testsOf } from "./decisions.ts";
import { type Mutant, mutantsOf } from "./mutate.ts";
import { tryFaults } from "./named.ts";
import { openWorkshop, type Verdict, type Workshop } from "./workshop.ts";

interface Tried {
  readonly file: string;
  readonly mutant: Mutant;
  readonly verdict: Verdict;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    for: { type: "string", default: "15m" },
    jobs: { type: "string", default: "2" },
    seed: { type: "string", default: "1" },
    rules: { type: "boolean", default: false },
  },
});

if (values.rules) {
  const tell = (line: string) => process.stdout.write(line);
  const { survivors, broken } = await tryFaults(root, positionals, Number(values.jobs), tell);
  tell(`\n${survivors.length} survived; of ${broken.length} rules the tests fail without any fault\n`);
  process.exit(survivors.length + broken.length > 0 ? 1 : 0);
}

const files = positionals.length > 0 ? positionals : Object.keys(DECISIONS);
const unknown = files.filter((file) => DECISIONS[file] === undefined);
const minutes = Number(/^(\d+)m$/.exec(values.for)?.[1] ?? Number.NaN);
if (unknown.length > 0 || Number.isNaN(minutes)) {
  process.stderr.write(
    unknown.length > 0
      ? `no decision: ${unknown.join(", ")}; one of ${Object.keys(DECISIONS).join(", ")}\n`
      : `--for takes minutes, such as 15m, and not ${values.for}\n`,
  );
  process.exit(2);
}

const all = shuffled(
  files.flatMap((file) => mutantsOf(file, readFileSync(join(root, file), "utf8")).map((mutant) => ({ file, mutant }))),
  Number(values.seed),
);
const end = Date.now() + minutes * 60_000;
const queue = [...all];
const tried: Tried[] = [];
await Promise.all(Array.from({ length: Number(values.jobs) }, work));
report();

async function work(): Promise<void> {
  const workshop: Workshop = openWorkshop(root);
  try {
    for (let one = queue.pop(); one !== undefined && Date.now() < end; one = queue.pop()) {
      const { file, mutant } = one;
      const verdict = await workshop.try(file, mutant.text, testsOf(file));
      tried.push({ ...one, verdict });
      if (verdict === "survived")
        process.stdout.write(`${mutant.place}  ${short(mutant.from)}  →  ${short(mutant.to)}\n`);
    }
  } finally {
    workshop.close();
  }
}

function report(): void {
  process.stdout.write(`\n${"file".padEnd(28)}  tried  of  noticed\n`);
  for (const file of [...files, "all"]) {
    const own = tried.filter((one) => file === "all" || one.file === file);
    const of = all.filter((one) => file === "all" || one.file === file).length;
    const noticed = own.filter(({ verdict }) => verdict !== "survived").length;
    const share = own.length === 0 ? "" : `${((100 * noticed) / own.length).toFixed(1)} %`;
    process.stdout.write(`${file.padEnd(28)}  ${own.length}  ${of}  ${share}\n`);
  }
}

function short(text: string): string {
  const line = text.replace(/\s+/g, " ");
  return line.length > 70 ? `${line.slice(0, 67)}…` : line;
}

/** The same order for the same seed. */
function shuffled<T>(list: readonly T[], seed: number): readonly T[] {
  const result = [...list];
  let state = seed;
  for (let i = result.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const j = state % (i + 1);
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}
