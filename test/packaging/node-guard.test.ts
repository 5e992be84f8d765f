/** What a stranger reads when the Node that the lock file brings is not there or does not run. */
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { folder, root, run, script } from "./run.ts";

/** A repository with the guard alone; `node` are the shell lines of what stands in node_modules/.bin. */
function repository(node?: readonly string[]): string {
  const path = folder();
  mkdirSync(join(path, "scripts"));
  copyFileSync(join(root, "scripts/node-guard.sh"), join(path, "scripts/node-guard.sh"));
  mkdirSync(join(path, "node_modules/.bin"), { recursive: true });
  if (node) script(join(path, "node_modules/.bin/node"), ...node);
  return path;
}

const guard = (path: string, env: Record<string, string> = {}) =>
  run("sh", [join(path, "scripts/node-guard.sh")], { env });

describe("the start-up check", () => {
  it("is silent where the Node of this repository runs", async () => {
    expect(await guard(root)).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  it("says that nothing is installed", async () => {
    const path = folder();
    mkdirSync(join(path, "scripts"));
    copyFileSync(join(root, "scripts/node-guard.sh"), join(path, "scripts/node-guard.sh"));
    const { code, stderr } = await guard(path);
    expect(code).toBe(1);
    expect(stderr).toContain("run: npm ci");
  });

  it("names npm's option when the optional package was left out", async () => {
    const { code, stderr } = await guard(repository(), { npm_config_omit: "optional" });
    expect(code).toBe(1);
    expect(stderr).toContain("npm ci --include=optional");
    expect(stderr).toContain("'omit' is: optional");
  });

  it("names the missing library when Node cannot be loaded", async () => {
    const said = "node: error while loading shared libraries: libatomic.so.1: cannot open shared object file";
    const { code, stderr } = await guard(repository([`echo "${said}" >&2`, "exit 127"]));
    expect(code).toBe(1);
    expect(stderr).toContain(said);
    expect(stderr).toContain("container image");
  });

  it("refuses a Node that is too old, with both versions", async () => {
    const { code, stderr } = await guard(repository(["echo 20.20.2"]));
    expect(code).toBe(1);
    expect(stderr).toContain("Node 20.20.2");
    expect(stderr).toContain("24 or newer");
  });

  it("does not take a warning of Node for its version", async () => {
    expect((await guard(repository(["echo 'a warning' >&2", "echo 24.21.0"]))).code).toBe(0);
  });
});
