/** DESIGN's layer table, read against the real imports. A new file obeys the rules of its folder without being listed. */
import { describe, expect, it } from "vitest";
import { type Import, parseSource, place, readSource, type SourceFile, usesOfGlobal, usesOfMember } from "./source.ts";

/** What everybody may import, and what imports nothing but words. */
const WORDS = [
  "src/ports.ts",
  "src/events.ts",
  "src/errors.ts",
  "src/sensitive.ts",
  "src/json.ts",
  "src/status.ts",
  "src/config/place.ts",
  "src/config/server-types.ts",
  "src/config/types.ts",
  "src/render/excerpt.ts",
  "src/render/template.ts",
  "src/vault/secret.ts",
];

/** Rules: the same answer for the same arguments, always. A name that ends in a slash is a folder with all that is in it … */
const PURE = [
  "src/system/address.ts",
  "src/system/command-line.ts",
  "src/config/",
  "src/inject/",
  "src/lease/",
  "src/render/",
  ...["duration", "entry", "invisible"].map((name) => `src/log/${name}.ts`),
  ...[
    "event-metrics",
    "html",
    "metric",
    "page",
    "page-style",
    "readiness",
    "relative",
    "status-metrics",
    "webhook-metrics",
  ].map((name) => `src/health/${name}.ts`),
  "src/health/timeline.ts",
  "src/postgres/connection-url.ts",
  ...["claims", "pod", "trouble"].map((name) => `src/kubernetes/${name}.ts`),
  ...["endings", "entry", "headers", "held", "json-text", "redact-self"].map((name) => `src/proxy/${name}.ts`),
  ...["memory", "naming", "prometheus", "statsd"].map((name) => `src/telemetry/${name}.ts`),
  ...["answer", "redirect", "verdict"].map((name) => `src/vault/${name}.ts`),
];

/** … but for these: they wait, remember or write, if only through ports. */
const IMPURE = ["src/inject/certificate.ts", "src/inject/webhook.ts", "src/lease/keeping/", "src/lease/memory/"];

/** Where the parts are put together, beside cli/. */
const PROGRAM = ["src/agent.ts", "src/program/"];

/** Packages that are rules themselves: they neither read nor write anything. */
const PURE_PACKAGES = ["handlebars", "yaml"];

type Layer = "words" | "rules" | "adapters" | "program" | "main";

describe("the layers", () => {
  const source = readSource();
  const value = (from: SourceFile) => from.imports.filter((one) => !one.typeOnly);

  it("reads the source at all", () => {
    expect(source.map((file) => file.path)).toContain("src/ports.ts");
  });

  it("names only files that exist", () => {
    const paths = source.map((file) => file.path);
    const gone = [...WORDS, ...PURE, ...IMPURE, ...PROGRAM].filter(
      (name) => !paths.some((path) => path === name || path.startsWith(name)),
    );
    expect(gone, "the lists at the top of this test name what is no longer there").toEqual([]);
  });

  it("lets nobody import a higher layer", () => {
    const order: readonly Layer[] = ["words", "rules", "adapters", "program", "main"];
    const wrong = edges(source).filter(({ from, to }) => order.indexOf(layerOf(to)) > order.indexOf(layerOf(from)));
    expect(
      told(wrong),
      "words ← rules ← adapters ← agent.ts and cli/ ← main.ts (a new rule is listed in PURE)",
    ).toEqual([]);
  });

  it("lets adapters use each other only through ports and types", () => {
    const wrong = edges(source).filter(
      ({ from, to, how }) =>
        layerOf(from) === "adapters" && layerOf(to) === "adapters" && folderOf(from) !== folderOf(to) && !how.typeOnly,
    );
    expect(
      told(wrong),
      "take it as an argument whose type stands in src/ports.ts; agent.ts puts them together",
    ).toEqual([]);
  });

  it("keeps words and rules free of Node, packages and the world", () => {
    const wrong = source.filter(isPure).flatMap((file) => [
      ...value(file)
        .filter((one) => one.file === undefined && !PURE_PACKAGES.includes(one.specifier))
        .map((one) => `${file.path} imports ${one.specifier}`),
      ...impurities(file),
    ]);
    expect(wrong, "hand it in as an argument (Clock, Random, TemplateHost, …)").toEqual([]);
  });

  it("keeps time, chance and the environment out of the order of things", () => {
    const wrong = source.filter((file) => layerOf(file.path) === "program").flatMap(impurities);
    expect(wrong, "agent.ts and cli/ take these from their World").toEqual([]);
  });

  it("lets only main.ts use the global process", () => {
    const wrong = source
      .filter((file) => layerOf(file.path) !== "main")
      .flatMap((file) => [
        ...usesOfGlobal(file, "process").map((node) => place(file, node)),
        ...value(file)
          .filter((one) => ["node:process", "process"].includes(one.specifier))
          .map((one) => `${file.path} imports ${one.specifier}`),
      ]);
    expect(wrong, "what is wanted from it belongs into World in src/ports.ts").toEqual([]);
  });

  it("loads pg, handlebars, chokidar, yaml and bcryptjs only when they are needed", () => {
    const wrong = source.flatMap((file) =>
      value(file)
        .filter((one) => !one.lazy && /^(bcryptjs|pg|handlebars|chokidar|yaml)(\/|$)/.test(one.specifier))
        .map((one) => `${file.path} imports ${one.specifier}`),
    );
    expect(wrong, "write `await import(…)` where it is used first").toEqual([]);
  });

  it("has no circle of imports", () => {
    expect(circle(source), "a circle means that two files are one, or that a third one is missing").toEqual([]);
  });
});

