/** docs/templates.md: every function has an example, and every example gives what it says, in both languages. */
import { describe, expect, it } from "vitest";
import { compileTemplate } from "../../src/render/engine.ts";
import { functionsExcept } from "../../src/render/functions/catalogue.ts";
import { BUILTINS } from "../../src/render/go/builtins.ts";
import { executeWhole, offlineBrain } from "../../src/render/offline.ts";
import { hostOf, NOW, optionsOf } from "../render/fixture.ts";
import { codes, examples, page, rows } from "./markdown.ts";

const document = page("docs/templates.md");
const [, reference = ""] = document.text.split(/^## All functions$/m);
const known = offlineBrain(examples(document, "json")[0]?.code ?? "", NOW);
const table = rows({ path: document.path, text: reference }, /^### /).filter(([first]) => first !== "function");

async function render(engine: "go" | "handlebars", source: string): Promise<string> {
  const host = {
    ...hostOf({ env: { APP: "web" }, files: { "/etc/app/motd": "hello\n" } }),
    run: async (_program: string, args: readonly string[]) => `${args.join(" ")}\n`,
  };
  try {
    const { output, missing } = await executeWhole(await compileTemplate(engine, source, optionsOf()), known, host);
    expect(missing).toEqual([]);
    return new TextDecoder().decode(output);
  } catch (error) {
    return `error: ${(error as Error).message.split(": ").at(-1)}`;
  }
}

it("has an example of every function, and of no other", () => {
  const named = table.flatMap(([name]) => codes(name)).sort();
  expect(named).toEqual([...BUILTINS.keys(), ...functionsExcept([]).keys()].sort());
});

describe("gives what docs/templates.md says, in Go's language and in Handlebars:", () => {
  const examplesOfNames = table.flatMap(([names, ...cells]) => {
    const [shown = "", ...others] = codes(names);
    return [shown, ...others].map((name) => ({ name, shown, cells }));
  });

  it.each(examplesOfNames)("$name", { timeout: 60_000 }, async ({ name, shown, cells: [go, handlebars, gives] }) => {
    const expected = (codes(gives)[0] ?? "").replaceAll("⏎", "\n");
    const named = (cell?: string) => codes(cell)[0]?.replace(new RegExp(`\\b${shown}\\b`, "g"), name);
    expect(await render("go", named(go) ?? "")).toBe(expected);
    if (handlebars !== "none") expect(await render("handlebars", named(handlebars) ?? "")).toBe(expected);
  });
});

describe("has longer examples that give the same in both languages:", () => {
  const [go, handlebars, text] = ["gotmpl", "handlebars", "text"].map((language) => examples(document, language));
  const triples = (go ?? []).map((one, i) => ({ ...one, handlebars: handlebars?.[i]?.code, text: text?.[i]?.code }));

  it("there are some", () => expect(triples.length).toBeGreaterThan(4));

  it.each(triples)("docs/templates.md:$line", async ({ code, handlebars: other, text: expected }) => {
    expect(await render("go", code)).toBe(expected);
    expect(await render("handlebars", other ?? "")).toBe(expected);
  });
});
