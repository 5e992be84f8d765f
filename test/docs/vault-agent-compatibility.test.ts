/** docs/vault-agent-compatibility.md against the code: whatever is there is in it, and it names nothing that is not. */
import { describe, expect, it } from "vitest";
import { parseAuthMethod } from "../../src/auth/methods.ts";
import { AGENT_FLAGS } from "../../src/cli/agent-flags.ts";
import type { LesseeError } from "../../src/errors.ts";
import { functionsExcept } from "../../src/render/functions/catalogue.ts";
import { BUILTINS } from "../../src/render/go/builtins.ts";
import { knownKeys, words } from "./known-keys.ts";
import { codes, page, rows } from "./markdown.ts";

const document = page("docs/vault-agent-compatibility.md");
const configuration = page("docs/configuration.md");
const body = (heading: string) => rows(document, new RegExp(`^## ${heading}$`)).slice(1);
const named = (heading: string, column = 0) => body(heading).flatMap((row) => codes(row[column]));
const inOrder = (names: Iterable<string>) => [...names].sort();

describe("docs/vault-agent-compatibility.md", () => {
  const sections = [...document.text.matchAll(/^## (.+)$/gm)].map(([, heading = ""]) => heading);
  const all = sections.flatMap((heading) => body(heading).map((row) => ({ heading, row })));
  const stateOf = (row: readonly string[]) => row.at(-2) ?? "";

  it("gives every feature one of its states", () => {
    expect(all.length).toBeGreaterThan(120);
    const states = ["same", "better", "no effect", "not built"];
    expect(all.filter(({ row }) => !states.includes(stateOf(row)))).toEqual([]);
  });

  it("says why of all that is not the same", () => {
    expect(all.filter(({ row }) => stateOf(row) !== "same" && row.at(-1) === "")).toEqual([]);
  });

  it("names a row of docs/divergences.md for all that is better", () => {
    const known = rows(page("docs/divergences.md"), /^## /).map(([first = ""]) => first);
    const better = all.filter(({ row }) => stateOf(row) === "better");
    expect(better.length).toBeGreaterThan(40);
    expect(better.filter(({ row }) => !known.some((first) => first.startsWith(row.at(-1) ?? "")))).toEqual([]);
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
