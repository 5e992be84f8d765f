/** Keys and blocks that stand several times: the values that the agent of OpenBao v2.6.2 makes of them. */
import { describe, expect, it } from "vitest";
import { load, MINIMAL } from "./folder.ts";

describe("what stands several times", () => {
  it.each([
    [
      "lists are put together",
      'disable_keep_alives = ["caching"]\ndisable_keep_alives = ["templating"]',
      {
        disable_keep_alives_api_proxy: true,
        disable_keep_alives_templating: true,
      },
    ],
    ["the last of two texts holds", 'pid_file = "a"\npid_file = 7', { pid_file: "7" }],
    [
      "blocks of a listener are one",
      'listener "unix" {\n agent_api {\n enable_quit = true\n }\n agent_api {}\n}',
      {
        listener: [{ type: "unix", agent_api: { enable_quit: true } }],
      },
    ],
    [
      "a block with a label is another one",
      'listener "unix" {\n agent_api "x" {\n enable_quit = true\n }\n}',
      {
        listener: [{ type: "unix" }],
      },
    ],
  ])("%s", async (_, hcl, expected) => {
    expect(await parsed(MINIMAL + hcl)).toMatchObject(expected);
  });

  it.each([
    ["a number keeps a text a number", 'n = 1\nn = "0x10"', { n: 16 }],
    ["a text keeps a number a text", 'n = "x"\nn = 0x10', { n: "0x10" }],
    ["a fraction keeps a number a fraction", "n = 1.5\nn = 3", { n: 3 }],
    ["lists are put together", 'n = ["a"]\nn = [1]', { n: ["a", 1] }],
    ["blocks are a list", "n {\n a = 1\n}\nn {\n a = 2\n}", { n: [{ a: 1 }, { a: 2 }] }],
    ["labels are keys", 'n "b" "c" {\n a = 1\n}', { n: [{ b: [{ c: [{ a: 1 }] }] }] }],
  ])("in a method's config %s", async (_, config, expected) => {
    expect(await parsed(withConfig(`config {\n${config}\n}`))).toMatchObject({
      auto_auth: { method: { config: expected } },
    });
  });

  it("has the label of a method's config for a key", async () => {
    const { auto_auth } = (await parsed(withConfig('config { a = 1 }\nconfig "b" { a = 2 }'))) as Parsed;
    expect(auto_auth.method.config).toEqual({ a: 1, b: [{ a: 2 }] });
  });

  it("says what stood there before", async () => {
    const { faults } = await load({ "agent.hcl": withConfig('config {\n role = "a"\n role = [1]\n}') });
    expect(faults).toContain(
      "agent.hcl:5: error parsing 'auto_auth': error parsing 'method': role: unknown type for string",
    );
    expect(faults).toContain("got a list, after a string in line 4");
  });

  it("looks at no list that the environment replaces", async () => {
    const env = { VAULT_AGENT_DISABLE_KEEP_ALIVES: "caching" };
    const { faults } = await load({ "agent.hcl": `${MINIMAL}disable_keep_alives = ["x"]\n` }, undefined, env);
    expect(faults).toBe("");
  });

  it("takes the longest default_max_request_duration of several files", async () => {
    const files = {
      "a.hcl": `${MINIMAL}default_max_request_duration = "90s"`,
      "b.hcl": 'default_max_request_duration = "1s"',
    };
    const { loaded } = await load(files, ["-config=a.hcl", "-config=b.hcl"]);
    expect(loaded?.parsed).toMatchObject({ default_max_request_duration: "1m30s" });
  });
});

interface Parsed {
  readonly auto_auth: { readonly method: { readonly config: unknown } };
}

function withConfig(config: string): string {
  return `auto_auth {\nmethod "kubernetes" {\n${config}\n}\nsink "file" {\nconfig {\npath = "t"\n}\n}\n}\n`;
}

async function parsed(hcl: string): Promise<unknown> {
  const { loaded, faults } = await load({ "agent.hcl": hcl });
  expect(faults).toBe("");
  return JSON.parse(JSON.stringify(loaded?.parsed));
}
