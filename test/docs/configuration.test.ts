/** docs/configuration.md says what the code takes: every key, flag, variable and number of it, and no other. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseAuthMethod } from "../../src/auth/methods.ts";
import { AGENT_FLAGS } from "../../src/cli/agent-flags.ts";
import { defaultCredential } from "../../src/config/defaults.ts";
import { formatDuration } from "../../src/config/duration.ts";
import type { LesseeError } from "../../src/errors.ts";
import { policyOf } from "../../src/lease/policy.ts";
import { incrementFor, leadOf, rotationDue } from "../../src/lease/schedule.ts";
import { held } from "../lease/policies.ts";
import { knownKeys, words } from "./known-keys.ts";
import { codes, page, rows } from "./markdown.ts";

const root = join(import.meta.dirname, "../..");
const reference = page("docs/configuration.md");

const sources = (folder: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => readFileSync(join(root, folder, name), "utf8"))
    .join("\n");

describe("the keys in docs/configuration.md", () => {
  const blocks = [...reference.text.matchAll(/^### Block: (?:`([\w.]+)`|top level)$/gm)].map(([, path = ""]) => path);

  it("are said for every block that the code reads", () => {
    const parents = blocks.flatMap((block) => knownKeys(block, words).map((key) => (block ? `${block}.${key}` : key)));
    expect(blocks.length).toBeGreaterThan(20);
    expect(blocks.filter((block) => block !== "" && !parents.includes(block))).toEqual([]);
  });

  it.each(blocks.filter((block) => block !== "credential.notify"))("of block `%s` are those of the code", (block) => {
    const heading = new RegExp(`^### Block: ${block === "" ? "top level" : `\`${block.replaceAll(".", "\\.")}\``}$`);
    const documented = rows(reference, heading).flatMap(([keys]) => codes(keys));
    expect([...documented].sort()).toEqual([...knownKeys(block, [...words, ...documented])].sort());
  });

  it.each(["signal", "http", "exec", "file"])('of notify "%s" are those of the code', (kind) => {
    const table = rows(reference, /^### Block: `credential\.notify`$/);
    const all = table.flatMap(([keys]) => codes(keys));
    const documented = table
      .filter(([, kinds = ""]) => kinds === "all" || kinds.split(", ").includes(kind))
      .flatMap(([keys]) => codes(keys));
    expect([...documented].sort()).toEqual([...knownKeys("credential.notify", [...words, ...all], kind)].sort());
  });
});

it("docs/configuration.md has the keys of every auth method", () => {
  const documented = [...reference.text.matchAll(/^### Free: `auto_auth\.method\.config` for (\w+)$/gm)];
  const hint = () => {
    try {
      parseAuthMethod("", {});
    } catch (error) {
      return (error as LesseeError).hint;
    }
  };
  expect(
    `lessee has: ${documented
      .map(([, name]) => name)
      .sort()
      .join(", ")}`,
  ).toBe(hint());
});

it("the keys that docs/configuration.md calls without effect are read by no other part of the code", () => {
  const ineffective = rows(reference, /^### Block: /)
    .filter((cells) => cells.at(-1)?.startsWith("*no effect*"))
    .flatMap(([keys]) => codes(keys))
    .filter((key) => key.includes("_"))
    .map((key) => key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()));
  // An injection only writes them down for whoever reads them.
  const folders = readdirSync(join(root, "src")).filter(
    (name) => !name.includes(".") && !["config", "inject"].includes(name),
  );
  const others = folders.map((name) => sources(`src/${name}`)).join("\n");
  expect(ineffective.length).toBeGreaterThan(10);
  expect(ineffective.filter((name) => new RegExp(`\\b${name}\\b`).test(others))).toEqual([]);
});

it("the flags in docs/configuration.md are those that -help shows, with their variables and defaults", () => {
  const table = rows(reference, /^## Flags and environment$/);
  const shown = AGENT_FLAGS.filter((flag) => !flag.hidden);
  expect(
    table
      .slice(1)
      .flatMap(([flag]) => codes(flag))
      .sort(),
  ).toEqual(shown.map(({ name }) => `-${name}`).sort());
  for (const { name, env } of shown) {
    const row = table.find(([flag]) => flag === `\`-${name}\``);
    expect(codes(row?.[1]), name).toEqual(env === undefined ? [] : [env]);
  }
});

/** Of flags that are hidden, in the list below the table; and one that the launcher sets for itself. */
const HIDDEN = ["VAULT_AGENT_ADDR", "VAULT_TEST_VERIFY_ONLY_DUMP_CONFIG", "LESSEE_KEEPS_COMPILED"];

it("the variables in docs/configuration.md are those that the code names", () => {
  const code = `${sources("src")}\n${readFileSync(join(root, "bin/lessee"), "utf8")}`;
  // In quotes, of the environment, or of the shell.
  const named = [...code.matchAll(/(?:env\.|["`{$])((?:VAULT|LESSEE)_[A-Z]+(?:_[A-Z]+)*)\b/g)]
    .map(([, name = ""]) => name)
    .filter((name) => !HIDDEN.includes(name));
  // Made of the keys' names.
  const subsystems = ["VAULT_AGENT_DISABLE_IDLE_CONNECTIONS", "VAULT_AGENT_DISABLE_KEEP_ALIVES"];
  const documented = rows(reference, /^## Flags and environment$/)
    .flatMap(([, variables]) => codes(variables))
    .filter((name) => /^(VAULT|LESSEE)_/.test(name));
  const wanted = new Set([...named, ...subsystems]);
  expect([...documented].sort()).toEqual([...wanted].sort());
});

describe("the numbers in docs/configuration.md are computed by the code:", () => {
  const MINUTE = 60_000;
  const HOUR = 60 * MINUTE;
  const said = (ms: number) => formatDuration(ms * 1e6);
  const policy = (lifetime: number, jitter = 0) =>
    policyOf(defaultCredential("database/creds/pg-role", { connectionMaxLifetime: lifetime }), {
      staticInterval: 5 * MINUTE,
      renewalThreshold: 0.9,
      jitter,
      hasCommands: false,
      printsHorizon: false,
    });

  it("the seed's lead, increments and rotation", () => {
    const value = new Map(
      rows(reference, /^### The seed's numbers$/).map(([what = "", last]) => [what.replace(/ \(.*/, ""), last]),
    );
    const lead = leadOf(policy(HOUR), 24 * HOUR);
    const one = held({ duration: 12 * HOUR, horizon: 24 * HOUR, tokenExpiry: HOUR, tokenHorizon: 768 * HOUR });
    expect(Object.fromEntries(value)).toMatchObject({
      "longest use": said(policy(HOUR).longestUse),
      "lead = 10s + 30s + 30s + 1h + 6m + 6s": said(lead),
      "increment of the lease's renewals": said(incrementFor(12 * HOUR, lead)),
      "increment of the token's renewals": said(incrementFor(HOUR, lead)),
      "rotation begins, after the read": said(rotationDue(one, policy(HOUR))),
      "and with the most spread between pods": said(rotationDue(one, policy(HOUR, 1))),
    });
  });

  it("the leads by lifetime, and the shortest max TTL for each", () => {
    const table = rows(reference, /^### What goes with what$/).slice(1);
    const lifetimes = [5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 4 * HOUR, 8 * HOUR];
    expect(table.map(([, ...values]) => values)).toEqual(
      lifetimes.map((lifetime) => [said(leadOf(policy(lifetime), 0)), said(2 * leadOf(policy(lifetime), 0))]),
    );
  });
});
