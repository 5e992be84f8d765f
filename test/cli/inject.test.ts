/** `lessee inject` as a command: what it prints, what it says, and its exit code. */
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { runInject } from "../../src/cli/inject.ts";
import type { World } from "../../src/ports.ts";
import { type Contents, inFolder } from "../config/folder.ts";
import { SEED } from "../inject/pods.ts";

const FLAGS = ["-vault-image=lessee:1", "-vault-address=https://vault:8200"];
const POD = `${JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name: "a", annotations: SEED }, spec: { containers: [{ name: "app" }] } })}\n`;
const SERVICE = "apiVersion: v1\nkind: Service # as it is\n";

function run(contents: Contents, args: readonly string[], env: Record<string, string> = {}, input = "") {
  return inFolder(contents, async (files) => {
    const written: Record<"stdout" | "stderr", string[]> = { stdout: [], stderr: [] };
    const world = {
      files,
      env,
      stdin: Readable.from([Buffer.from(input)]),
      stdout: { write: (text: string) => written.stdout.push(text) },
      stderr: { write: (text: string) => written.stderr.push(text) },
    } as unknown as World;
    const code = await runInject(args, world);
    return { code, stdout: written.stdout.join(""), stderr: written.stderr.join("") };
  });
}

describe("lessee inject", () => {
  it("prints all files as one stream of documents", async () => {
    const files = { "a.yaml": SERVICE, "b.yaml": `---\n${SERVICE}`, "c.yaml": SERVICE.trimEnd() };
    const { code, stdout, stderr } = await run(files, ["-f", "a.yaml", "-f=b.yaml", "--f", "c.yaml", ...FLAGS]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe(`${SERVICE}---\n${SERVICE}---\n${SERVICE}`);
    expect(parseAllDocuments(stdout)).toHaveLength(3);
  });

  it("reads standard input", async () => {
    const { code, stdout } = await run({}, ["-f", "-", ...FLAGS], {}, POD);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).spec.containers).toHaveLength(2);
  });

  it("prints nothing where something is refused, and names every fault with its file", async () => {
    const files = { "a.json": POD.replace('"pg"', '""'), "b.yaml": "a: [", "c.yaml": SERVICE };
    const { code, stdout, stderr } = await run(files, ["-f=a.json", "-f=b.yaml", "-f=c.yaml", "-f=d.yaml", ...FLAGS]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(
      /^a\.json: Pod a: .*no Vault role found \(set the annotation vault\.hashicorp\.com\/role\)$/m,
    );
    expect(stderr).toMatch(/^b\.yaml: line 1: /m);
    expect(stderr).toMatch(/^d\.yaml: cannot be read: ENOENT$/m);
  });

  it("takes its settings from flags, then the environment, then a file", async () => {
    const files = {
      "pod.json": POD,
      "settings.yaml": "VaultImages: x\n",
      "settings.json": '{"ImageVault": "of-file", "vault-address": "http://of-file:1", "UserID": 7}',
    };
    const refused = await run(files, ["-f=pod.json", "-settings=settings.yaml"]);
    expect(refused).toMatchObject({
      code: 1,
      stderr: 'there is no setting "VaultImages" (did you mean vault-image?)\n',
    });
    const env = { AGENT_INJECT_VAULT_IMAGE: "of-environment", AGENT_INJECT_RUN_AS_USER: "" };
    const { stdout } = await run(files, ["-f=pod.json", "-settings=settings.json", "-cpu-limit=1"], env);
    const [, sidecar] = JSON.parse(stdout).spec.containers;
    expect(sidecar).toMatchObject({
      image: "of-environment",
      securityContext: { runAsUser: 7 },
      resources: { limits: { cpu: "1" } },
    });
  });

  it.each([
    [[], "-f is required (-f FILE, or -f - for standard input)\n"],
    [["a.yaml"], "what is a.yaml? (name files with -f)\n"],
    [["-f=a.yaml", "-nope"], "flag provided but not defined: -nope\n"],
    [["-f=a.yaml", "-settings=none"], "-settings: cannot read none: ENOENT\n"],
    [["-f=a.yaml", "-native-sidecar=maybe"], 'native-sidecar must be auto, true, false, not "maybe"\n'],
  ])("%j is refused", async (args, stderr) => {
    expect(await run({ "a.yaml": SERVICE }, args)).toEqual({ code: 1, stdout: "", stderr });
  });

  it("shows its flags", async () => {
    const { code, stdout } = await run({}, ["-help"]);
    expect(code).toBe(0);
    expect(stdout).toContain("AGENT_INJECT_VAULT_ADDR");
  });
});

describe("lessee inject -tsb-overlay", () => {
  it("prints a ManagementPlane, whatever else is in the files", async () => {
    const { code, stdout, stderr } = await run({ "a.yaml": SERVICE }, ["-tsb-overlay", "-f=a.yaml", ...FLAGS]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^# To be merged/);
    expect(parseAllDocuments(stdout)[0]?.toJS()).toMatchObject({
      kind: "ManagementPlane",
      metadata: { namespace: "tsb" },
    });
  });

  it("takes annotations, of which a bad one is refused", async () => {
    const good = await run({}, ["-tsb-overlay", "-annotation=vault.hashicorp.com/role=a=b", ...FLAGS]);
    expect(good.code).toBe(0);
    const bad = await run({}, ["-tsb-overlay", "-annotation=role", ...FLAGS]);
    expect(bad).toEqual({ code: 1, stdout: "", stderr: "-annotation=role is no NAME=VALUE\n" });
    const lost = await run({ "a.yaml": SERVICE }, ["-f=a.yaml", "-annotation=a=b"]);
    expect(lost.stderr).toBe("-annotation goes with -tsb-overlay\n");
  });
});
