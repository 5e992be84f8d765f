/** What the repository promises to whoever clones it: nothing of somebody's machine, and a reason for every package. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readSource, root } from "./source.ts";

const read = (path: string) => readFileSync(join(root, path), "utf8");
const manifest = JSON.parse(read("package.json")) as Record<string, Record<string, string> | undefined>;
const packages = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };

describe("the packages", () => {
  /** Rows of docs/dependencies.md: `| name | where | reason |`. */
  const reasons = new Map(
    [...read("docs/dependencies.md").matchAll(/^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$/gm)].map(
      ([, name = "", where = "", reason = ""]) => [name, { where: where.trim(), reason: reason.trim() }],
    ),
  );

  it("each have their reason in docs/dependencies.md, and no other is listed there", () => {
    expect([...reasons.keys()].sort()).toEqual(Object.keys(packages).sort());
    for (const [name, { reason }] of reasons) expect(reason.length, `${name}: a reason in words`).toBeGreaterThan(20);
  });

  it("are pinned to one version", () => {
    const loose = Object.entries(packages).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version));
    expect(loose, "save-exact is set in .npmrc").toEqual([]);
  });

  it("that src imports are those that docs/dependencies.md says run in the sidecar", () => {
    const imported = readSource()
      .flatMap((file) => file.imports)
      .filter((one) => one.file === undefined && !one.typeOnly && !isBuiltin(one.specifier))
      .map((one) => one.specifier.split("/", one.specifier.startsWith("@") ? 2 : 1).join("/"));
    const allowed = [...reasons].filter(([, { where }]) => where === "sidecar").map(([name]) => name);
    expect([...new Set(imported)].sort()).toEqual(allowed.sort());
  });

  it("are locked without the address of anybody's registry", () => {
    expect(read("package-lock.json")).not.toMatch(/"resolved":/);
  });
});

describe("the tracked files", () => {
  const tracked = execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" }).split("\0").filter(Boolean);

  it("name no folder of the machine that they were written on, and no registry", () => {
    // Put together here, so that this file does not contain what it looks for.
    const forbidden = [
      ["", "work", ""],
      ["", "opt", "lab"],
      ["", "tmp", "bash_jobs"],
    ].map((parts) => parts.join("/"));
    const pattern = new RegExp(
      `(^|[^\\w.$}])(${forbidden.join("|")})|registry\\.(npmjs|npmmirror|yarnpkg)|\\bnpm-proxy\\b`,
    );
    const wrong = tracked.flatMap((path) =>
      lines(path).flatMap((line, index) =>
        pattern.test(line) ? [`${path}:${index + 1}: ${line.trim().slice(0, 80)}`] : [],
      ),
    );
    expect(wrong).toEqual([]);
  });

  it("end in a line break and have no Windows line ends", () => {
    const texts = tracked.filter((path) => /\.(ts|md|json|sh|cjs|hcl|ya?ml)$/.test(path));
    expect(texts.filter((path) => /\r/.test(text(path)) || !text(path).endsWith("\n"))).toEqual([]);
  });

  /** A file that was tracked and is being removed has nothing to say. */
  function text(path: string): string {
    try {
      return read(path);
    } catch {
      return "\n";
    }
  }

  function lines(path: string): readonly string[] {
    return text(path).split("\n");
  }
});
