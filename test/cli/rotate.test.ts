/** Which sidecar `lessee rotate` asks. What it does then: `test/scenarios/rotate.test.ts`. */
import { describe, expect, it } from "vitest";
import { runRotate } from "../../src/cli/rotate.ts";
import type { World } from "../../src/ports.ts";

/** What is said where there is a socket that nobody listens at. */
async function asked(folder: string, env: World["env"] = { HOME: "/home/vault" }): Promise<string> {
  const err: string[] = [];
  const stat = async (path: string) => {
    if (path !== `${folder}/control/lessee.sock`) throw new Error("ENOENT");
  };
  const world = { clock: { now: () => 0 }, env, files: { stat }, stderr: { write: (text: string) => err.push(text) } };
  const signals = { stop: new AbortController().signal };
  expect(await runRotate([], world as unknown as World, signals as Parameters<typeof runRotate>[2])).toBe(1);
  return err.join("");
}

describe("lessee rotate without a folder", () => {
  it.each(["/run/lessee", "/vault/agent-cache", "/home/vault/.lessee"])("asks the sidecar at %s", async (folder) => {
    expect(await asked(folder)).toContain(`the sidecar cannot be asked at ${folder}/control/lessee.sock: `);
  });

  it("says how to name one where nobody runs", async () => {
    expect(await asked("/nowhere")).toMatch(/at \/home\/vault\/\.lessee\/control\/lessee\.sock: .*-state/);
    expect(await asked("/nowhere", {})).toMatch(/-state/);
  });
});
