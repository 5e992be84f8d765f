import { describe, expect, it } from "vitest";
import { runValidate } from "../../src/cli/validate.ts";
import type { World } from "../../src/ports.ts";
import { type Contents, inFolder, MINIMAL } from "../config/folder.ts";

/** Runs the command in a folder of its own and gives its exit code and all that it wrote. */
function validate(contents: Contents, args: readonly string[], env: Record<string, string> = {}) {
  return inFolder(contents, async (files) => {
    const written: Record<"stdout" | "stderr", string[]> = { stdout: [], stderr: [] };
    const world = {
      files,
      env,
      stdout: { write: (text: string) => written.stdout.push(text) },
      stderr: { write: (text: string) => written.stderr.push(text) },
    } as unknown as World;
    const code = await runValidate(args, world);
    return { code, stdout: written.stdout.join(""), stderr: written.stderr.join("") };
  });
}

describe("lessee validate", () => {
  it("says that a valid configuration is valid", async () => {
    expect(await validate({ "agent.hcl": MINIMAL }, ["-config=agent.hcl"])).toEqual({
      code: 0,
      stdout: "The configuration is valid.\n",
      stderr: "",
    });
  });

  it("shows warnings, and still finds it valid", async () => {
    const { code, stderr } = await validate({ "agent.hcl": `${MINIMAL}pidfile = "x"\n` }, ["-config", "agent.hcl"]);
    expect(code).toBe(0);
    expect(stderr).toBe('warning: agent.hcl:9: unknown key "pidfile" (did you mean pid_file?)\n');
  });

  it("tells what would keep an agent from starting, and still finds it valid", async () => {
    const hcl = MINIMAL.replace('method "kubernetes"', 'method "aws"');
    const { code, stderr } = await validate({ "agent.hcl": `${hcl}telemetry { prefix_filter = ["vault"] }\n` }, [
      "-config=agent.hcl",
    ]);
    expect(code).toBe(0);
    expect(stderr).toContain(
      `warning: an agent will not start: agent.hcl:9: telemetry: filter rule must begin with either '+' or '-': "vault"`,
    );
    expect(stderr).toContain('warning: an agent will not start: agent.hcl:2: unknown auth method "aws"');
  });

  it("tells of templates that do not parse or cannot be read", async () => {
    const hcl = `${MINIMAL}template {
  destination = "/tmp/x"
  contents = "{{ secrt }}"
}
template {
  destination = "/tmp/y"
  source = "/nowhere.ctmpl"
}
`;
    const { code, stderr } = await validate({ "agent.hcl": hcl }, ["-config=agent.hcl"]);
    expect([code, stderr.split("\n")]).toEqual([
      0,
      [
        expect.stringMatching(/^warning: an agent will not start: agent\.hcl:9: .*function "secrt" not defined/),
        "  1 | {{ secrt }}",
        "    |    ^",
        expect.stringMatching(/^warning: an agent will not start: agent\.hcl:13: .*cannot read the source: ENOENT/),
        "",
      ],
    ]);
  });

  it("names the file that stands where -config=FILE should", async () => {
    const { code, stderr } = await validate({ "agent.hcl": MINIMAL }, ["agent.hcl"]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/using -config \(-config=agent\.hcl\)\n$/)]);
  });

  it("reports every fault as file:line, and exits 1", async () => {
    const hcl = `${MINIMAL}pid_file = true\nhealth { adress = "" }\nnope = 1\n`;
    expect(await validate({ "agent.hcl": hcl }, ["-config=agent.hcl"])).toEqual({
      code: 1,
      stdout: "",
      stderr: [
        'warning: agent.hcl:11: unknown key "nope" (it is ignored)',
        "agent.hcl:9: pid_file: unknown type for string (expected a string, got true)",
        'agent.hcl:10: unknown key "adress" in health (did you mean address?)',
        "",
      ].join("\n"),
    });
  });

  it("prints what was understood as JSON", async () => {
    const { code, stdout } = await validate({ "agent.hcl": MINIMAL }, ["-json", "-config=agent.hcl"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      auto_auth: {
        method: { type: "kubernetes", mount_path: "auth/kubernetes", config: { role: "pg" } },
        sink: [{ type: "file", config: { path: "token" } }],
      },
    });
  });

  it("finds the configuration by the environment", async () => {
    const env = { VAULT_AGENT_CONFIG_PATH: "agent.hcl" };
    expect((await validate({ "agent.hcl": MINIMAL }, [], env)).code).toBe(0);
  });

  it.each([
    [[], "Must specify exactly at least one config path using -config"],
    [["-config=missing.hcl"], "missing.hcl: no such file or directory"],
    [["-confg=a"], "flag provided but not defined: -confg (did you mean -config?)"],
    [["-json=maybe"], 'invalid boolean value "maybe" for -json'],
  ])("exits 1 for %j", async (args, message) => {
    const { code, stdout, stderr } = await validate({}, args);
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toContain(message);
  });

  it("explains itself", async () => {
    const { code, stdout } = await validate({}, ["-help"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Usage: lessee validate -config=PATH/);
    expect(stdout).toContain("  -json ");
  });
});
