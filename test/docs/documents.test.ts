/** What the documents promise on sight: examples that work, links that lead somewhere, tests that exist. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";
import { runValidate } from "../../src/cli/validate.ts";
import type { World } from "../../src/ports.ts";
import { anchors, codes, examples, links, page, pages, rows } from "./markdown.ts";

const root = join(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

function sources(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => read(join(folder, name)));
}

describe("every HCL example passes lessee validate, without a warning:", () => {
  const all = pages().flatMap((one) =>
    examples(one, "hcl").map(({ line, code }) => ({ place: `${one.path}:${line}`, code })),
  );

  it("there are some", () => expect(all.length).toBeGreaterThan(1));

  it.each(all)("$place", async ({ code }) => {
    const folder = await mkdtemp(join(tmpdir(), "lessee-docs-"));
    try {
      const file = join(folder, "agent.hcl");
      await writeFile(file, code);
      const said: string[] = [];
      const output = { write: (text: string) => said.push(text) > 0 };
      const world = { files: { readFile, readdir, stat }, env: {}, stdout: output, stderr: output };
      const exitCode = await runValidate([`-config=${file}`], world as unknown as World);
      expect({ said: said.join(""), exitCode }).toEqual({ said: "The configuration is valid.\n", exitCode: 0 });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("every link and image leads somewhere:", () => {
  it.each(pages().map((one) => ({ path: one.path, one })))("$path", ({ path, one }) => {
    const broken = links(one).filter(({ file, anchor }) => {
      const target = file === "" ? path : normalize(join(dirname(path), file));
      if (!existsSync(join(root, target))) return true;
      return anchor !== "" && !anchors(page(target)).has(anchor);
    });
    expect(broken).toEqual([]);
  });
});

it("the pictures are small", () => {
  const folder = join(root, "docs/images");
  const large = readdirSync(folder).filter((name) => statSync(join(folder, name)).size > 200_000);
  expect(large).toEqual([]);
});

describe("every message in docs/troubleshooting.md is one that the program writes:", () => {
  const written = [...sources("src"), read("bin/lessee")].join("\n").replaceAll('\\"', '"');
  const messages = rows(page("docs/troubleshooting.md"), /^## /)
    .filter(([first]) => first !== "message" && first !== "code")
    .flatMap(([first]) => codes(first))
    .filter((message) => /[a-z]/.test(message));

  it("there are many", () => expect(messages.length).toBeGreaterThan(50));

  it.each(messages)("%s", (message) => {
    const parts = message.split("…").map((part) => part.replace(/^\W+|\W+$/g, ""));
    expect(parts.filter((part) => !written.includes(part))).toEqual([]);
  });
});

it("every code of a warning is in docs/troubleshooting.md, and no other", () => {
  const emitted = sources("src").flatMap((text) =>
    [...text.matchAll(/(?:is: "warning",\s*code: |\bwarn(?:Once)?\(\s*)"([a-z-]+)"/g)].map(([, code = ""]) => code),
  );
  const listed = rows(page("docs/troubleshooting.md"), /^## Warnings by code$/)
    .slice(1)
    .flatMap(([first]) => codes(first));
  expect([...listed].sort()).toEqual([...new Set(emitted)].sort());
});

it("the tests that README names for its promises exist", () => {
  const named = rows(page("README.md"), /^## What it promises$/)
    .slice(1)
    .map(([, , test]) => codes(test));
  expect(named.length).toBeGreaterThan(7);
  for (const [file = "", name = ""] of named) {
    expect(read(file), `${file} has a test of this name`).toContain(`"${name}"`);
  }
});
