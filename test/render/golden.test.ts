/** The templates of the golden corpus: what the real consul-template, or OpenBao's fork of it, made of them. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { compileGoTemplate } from "../../src/render/go/engine.ts";
import { executeWhole } from "../../src/render/offline.ts";
import { type Brain, type Dependency, dependencyKey } from "../../src/render/template.ts";
import { DIVERGENCES } from "./divergences.ts";
import { brainOf, type Dataset, hostOf, NOTHING_KNOWN, optionsOf } from "./fixture.ts";

interface Outcome {
  readonly output?: string;
  readonly outputBase64?: string;
  readonly error?: string;
  readonly errorRaw?: string;
  readonly missing?: readonly string[];
  readonly used?: readonly string[];
}

interface Case {
  readonly name: string;
  readonly template: string;
  readonly leftDelim?: string;
  readonly rightDelim?: string;
  readonly errorOnMissingKey?: boolean;
  readonly functionDenylist?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
  readonly destination?: string;
  readonly result: Outcome;
  readonly firstPass?: Outcome;
  readonly bao?: Outcome;
  readonly stdout?: string;
}

const file = resolve(process.env.LESSEE_SHARED ?? "../shared", "golden/templates-shared.json");
const corpus: { dataset: Dataset; cases: Case[] } = existsSync(file)
  ? JSON.parse(readFileSync(file, "utf8"))
  : { dataset: { reads: {}, lists: {}, writes: [] }, cases: [] };

describe.skipIf(corpus.cases.length === 0)("golden templates", () => {
  const known = brainOf(corpus.dataset);
  for (const one of corpus.cases) {
    it(one.name, async () => {
      const printed: string[] = [];
      const ours = await outcomeOf(one, known, one.files ?? {}, printed);
      const divergence = DIVERGENCES[one.name];
      if (divergence !== undefined) {
        expect(ours, divergence.reason).toEqual({ ...divergence.ours });
        return;
      }
      expect([expected(one.result), ...(one.bao ? [expected(one.bao)] : [])]).toContainEqual(ours);
      expect(printed.join("")).toBe(one.stdout ?? "");
      if (one.firstPass !== undefined)
        expect(await outcomeOf(one, NOTHING_KNOWN, {}, [])).toEqual(expected(one.firstPass));
    });
  }

  it("has a case for every divergence", () => {
    const names = corpus.cases.map((one) => one.name);
    expect(Object.keys(DIVERGENCES).filter((name) => !names.includes(name))).toEqual([]);
  });
});

/** The output byte by byte, as latin1. */
async function outcomeOf(
  one: Case,
  brain: Brain,
  files: Readonly<Record<string, string>>,
  printed: string[],
): Promise<Outcome> {
  const options = optionsOf({
    leftDelimiter: one.leftDelim ?? "{{",
    rightDelimiter: one.rightDelim ?? "}}",
    errorOnMissingKey: one.errorOnMissingKey ?? false,
    functionDenylist: one.functionDenylist ?? [],
    destination: one.destination ?? "",
  });
  try {
    // Without the redaction of errors: the corpus has them as they were before it.
    const template = compileGoTemplate(one.template, options);
    const host = hostOf({ env: one.env ?? {}, files, printed });
    const { output, used, missing } = await executeWhole(template, brain, host);
    const name = (dependency: Dependency) => nameOf(dependency, options.destination);
    return {
      output: Buffer.from(output).toString("latin1"),
      used: used.map(name).sort(),
      missing: missing.map(name).sort(),
    };
  } catch (error) {
    return { error: (error as Error).message };
  }
}

function expected({ output, outputBase64, error, errorRaw, used = [], missing = [] }: Outcome): Outcome {
  if (error !== undefined) return { error: errorRaw ?? error };
  const bytes = outputBase64 === undefined ? Buffer.from(output ?? "") : Buffer.from(outputBase64, "base64");
  return { output: bytes.toString("latin1"), used, missing };
}

/** As the real tool names it: of a write it shows a hash of the data, of a certificate the destination. */
function nameOf(dependency: Dependency, destination: string): string {
  if (dependency.kind === "pki") return `vault.pki(${dependency.path}->${destination})`;
  if (dependency.kind !== "write") return dependencyKey(dependency);
  const hash = createHash("sha1");
  for (const key of Object.keys(dependency.data).sort()) hash.update(`${key}="${String(dependency.data[key])}"`);
  return `vault.write(${dependency.path} -> ${hash.digest("hex").slice(0, 8)})`;
}
