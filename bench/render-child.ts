/** What `bench/render.ts` starts, with the flags of a sidecar: milliseconds of each evaluation, as JSON. */
import { createHash, createHmac, randomBytes } from "node:crypto";
import { createCryptography } from "../src/publish/cryptography.ts";
import { compileTemplate } from "../src/render/engine.ts";
import { createMade } from "../src/render/made.ts";
import { offlineBrain } from "../src/render/offline.ts";
import type { Brain, Template, TemplateHost, TemplateOptions } from "../src/render/template.ts";

export interface Times {
  /** Of the clock on the wall, which others on the machine delay. */
  readonly passed: readonly number[];
  /** Of the processor, the garbage collector's threads with it. */
  readonly processor: readonly number[];
}

export interface RenderFigures {
  readonly large: Times;
  readonly small: Times;
}

const SECRETS = 1000;
/** Many templates of one secret each: the share of rendering in the start of a sidecar with 300 leases. */
const TEMPLATES = 300;

const [engine = "go", runs = "300"] = process.argv.slice(2);
const language = engine === "go" ? "go" : "handlebars";
const wanted = Number(runs);

void main();

async function main(): Promise<void> {
  const large = await compile(Array.from({ length: SECRETS }, (_, i) => line(i)).join(""));
  const small = await Promise.all(Array.from({ length: TEMPLATES }, (_, i) => compile(line(i))));
  const brain = brainOf();
  const { output, missing } = large.execute(brain, hostOf());
  if (missing.length > 0 || output.length < 95_000)
    throw new Error(`${output.length} bytes, ${missing.length} missing`);
  const figures: RenderFigures = {
    large: measure(() => large.execute(brain, hostOf())),
    small: measure(() => small.map((template) => template.execute(brain, hostOf()))),
  };
  console.log(JSON.stringify(figures));
}

/** Without the first tenth, in which it becomes warm. */
function measure(work: () => unknown): Times {
  const times = Array.from({ length: wanted }, () => {
    const used = process.cpuUsage();
    const began = performance.now();
    work();
    const passed = performance.now() - began;
    const { user, system } = process.cpuUsage(used);
    return { passed, processor: (user + system) / 1_000 };
  }).slice(Math.floor(wanted / 10));
  return { passed: times.map(({ passed }) => passed), processor: times.map(({ processor }) => processor) };
}

function line(i: number): string {
  const comment = "#".repeat(25);
  return language === "go"
    ? `s${i}: {{ with secret "kv/s${i}" }}{{ .Data.username }} {{ .Data.password }}{{ end }} ${comment}\n`
    : `s${i}: {{#with (secret "kv/s${i}")}}{{Data.username}} {{Data.password}}{{/with}} ${comment}\n`;
}

function compile(source: string): Promise<Template> {
  const options: TemplateOptions = {
    name: "",
    leftDelimiter: "",
    rightDelimiter: "",
    errorOnMissingKey: false,
    functionDenylist: [],
    destination: "",
  };
  return compileTemplate(language, source, options);
}

function brainOf(): Brain {
  const entries = Array.from({ length: SECRETS }, (_, i) => [
    `kv/s${i}`,
    { lease_id: `kv/s${i}/l`, lease_duration: 3600, data: { username: `user-${i}`, password: "p".repeat(60) } },
  ]);
  return offlineBrain(JSON.stringify({ reads: Object.fromEntries(entries) }), Date.now());
}

function hostOf(): TemplateHost {
  return {
    now: Date.now,
    random: randomBytes,
    hash: (algorithm, data) => createHash(algorithm).update(data).digest(),
    hmac: (algorithm, key, data) => createHmac(algorithm, key).update(data).digest(),
    readFile: () => undefined,
    env: () => undefined,
    made: createMade(),
    cryptography: createCryptography(),
    lookUp: async () => [],
    run: async () => "",
    print: () => {},
  };
}
