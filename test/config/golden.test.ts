import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseAuthMethod } from "../../src/auth/methods.ts";
import { sharedAvailable, sharedFile } from "../support/shared.ts";
import { DIVERGENCES, REWORDED } from "./divergences.ts";
import { type Attempt, type Contents, load } from "./folder.ts";

interface Case {
  readonly name: string;
  readonly mode: "verify" | "start";
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
  readonly filesBase64?: Readonly<Record<string, string>>;
  readonly valid: boolean;
  readonly error?: string;
  /** The reason, where the printed error only points to the log. */
  readonly errorLog?: string;
  readonly parsed?: object;
}

const cases = sharedAvailable ? read() : [];

/** Judged by other parts than the configuration. */
const OF_OTHER_PARTS: Readonly<Record<string, string>> = {
  "start-ca-missing": "the transport reads the CA file",
  "start-listener-tls-no-cert": "the listener, which is of a later part",
};

describe.skipIf(!sharedAvailable)("golden: the real agent's verdict on a configuration", () => {
  const verified = cases.filter(({ mode }) => mode === "verify");

  it.each(verified.filter(({ name }) => !(name in DIVERGENCES)))("$name", async (golden) => {
    const { loaded, faults } = await attempt(golden);
    if (golden.valid) {
      expect(faults).toBe("");
      expect(asJson(loaded?.parsed)).toEqual(golden.parsed);
    } else {
      expect(loaded).toBeUndefined();
      const phrases = REWORDED[golden.name] ? [REWORDED[golden.name]] : essentials(golden.error ?? "");
      for (const phrase of phrases) expect(unquoted(faults)).toContain(phrase);
    }
  });

  it.each(Object.entries(DIVERGENCES))("%s is understood as it was meant", async (name, { expected }) => {
    const golden = cases.find((candidate) => candidate.name === name) as Case;
    const { loaded, faults } = await attempt(golden);
    expect(faults).toBe("");
    expect(loaded?.parsed).toMatchObject(expected);
    expect(asJson(loaded?.parsed)).not.toEqual(golden.parsed);
  });
});

describe.skipIf(!sharedAvailable)("golden: what the real agent refuses at its start", () => {
  const started = cases.filter(({ mode, name }) => mode === "start" && !(name in OF_OTHER_PARTS));

  it.each(started)("$name", async (golden) => {
    const { loaded } = await attempt(golden);
    const { config, refusals } = loaded ?? expect.fail("it is valid as long as it is not started");
    const reasons = refusals.map(({ message }) => message);
    if (config.autoAuth) reasons.push(...methodFaults(config.autoAuth.method));
    if (golden.valid) expect(reasons).toEqual([]);
    else if (REWORDED[golden.name]) expect(reasons.join("\n")).toContain(REWORDED[golden.name]);
    else expect(reasons.join("\n")).toContain(startReason(golden));
  });

  it.each(Object.entries(OF_OTHER_PARTS))("%s is the matter of %s", (name) => {
    expect(cases.map((golden) => golden.name)).toContain(name);
  });
});

function read(): readonly Case[] {
  const text = readFileSync(sharedFile("golden/agent-configs-shared.json"), "utf8");
  return (JSON.parse(text) as { cases: readonly Case[] }).cases;
}

function attempt({ files, filesBase64, args, env }: Case): Promise<Attempt> {
  const contents: Contents = {
    ...files,
    ...Object.fromEntries(Object.entries(filesBase64 ?? {}).map(([name, text]) => [name, Buffer.from(text, "base64")])),
  };
  return load(contents, args, env);
}

/**
 * The part of each line of the real agent's error that users search for: without the file, which lessee names in front,
 * without positions, which lessee counts from where a thing begins, and without the types of its source code.
 */
function essentials(error: string): readonly string[] {
  return error
    .replaceAll(/error decoding failed due to the following error\(s\):\n/g, "")
    .replaceAll(/decoding failed due to the following error\(s\):\n/g, "")
    .split("\n")
    .map((line) =>
      line
        .replace(/^error (loading|validating) configuration( from \S+)?: /, "")
        .replace(/^error loading "[^"]*": /, "")
        .replace(/^.*\bAt (\d+:\d+|-): /, "")
        .replace(/^\d+:\d+: /, "")
        .replace(/root\.(\w+\.)*(\w+): /, (_, __, key: string) => `${key.toLowerCase()}: `)
        .replace(/^stat \S+: /, "")
        .replace(/:? \(?\*ast\.\w+\)?$/, "")
        .replace(/ - valid signals are .*$/, "")
        .replace(/sink\.file time/, "time")
        .replace(/^error parsing 'auto_auth': (?=time|could not)/, ""),
    );
}

/** Without what the real agent was about to do, and without Go's chain of packages. */
function startReason({ error, errorLog }: Case): string {
  return (errorLog ?? error ?? "")
    .replace(/^.*error creating file sink: /s, "error creating file sink: ")
    .replace(/^.*runtime error encountered: error="([^"]*)".*$/, "$1")
    .replace(/^Error creating .* auth method: /, "")
    .replace(/^Error creating persistent cache: /, "")
    .replace(/^Error fetching client: failed to (setup TLS config|read environment): /, "")
    .trim();
}

/** A fault of the command line is printed as JSON by the helper. */
function unquoted(text: string): string {
  return text.replaceAll('\\"', '"');
}

function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function methodFaults({ type, config }: { type: string; config: Readonly<Record<string, unknown>> }): string[] {
  try {
    parseAuthMethod(type, config);
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}
