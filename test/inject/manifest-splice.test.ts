/** Manifests by chance, as people and tools write them: what an injection does not add stays to the byte. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { applyPatch } from "../../src/inject/json-patch.ts";
import { injectManifest } from "../../src/inject/manifest.ts";
import { injectText } from "../../src/inject/manifest-text.ts";
import { SEED, SETTINGS } from "./pods.ts";

const OPTIONS = { settings: SETTINGS, namespace: "default" };

const comment = fc.constantFrom("", "", " # why", "   # a: b", "\t# --- x");
const between = fc.constantFrom("", "", "\n", "\n\n", "# alone\n", "      # deep: [\n", "   \n");
const scalar = fc.constantFrom(
  "a",
  "'0640'",
  '"yes"',
  "1.10",
  "0o17",
  '"a: b"',
  "'it''s'",
  "'---'",
  '"\\u00e9\\n"',
  "ünï",
);
const blockScalar = (indent: string) =>
  fc.constantFrom(
    `|\n${indent}  line\n${indent}  --- no document\n\n${indent}  # no comment`,
    `>-\n${indent}  folded\n${indent}  text`,
    `|2-\n${indent}    more`,
  );

interface Style {
  readonly step: string;
  readonly dash: string;
}

/** Lines of a Deployment or a CronJob, in a style by chance. */
const manifest = fc
  .record({
    style: fc.constantFrom<Style>({ step: "  ", dash: "" }, { step: "  ", dash: "  " }, { step: "    ", dash: "  " }),
    kind: fc.constantFrom("Deployment", "CronJob", "Pod"),
    notes: fc.array(comment, { minLength: 12, maxLength: 12 }),
    gaps: fc.array(between, { minLength: 12, maxLength: 12 }),
    values: fc.array(scalar, { minLength: 3, maxLength: 3 }),
    block: blockScalar("                "),
    volumes: fc.constantFrom("none", "empty", "some", "flow"),
    mounts: fc.constantFrom("none", "empty", "some", "flow"),
    init: fc.boolean(),
    last: fc.constantFrom("annotations", "spec"),
  })
  .map(({ style, kind, notes, gaps, values, block, volumes, mounts, init, last }) => {
    const lines: string[] = [];
    let at = 0;
    const put = (depth: number, text: string, dash = "") =>
      lines.push(
        `${gaps[at % 12]}${style.step.repeat(depth)}${dash}${text}${/^[^|>]*$/.test(text) ? notes[at++ % 12] : ""}`,
      );
    put(0, "apiVersion: v1");
    put(0, `kind: ${kind}`);
    const depth = { Pod: 0, Deployment: 2, CronJob: 4 }[kind] ?? 0;
    if (kind !== "Pod") put(0, "metadata: {name:   tsb,  labels: {a: 'b'}}");
    for (const [level, key] of {
      Pod: [],
      Deployment: ["spec", "template"],
      CronJob: ["spec", "jobTemplate", "spec", "template"],
    }[kind]?.entries() ?? [])
      put(level, `${key}:`);
    const metadata = () => {
      put(depth, "metadata:");
      put(depth + 1, "annotations:");
      for (const [name, value] of Object.entries(SEED)) put(depth + 2, `${name}:   ${JSON.stringify(value)}`);
      put(depth + 2, `note: ${/^['"a]/.test(values[0] ?? "") ? values[0] : "ünï"}`);
      put(depth + 2, `"text": ${block.replaceAll("                ", style.step.repeat(depth + 2))}`);
    };
    const spec = () => {
      put(depth, "spec:");
      put(depth + 1, "containers:");
      const dash = `${style.dash}- `;
      put(depth + 1, "name: tsb", dash);
      const inner = `${style.dash}  `;
      put(depth + 1, "image:   registry.example/app:1", inner);
      put(depth + 1, `args: [ "a",   ${values[1]} ]`, inner);
      if (mounts === "empty") put(depth + 1, "volumeMounts: []", inner);
      if (mounts === "flow") put(depth + 1, "volumeMounts: [{name: d, mountPath: /d}]", inner);
      if (mounts === "some") {
        put(depth + 1, "volumeMounts:", inner);
        put(depth + 1, "name: d", `${inner}- `);
        put(depth + 1, "mountPath: /d", `${inner}  `);
      }
      put(depth + 1, `workingDir: ${values[2]}`, inner);
      if (init) {
        put(depth + 1, "initContainers:");
        put(depth + 1, "name: migrate", dash);
        put(depth + 1, "command: [sh]", inner);
      }
      if (volumes === "empty") put(depth + 1, "volumes: []");
      if (volumes === "flow") put(depth + 1, "volumes: [ {name: d,   emptyDir: {}} ]");
      if (volumes === "some") {
        put(depth + 1, "volumes:");
        put(depth + 1, "name: d", dash);
        put(depth + 1, "emptyDir:   {}", inner);
      }
      put(depth + 1, "nodeSelector: { a: 'b' }");
    };
    for (const part of last === "spec" ? [metadata, spec] : [spec, metadata]) part();
    return `${lines.join("\n")}\n`;
  });

