/**
 * What the agent of OpenBao v2.6.2 (dd9c19c37a) says to small configurations, each made to try one rule of its parser
 * or its decoder. VAULT_BIN names a binary that is then asked again, for a part of them.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { load } from "./folder.ts";
import recorded from "./verdicts.json" with { type: "json" };

interface Verdict {
  /** `<minimal>` stands for a configuration that is valid by itself. */
  readonly hcl?: string;
  readonly json?: string;
  readonly valid: boolean;
  /** Why lessee's verdict is the other one. */
  readonly lesseeDiffers?: string;
}

const verdicts = recorded as readonly Verdict[];

const MINIMAL_HCL =
  'auto_auth {\n method "kubernetes" {\n config = { role = "pg" }\n }\n sink "file" {\n config = { path = "token" }\n }\n}\n';
const MINIMAL_JSON =
  '"auto_auth":{"method":{"type":"kubernetes","config":{"role":"pg"}},"sink":[{"type":"file","config":{"path":"token"}}]}';

describe("verdicts on small configurations", () => {
  it.each(verdicts.filter(({ lesseeDiffers }) => !lesseeDiffers))("$hcl$json → $valid", async (verdict) => {
    const { faults } = await judge(verdict);
    if (verdict.valid) expect(faults).toBe("");
    else expect(faults).not.toBe("");
  });

  it.each(verdicts.filter(({ lesseeDiffers }) => lesseeDiffers))("$hcl$json: $lesseeDiffers", async (verdict) => {
    const { faults } = await judge(verdict);
    expect(faults === "").toBe(!verdict.valid);
  });
});

const agent = process.env.VAULT_BIN;

describe.skipIf(!agent)("verdicts of the agent at hand (VAULT_BIN)", () => {
  const sample = verdicts.filter((_, index) => index % 20 === 0);

  it.each(sample)("$hcl$json → $valid", async (verdict) => {
    const folder = await mkdtemp(join(tmpdir(), "lessee-verdict-"));
    try {
      const [name, text] = fileOf(verdict);
      await writeFile(join(folder, name), text);
      const code = await new Promise((resolve) => {
        execFile(
          agent as string,
          ["agent", "-test-verify-only", `-config=${name}`],
          { cwd: folder, env: {} },
          (error) => resolve(error ? error.code : 0),
        );
      });
      expect(code === 0).toBe(verdict.valid);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

function judge(verdict: Verdict) {
  const [name, text] = fileOf(verdict);
  return load({ [name]: text }, [`-config=${name}`]);
}

function fileOf({ hcl, json }: Verdict): readonly [name: string, text: string] {
  return hcl === undefined
    ? ["agent.json", (json ?? "").replace("<minimal>", () => MINIMAL_JSON)]
    : ["agent.hcl", hcl.replace("<minimal>", () => MINIMAL_HCL)];
}
