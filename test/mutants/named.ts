/** The named faults, one at a time, and whether a test that names their rule notices. */
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readTests } from "../architecture/tests.ts";
import { FAULTS, type Fault } from "./faults.ts";
import { copySources, SHARE } from "./workshop.ts";

/** Of real leases and processes: whoever needs longer than this goes round in circles. */
const PATIENCE = 180_000;

const BUILD = 'import("./scripts/bundle.ts").then(({ bundle }) => bundle("dist/lessee.cjs"))';

export interface Found {
  /** Faults that nobody notices. */
  readonly survivors: readonly Fault[];
  /** Rules whose tests fail without any fault: of their faults nothing is known. */
  readonly broken: readonly string[];
}

/** Those of the rules that are named, or that are called so; without a name all. Each is told as it is found. */
export async function tryFaults(
  root: string,
  names: readonly string[],
  jobs: number,
  tell: (line: string) => void,
): Promise<Found> {
  const queue = FAULTS.filter(
    ({ rule, what }) => names.length === 0 || names.some((name) => name === rule || what.includes(name)),
  );
  const rules = [...new Set(queue.map(({ rule }) => rule))];
  const survivors: Fault[] = [];
  const broken: string[] = [];
  await Promise.all(
    Array.from({ length: jobs }, async () => {
      const copy = copySources(root);
      try {
        for (let rule = rules.shift(); rule !== undefined; rule = rules.shift())
          if (await fails(rule, copy.folder)) {
            broken.push(rule);
            tell(`FAILS     ${rule.padEnd(3)}  without any fault\n`);
          }
        for (let fault = queue.shift(); fault !== undefined; fault = queue.shift()) {
          const noticed = await isNoticed(fault, copy.folder);
          if (!noticed) survivors.push(fault);
          tell(`${noticed ? "noticed " : "SURVIVED"}  ${fault.rule.padEnd(3)}  ${fault.file}: ${fault.what}\n`);
        }
      } finally {
        copy.remove();
      }
    }),
  );
  return { survivors, broken };
}

/** The fault in the whole text of its file; null where it has its place no more, or more than one. */
export function withFault({ from, to }: Fault, text: string): string | null {
  const [before, after, ...more] = text.split(from);
  return before === undefined || after === undefined || more.length > 0 ? null : `${before}${to}${after}`;
}

/** The files with a test that names the rule. */
export function testsNaming(rule: string): readonly string[] {
  const named = new RegExp(`\\b${rule}\\b`);
  return readTests().flatMap(({ path, titles }) => (titles.some((title) => named.test(title)) ? [`test/${path}`] : []));
}

async function isNoticed(fault: Fault, folder: string): Promise<boolean> {
  const path = join(folder, fault.file);
  const original = readFileSync(path, "utf8");
  writeFileSync(path, withFault(fault, original)!);
  try {
    return await fails(fault.rule, folder);
  } finally {
    writeFileSync(path, original);
  }
}

/** Those that run in the test's own process first; a scenario runs the program, which has to be built. */
async function fails(rule: string, cwd: string): Promise<boolean> {
  const tests = testsNaming(rule);
  const scenarios = tests.filter((test) => test.startsWith("test/scenarios/"));
  const others = tests.filter((test) => !scenarios.includes(test));
  if (others.length > 0 && !(await passes(others, rule, cwd))) return true;
  if (scenarios.length === 0) return false;
  await run(["--eval", BUILD], cwd);
  return !(await passes(scenarios, rule, cwd));
}

function passes(tests: readonly string[], rule: string, cwd: string): Promise<boolean> {
  return run(["node_modules/vitest/vitest.mjs", "run", ...tests, "-t", `\\b${rule}\\b`, "--bail", "1"], cwd);
}

function run(args: readonly string[], cwd: string): Promise<boolean> {
  const env = { ...process.env, CI: "", LESSEE_LAWS: SHARE };
  return new Promise((resolve) => {
    const options = { cwd, env, timeout: PATIENCE, killSignal: "SIGKILL" } as const;
    execFile(process.execPath, args, options, (error) => resolve(error === null));
  });
}