const other = fc.constantFrom(
  "",
  "# only a comment\n",
  "apiVersion: v1\nkind: Service\nmetadata: {name:   odd}\n",
  "a: |\n  ---\n  x\n",
  "x: &a [1]\ny: *a\n",
  'kind: ConfigMap\ndata: {"f": "---\\n"}\n',
  "null\n",
  "--- text\n",
  "kind: Pod\nmetadata: {annotations: {a: 'b'}}\nspec: {containers: [ ]}\n",
);

/** Lines that had to change: a list in braces that something is added to. */
const CHANGED = /(?:volumeMounts|volumes): ?\[/;

describe("a manifest, however it is written", () => {
  it("keeps every line, in its order, to the byte", async () => {
    await fc.assert(
      fc.asyncProperty(manifest, async (text) => {
        const done = await injectText(text, OPTIONS);
        expect(done.warnings.filter((warning) => /written anew/.test(warning))).toEqual([]);
        const lines = done.text.split("\n");
        let at = 0;
        for (const line of text.split("\n").filter((one) => !CHANGED.test(one))) {
          const found = lines.indexOf(line, at);
          expect(
            found,
            `${JSON.stringify(line)} stands after what stood before it, in:\n${done.text}`,
          ).toBeGreaterThanOrEqual(at);
          at = found + 1;
        }
      }),
      { numRuns: 60 },
    );
  });

  it("means what the injection of its object means, and is done once", async () => {
    await fc.assert(
      fc.asyncProperty(manifest, fc.boolean(), async (text, windows) => {
        const given = windows ? text.replaceAll("\n", "\r\n") : text;
        const { text: done, injected } = await injectText(given, OPTIONS);
        expect(injected).toHaveLength(1);
        const object = parse(text) as object;
        const { operations } = injectManifest(object, OPTIONS);
        expect(parse(done)).toEqual(applyPatch(object, operations));
        expect(windows ? done.replaceAll("\r\n", "") : "").not.toContain("\n");
        expect((await injectText(done, OPTIONS)).text).toBe(done);
      }),
      { numRuns: 40 },
    );
  });

  it("beside others leaves those alone, to the byte", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(other, { maxLength: 3 }),
        manifest,
        fc.array(other, { maxLength: 3 }),
        async (before, text, after) => {
          const parted = (all: readonly string[]) =>
            all.map((one) => (one.startsWith("---") ? one : `---\n${one}`)).join("");
          const head = parted(before);
          const tail = parted(after);
          const { text: done } = await injectText(`${head}--- # ours\n${text}${tail}`, OPTIONS);
          const alone = (await injectText(`--- # ours\n${text}`, OPTIONS)).text;
          expect(done).toBe(head + alone + tail);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("with nothing to inject is the same text, whatever that is", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(other, { maxLength: 5 }),
        fc.constantFrom("\n", "\r\n"),
        fc.boolean(),
        async (all, eol, mark) => {
          const text =
            (mark ? "\ufeff" : "") +
            all
              .map((one) => `---\n${one}`)
              .join("")
              .replaceAll("\n", eol);
          expect((await injectText(text, OPTIONS)).text).toBe(text);
        },
      ),
    );
  });
});

describe("what a tool has written", () => {
  const BASE = `kind: Pod\nmetadata:\n  annotations:\n${Object.entries(SEED)
    .map(([name, value]) => `    ${name}: ${JSON.stringify(value)}`)
    .join("\n")}\nspec:\n  containers:\n  - name: a\n`;

  it("with a byte order mark has one afterwards, and is injected", async () => {
    const { text, injected } = await injectText(`\ufeff${BASE}`, OPTIONS);
    expect(injected).toHaveLength(1);
    expect(text.startsWith("\ufeffkind: Pod\n")).toBe(true);
    expect(parse(text.slice(1)).spec.containers).toHaveLength(2);
  });

  it("without a line feed at its end", async () => {
    const { text } = await injectText(BASE.trimEnd(), OPTIONS);
    expect(text).toContain("  containers:\n  - name: a\n    volumeMounts:\n");
    expect(parse(text).spec.containers).toHaveLength(2);
  });

  it("with keys that have no value yet", async () => {
    const { text } = await injectText(`${BASE}    volumeMounts:\n  volumes:\n  initContainers: null\n`, OPTIONS);
    expect(parse(text).spec.volumes.length).toBeGreaterThan(3);
    expect(parse(text).spec.initContainers).toHaveLength(1);
  });

  it("with texts that YAML 1.1 takes for something else", async () => {
    const { text } = await injectText(BASE.replace('role: "pg"', 'role: "on"'), OPTIONS);
    for (const version of ["1.1", "1.2"] as const) {
      const [document] = parseAllDocuments(text, { version });
      const json = JSON.stringify(document);
      expect(json).toContain('"prometheus.io/scrape":"true"');
      expect(json).toContain('"prometheus.io/port":"9102"');
    }
  });

  it("with merge keys and anchors in what is changed", async () => {
    const shared = BASE.replace("spec:\n", "x: &base {image: 'b:1'}\nspec:\n").replace(
      "  - name: a\n",
      "  - <<: *base\n    name: a # own\n",
    );
    const { text, warnings } = await injectText(shared, OPTIONS);
    expect(warnings).toEqual([]);
    expect(text).toContain("  - <<: *base\n    name: a # own\n");
    expect(parse(text, { merge: true }).spec.containers[0]).toMatchObject({ image: "b:1", name: "a" });
  });
});
