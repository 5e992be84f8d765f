import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AGENT_FLAGS } from "../../src/cli/agent-flags.ts";
import { configPaths } from "../../src/cli/config-paths.ts";
import { type FlagDefinition, helpText, parseFlags } from "../../src/cli/flags.ts";

const TABLE: readonly FlagDefinition[] = [
  { name: "config", kind: "list", group: "One", placeholder: "PATH", help: "Where to look." },
  { name: "name", kind: "text", group: "One", default: "none", env: "NAME", help: "What it is called." },
  { name: "count", kind: "integer", group: "Two", placeholder: "N", help: "How many." },
  { name: "quick", kind: "bool", group: "Two", help: "Without waiting." },
  { name: "after", kind: "duration", group: "Two", hidden: true, help: "How late." },
  { name: "pair", kind: "pairs", group: "Two", hidden: true, help: "What belongs together." },
  { name: "secret", kind: "bool", group: "Two", hidden: true, help: "Not shown." },
];

const COUNT_TOO_LARGE =
  'invalid value "9223372036854775808" for flag -count: strconv.ParseInt: parsing "9223372036854775808": value out of range';

function values(...args: readonly string[]) {
  const outcome = parseFlags(args, TABLE);
  if (outcome.kind !== "parsed") return outcome;
  return { ...Object.fromEntries(outcome.flags.values), positional: outcome.flags.positional };
}

describe("flags", () => {
  it.each([
    [["-name=a"], { name: ["a"] }],
    [["--name=a"], { name: ["a"] }],
    [["-name", "a"], { name: ["a"] }],
    [["--name", "-a"], { name: ["-a"] }],
    [["-name="], { name: [""] }],
    [["-name=a=b\nc"], { name: ["a=b\nc"] }],
    [["-config=a", "--config", "b"], { config: ["a", "b"] }],
    [["-quick"], { quick: ["true"] }],
    [["-quick=F", "-quick=1"], { quick: ["false", "true"] }],
    [["-count", "-3"], { count: ["-3"] }],
    [["-count="], { count: [""] }],
    [["-after=90", "-after=1d", "-after="], { after: ["90", "1d", ""] }],
    [["-pair=a=b", "-pair", "c="], { pair: ["a=b", "c="] }],
    [["-secret"], { secret: ["true"] }],
    [[], {}],
  ])("reads %j", (args, expected) => {
    expect(values(...args)).toEqual({ ...expected, positional: [] });
  });

  it.each([
    [["-quick", "true", "-name=a"], { quick: ["true"], positional: ["true", "-name=a"] }],
    [["-name=a", "--", "-quick"], { name: ["a"], positional: ["-quick"] }],
    [["-", "-quick"], { positional: ["-", "-quick"] }],
  ])("ends %j where the flags end", (args, expected) => {
    expect(values(...args)).toEqual(expected);
  });

  it.each([
    [["-nmae=a"], "flag provided but not defined: -nmae (did you mean -name?)"],
    [["--entirely-other"], "flag provided but not defined: -entirely-other"],
    [["-name"], "flag needs an argument: -name"],
    [["---name"], "bad flag syntax: ---name"],
    [["-=a"], "bad flag syntax: -=a"],
    [["-quick=maybe"], 'invalid boolean value "maybe" for -quick: strconv.ParseBool: parsing "maybe": invalid syntax'],
    [["-count=1.5"], 'invalid value "1.5" for flag -count: strconv.ParseInt: parsing "1.5": invalid syntax'],
    [["-count=0x1"], 'invalid value "0x1" for flag -count: strconv.ParseInt: parsing "0x1": invalid syntax'],
    [["-count=9223372036854775808"], COUNT_TOO_LARGE],
    [["-after=-y"], 'invalid value "-y" for flag -after: time: invalid duration "-y"'],
    [["-pair=x"], 'invalid value "x" for flag -pair: missing = in KV pair: "x"'],
  ])("refuses %j", (args, message) => {
    expect(values(...args)).toEqual({ kind: "invalid", message });
  });

  it.each(["-h", "-help", "--help", "--h"])("answers %s with help", (flag) => {
    expect(values("-name=a", flag, "-nmae")).toEqual({ kind: "help" });
  });

  it("never fails on any arguments, and loses none", () => {
    const arg = fc.oneof(fc.constantFrom("-name", "-quick", "--config=x", "--", "-", "-h"), fc.string());
    fc.assert(
      fc.property(fc.array(arg), (args) => {
        const outcome = parseFlags(args, TABLE);
        if (outcome.kind !== "parsed") return;
        const { positional } = outcome.flags;
        expect(args.slice(args.length - positional.length)).toEqual(positional);
      }),
    );
  });

  it("reads the same value in all four spellings", () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        const expected = { name: [value], positional: [] };
        for (const dashes of ["-", "--"]) {
          expect(values(`${dashes}name=${value}`)).toEqual(expected);
          expect(values(`${dashes}name`, value)).toEqual(expected);
        }
      }),
    );
  });
});

describe("the help", () => {
  it("is made from the table", () => {
    expect(helpText("tool [flags]", "Does what it should.", TABLE)).toBe(`Usage: tool [flags]

Does what it should.

One:
  -config=PATH  Where to look. May stand several times.
  -name=VALUE   What it is called. Default: none. Environment: NAME.

Two:
  -count=N      How many.
  -quick        Without waiting.
`);
  });

  it("of the agent fits into 100 columns and names every flag that is not hidden", () => {
    const text = helpText("lessee agent -config=PATH [flags]", "Keeps credentials alive.", AGENT_FLAGS);
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(100);
    for (const flag of AGENT_FLAGS.filter(({ hidden }) => !hidden)) expect(text).toContain(`  -${flag.name}`);
    expect(text).not.toMatch(/mfa|test-verify-only/);
  });
});

describe("the agent's flags", () => {
  it("are each there once", () => {
    const names = AGENT_FLAGS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each([
    "-mfa=x",
    "-wrap-ttl=5m",
    "-unlock-key=k",
    "-policy-override",
    "-output-curl-string",
    "-output-policy",
    "-non-interactive",
    "-agent-address=x",
    "-test-verify-only",
    "-combine-logs",
    "-ns=x",
  ])("take %s, as every command of Vault does", (flag) => {
    expect(parseFlags([flag], AGENT_FLAGS).kind).toBe("parsed");
  });

  it("name the configuration, or else the environment does", () => {
    const flags = (...args: readonly string[]) => {
      const outcome = parseFlags(args, AGENT_FLAGS);
      return outcome.kind === "parsed" ? outcome.flags : expect.fail(JSON.stringify(outcome));
    };
    const env = { VAULT_AGENT_CONFIG_PATH: "/env.hcl" };
    expect(configPaths(flags("-config=a", "-config=b"), env)).toEqual(["a", "b"]);
    expect(configPaths(flags(), env)).toEqual(["/env.hcl"]);
    expect(configPaths(flags(), {})).toEqual([]);
  });
});