describe("the reader of imports", () => {
  const file = parseSource(
    "src/a/b.ts",
    `import type { A } from "../x.ts";
     import { type B } from "./c.ts";
     import { d } from "node:fs";
     export { e } from "./e.ts";
     // import "./comment.ts"
     const text = "import './string.ts'";
     type W = import("./w.ts").W;
     export async function f({ process }: { process: string }) { await import("pg"); return [process, Date.now()]; }`,
  );

  it("sees every kind of import and none in comments and strings", () => {
    expect(file.imports).toEqual([
      { specifier: "../x.ts", file: "src/x.ts", typeOnly: true, lazy: false },
      { specifier: "./c.ts", file: "src/a/c.ts", typeOnly: true, lazy: false },
      { specifier: "node:fs", typeOnly: false, lazy: false },
      { specifier: "./e.ts", file: "src/a/e.ts", typeOnly: false, lazy: false },
      { specifier: "./w.ts", file: "src/a/w.ts", typeOnly: true, lazy: false },
      { specifier: "pg", typeOnly: false, lazy: true },
    ]);
  });

  it("tells a global from a parameter of the same name", () => {
    expect(usesOfGlobal(file, "process")).toEqual([]);
    const other = parseSource("src/a/d.ts", "export const pid = () => process.pid + { process: 1 }.process;");
    expect(usesOfGlobal(other, "process").map((node) => place(other, node))).toEqual(["src/a/d.ts:1"]);
  });

  it("sees the world in a rule", () => {
    expect(impurities(file)).toEqual(["src/a/b.ts:8 uses Date.now"]);
    const other = parseSource("src/a/d.ts", "export const f = (): Date => new Date();\nsetTimeout(f, 1);");
    expect(impurities(other)).toEqual(["src/a/d.ts:1 uses Date", "src/a/d.ts:2 uses setTimeout"]);
  });

  it("finds a circle", () => {
    const a = parseSource("src/a.ts", `import { b } from "./b.ts"; export const a = b;`);
    const b = parseSource("src/b.ts", `import { a } from "./a.ts"; export const b = a;`);
    expect(circle([a, b])).toEqual(["src/a.ts", "src/b.ts", "src/a.ts"]);
  });
});

function layerOf(path: string): Layer {
  if (path === "src/main.ts") return "main";
  if (WORDS.includes(path)) return "words";
  if (isListed(path, PURE) && !isListed(path, IMPURE)) return "rules";
  if ([...PROGRAM, "src/cli/"].some((name) => path.startsWith(name))) return "program";
  return "adapters";
}

function isListed(path: string, names: readonly string[]): boolean {
  return names.some((name) => path === name || (name.endsWith("/") && path.startsWith(name)));
}

function isPure(file: SourceFile): boolean {
  return ["words", "rules"].includes(layerOf(file.path));
}

function folderOf(path: string): string {
  return path.split("/").slice(0, 2).join("/");
}

/** Uses of time, chance, the environment and output, each with its place. `new Date(argument)` only converts. */
function impurities(file: SourceFile): readonly string[] {
  const globals = ["process", "console", "setTimeout", "setInterval", "setImmediate", "fetch", "crypto", "performance"];
  return [
    ...globals.flatMap((name) => usesOfGlobal(file, name).map((node) => `${place(file, node)} uses ${name}`)),
    ...usesOfMember(file, "Math", "random").map((node) => `${place(file, node)} uses Math.random`),
    ...usesOfMember(file, "Date", "now").map((node) => `${place(file, node)} uses Date.now`),
    ...usesOfGlobal(file, "Date")
      .filter((node) => /^Date\s*(\(\s*\)|(?![\w.(]))/.test(file.text.slice(node.start)))
      .map((node) => `${place(file, node)} uses Date`),
  ].sort();
}

interface Edge {
  readonly from: string;
  readonly to: string;
  readonly how: Import;
}

function edges(source: readonly SourceFile[]): readonly Edge[] {
  return source.flatMap((file) =>
    file.imports.flatMap((how) => (how.file === undefined ? [] : [{ from: file.path, to: how.file, how }])),
  );
}

function told(wrong: readonly Edge[]): readonly string[] {
  return wrong.map(({ from, to }) => `${from} (${layerOf(from)}) imports ${to} (${layerOf(to)})`);
}

/** The first circle of imports, types included, or nothing. */
function circle(source: readonly SourceFile[]): readonly string[] {
  const next = Map.groupBy(edges(source), (edge) => edge.from);
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): readonly string[] => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return [];
    for (const edge of next.get(path) ?? []) {
      const found = visit(edge.to, [...trail, path]);
      if (found.length > 0) return found;
    }
    done.add(path);
    return [];
  };
  for (const file of source) {
    const found = visit(file.path, []);
    if (found.length > 0) return found;
  }
  return [];
}
