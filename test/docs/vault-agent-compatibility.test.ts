/** docs/vault-agent-compatibility.md against the code: whatever is there is in it, and it names nothing that is not. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseAuthMethod } from "../../src/auth/methods.ts";
import { AGENT_FLAGS } from "../../src/cli/agent-flags.ts";
import type { LesseeError } from "../../src/errors.ts";
import { functionsExcept } from "../../src/render/functions/catalogue.ts";
import { BUILTINS } from "../../src/render/go/builtins.ts";
import { knownKeys, words } from "./known-keys.ts";
import { codes, page, rows } from "./markdown.ts";

const root = join(import.meta.dirname, "../..");
const document = page("docs/vault-agent-compatibility.md");
const configuration = page("docs/configuration.md");
const body = (heading: string) => rows(document, new RegExp(`^## ${heading}$`)).slice(1);
const named = (heading: string, column = 0) => body(heading).flatMap((row) => codes(row[column]));
const inOrder = (names: Iterable<string>) => [...names].sort();

/** The text of a test's file, with the data or the document that it goes through; null where there is no such test. */
function textOf(test: string): string | null {
  const own = join(root, `test/${test}.test.ts`);
  const beside = [
    join(root, `test/${test}.json`),
    ...(test === "docs/templates" ? [join(root, "docs/templates.md")] : []),
  ];
  if (!existsSync(own)) return null;
  return [own, ...beside.filter((path) => existsSync(path))].map((path) => readFileSync(path, "utf8")).join("\n");
}

/** The files of a row's last cell, each with the words of a test in it where the cell has them. */
function holders(row: readonly string[]) {
  return [...(row.at(-1) ?? "").matchAll(/`([\w/-]+)`(?: "([^"]+)")?/g)].map(([, test = "", words]) => ({
    test,
    words,
  }));
}

/** Whether a test of the file has these words in its name, which may stand on the line below its `it`. */
function tells({ test, words }: ReturnType<typeof holders>[number]): boolean {
  if (words === undefined) return true;
  const lines = textOf(test)?.split("\n") ?? [];
  return lines.some(
    (line, at) => line.includes(words) && /\b(?:it|describe|onBothSides)\b|\]\)\(/.test(`${lines[at - 1]}${line}`),
  );
}

describe("docs/vault-agent-compatibility.md", () => {
  const sections = [...document.text.matchAll(/^## (.+)$/gm)].map(([, heading = ""]) => heading);
  const all = sections.flatMap((heading) => body(heading).map((row) => ({ heading, row })));
  const stateOf = (row: readonly string[]) => row.at(-3) ?? "";
  const noteOf = (row: readonly string[]) => row.at(-2) ?? "";

  it("gives every feature one of its states", () => {
    expect(all.length).toBeGreaterThan(120);
    const states = ["same", "better", "no effect", "not built"];
    expect(all.filter(({ row }) => !states.includes(stateOf(row)))).toEqual([]);
  });

  it("says why of all that is not the same", () => {
    expect(all.filter(({ row }) => stateOf(row) !== "same" && noteOf(row) === "")).toEqual([]);
  });

  it("names a row of docs/divergences.md for all that is better", () => {
    const known = rows(page("docs/divergences.md"), /^## /).map(([first = ""]) => first);
    const better = all.filter(({ row }) => stateOf(row) === "better");
    expect(better.length).toBeGreaterThan(40);
    expect(better.filter(({ row }) => !known.some((first) => first.startsWith(noteOf(row))))).toEqual([]);
  });

  it("names for every row tests that there are, by their own words", () => {
    expect(all.filter(({ row }) => holders(row).length === 0)).toEqual([]);
    const named = all.flatMap(({ row }) => holders(row));
    expect(named.filter(({ test }) => textOf(test) === null)).toEqual([]);
    expect(named.filter((one) => !tells(one))).toEqual([]);
  });

  it("names tests that have every flag, variable, key, method, function and metric of their row", () => {
    const subject = { Flags: 0, Environment: 0, Keys: 1, "Auth methods": 0, "Template functions": 0, Metrics: 0 };
    const lacking = Object.entries(subject).flatMap(([heading, column]) =>
      body(heading)
        .filter((row) => ["same", "better"].includes(stateOf(row)))
        .flatMap((row) => {
          const text = holders(row)
            .map(({ test }) => textOf(test))
            .join("\n");
          const has = (name: string) =>
            new RegExp(`(?<![\\w-])-?${name.replace(/^-/, "").replaceAll(".", "\\.")}(?![\\w-])`).test(text);
          return codes(row[column]).filter((name) => !has(name));
        }),
    );
    expect(lacking).toEqual([]);
  });
});

it("The flags are those of the command", () => {
  expect(inOrder(named("Flags"))).toEqual(inOrder(AGENT_FLAGS.map(({ name }) => `-${name}`)));
});

it("The variables are those of Vault that docs/configuration.md has", () => {
  const section =
    configuration.text.split(/^(?=## )/m).find((part) => part.startsWith("## Flags and environment")) ?? "";
  const documented = new Set([...section.matchAll(/`(VAULT_[A-Z_]+[A-Z])\b/g)].map(([, name = ""]) => name));
  expect(inOrder(new Set(named("Environment")))).toEqual(inOrder(documented));
});

describe("The keys", () => {
  const table = body("Keys");
  const blockOf = (cell = "") => (cell === "top level" ? "" : (codes(cell)[0] ?? ""));
  const blocks = [...new Set(table.map(([block]) => blockOf(block)))];

  it("are there for every block of Vault Agent", () => {
    const [, theirs = ""] = configuration.text.split(/^## Vault Agent's blocks$/m);
    const documented = [...theirs.matchAll(/^### Block: (?:`([\w.]+)`|top level)$/gm)].map(([, path = ""]) => path);
    // Their one key is said with the block that they stand in.
    const short = ["listener.agent_api"];
    expect(inOrder(blocks)).toEqual(inOrder([...documented, ...short]));
  });

  it.each(blocks)("of block `%s` are those of the code", (block) => {
    const listed = table.filter(([name]) => blockOf(name) === block).flatMap((row) => codes(row[1]));
    const lessees = block === "" ? OWN_KEYS : (OWN_KEYS_OF[block] ?? []);
    const known = knownKeys(block, [...words, ...listed]).filter((key) => !lessees.includes(key));
    expect(inOrder(new Set(listed))).toEqual(inOrder(known));
  });
});

it("The auth methods are those of the code", () => {
  const hint = () => {
    try {
      parseAuthMethod("", {});
      return "";
    } catch (error) {
      return (error as LesseeError).hint;
    }
  };
  expect(`lessee has: ${inOrder(named("Auth methods").slice(0, 5)).join(", ")}`).toBe(hint());
});

it("The functions are those that templates may call", () => {
  const refused = ["sockaddr"];
  const names = body("Template functions").flatMap((row) => codes(row[0]));
  const ours = [...functionsExcept([]).keys()].filter((name) => !name.startsWith("lessee"));
  expect(inOrder(names)).toEqual(inOrder([...ours, ...BUILTINS.keys(), ...refused]));
});

/** What Vault Agent has no word for. */
const OWN_KEYS = ["credential", "health", "state", "job", "kubernetes", "shutdown_timeout", "release_on_exit"];
const OWN_KEYS_OF: Readonly<Record<string, readonly string[]>> = { template: ["engine"], env_template: ["engine"] };
