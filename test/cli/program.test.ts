/** The program itself, as a shell calls it. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const LAUNCHER = new URL("../../bin/lessee", import.meta.url).pathname;

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "program-"));
  symlinkSync(LAUNCHER, join(folder, "vault"));
  writeFileSync(
    join(folder, "agent.hcl"),
    `auto_auth {
  method "aws" { config = { role = "r" } }
  sink "file" { config = { path = "${join(folder, "token")}" } }
}
health { address = "" }
`,
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}, program = LAUNCHER) {
  const { status, stdout, stderr } = spawnSync(program, args, {
    env: { PATH: process.env.PATH, HOME: folder, ...env },
    encoding: "utf8",
  });
  return { code: status, out: stdout, err: stderr };
}

describe("lessee", () => {
  const commands = run(["-h"])
    .out.split("\n")
    .flatMap((line) => /^ {2}([a-z-]+(?: [a-z-]+)?) {2,}/.exec(line)?.[1] ?? []);

  it("names its commands", () => {
    expect(commands).toEqual(expect.arrayContaining(["agent", "agent generate-config", "token revoke", "version"]));
  });

  it.each(commands)("%s -h explains itself on stdout and exits 0", (command) => {
    const { code, err, out } = run([...command.split(" "), "-h"]);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(new RegExp(`^Usage: lessee ${command}\\b`));
    expect(out).not.toContain("undefined");
  });

  it("names those that there are for one of Vault's that there is not", () => {
    for (const args of [
      ["server", "-dev"],
      ["kv", "get", "secret/a"],
    ]) {
      const { code, err, out } = run(args, {}, join(folder, "vault"));
      expect([code, out]).toEqual([127, ""]);
      expect(err).toContain(`there is no command "${args[0]}"`);
      expect(err).toContain("  agent ");
    }
  });

  const NO_COMMANDS: readonly (readonly [readonly string[], vault: number, lessee: number])[] = [
    [[], 127, 1],
    [["help"], 127, 0],
    [["nope"], 127, 1],
    [["-v", "x"], 127, 1],
    [["token"], 1, 1],
    [["token", "nope"], 1, 1],
    [["token", "-h"], 0, 0],
    [["-help"], 0, 0],
    [["agent", "-help=true"], 1, 1],
    [["token", "revoke", "x"], 1, 1],
  ];

  it.each(NO_COMMANDS)("%j gives the exit code that vault gives, called so", (args, asVault, asLessee) => {
    for (const [program, code] of [
      [join(folder, "vault"), asVault],
      [LAUNCHER, asLessee],
    ] as const) {
      const said = run(args, {}, program);
      expect(said.code).toBe(code);
      expect([said.out === "", said.err === ""]).toEqual(code === 0 ? [false, true] : [true, false]);
    }
  });

  it("answers as vault where it is called so", () => {
    expect(run(["version"], {}, join(folder, "vault")).out).toMatch(/^lessee v\S+ \(in place of vault\)\n$/);
    expect(run(["-version"], {}, join(folder, "vault")).out).toMatch(/^lessee v/);
    expect(run(["version"]).out).not.toContain("vault");
  });
});

describe("lessee agent", () => {
  const config = () => `-config=${join(folder, "agent.hcl")}`;

  it("-test-verify-only says whether a configuration is valid, as Vault Agent does: a start is another matter", () => {
    expect(run(["agent", config(), "-test-verify-only"])).toEqual({ code: 0, out: "", err: "" });
    const { code, err } = run(["agent", config()]);
    expect(code).toBe(1);
    expect(err).toMatch(/unknown auth method "aws" \(lessee has: approle, cert, jwt, kubernetes, token_file\)/);
    expect(run(["agent", "-config=/nowhere", "-test-verify-only"]).code).toBe(1);
    const dumped = run(["agent", config(), "-test-verify-only"], { VAULT_TEST_VERIFY_ONLY_DUMP_CONFIG: "true" });
    expect(JSON.parse(dumped.out).auto_auth.method.type).toBe("aws");
  });

  it("goes on when nobody reads its log any more", async () => {
    writeFileSync(
      join(folder, "unread.hcl"),
      `auto_auth {
  method "kubernetes" { config = { role = "r", token_path = "/nowhere/token" } }
  sink "file" { config = { path = "${join(folder, "token")}" } }
}
log_file = "${join(folder, "unread.log")}"
health { address = "" }
`,
    );
    const child = spawn(LAUNCHER, ["agent", `-config=${join(folder, "unread.hcl")}`], {
      env: { PATH: process.env.PATH, HOME: folder },
      stdio: ["ignore", "ignore", "pipe"],
    });
    const exit = once(child, "exit");
    await once(child.stderr, "data");
    child.stderr.destroy();
    // Two more lines are two failed writes.
    const said = () => readFileSync(join(folder, "unread.log"), "utf8");
    await expect.poll(() => said().match(/login failed/g)?.length, { timeout: 10_000 }).toBeGreaterThan(1);
    child.kill();
    expect(await exit).toEqual([0, null]);
    expect(said()).toMatch(/stopped: held=0\n$/);
  });

  it("-combine-logs writes the log to stdout", () => {
    writeFileSync(
      join(folder, "fails.hcl"),
      `auto_auth {
  method "kubernetes" {
    exit_on_err = true
    config = { role = "r", token_path = "/nowhere/token" }
  }
  sink "file" { config = { path = "${join(folder, "token")}" } }
}
health { address = "" }
`,
    );
    const args = ["agent", `-config=${join(folder, "fails.hcl")}`];
    const [apart, combined] = [run(args), run([...args, "-combine-logs"])];
    expect([apart.code, combined.code]).toEqual([1, 1]);
    expect([apart.out, combined.err]).toEqual(["", ""]);
    expect(combined.out).toMatch(/\[ERROR\] login failed: /);
    expect(apart.err).toMatch(/\[ERROR\] login failed: /);
  });

  it("takes OpenBao's names of the variables, which go before Vault's", () => {
    const env = { VAULT_LOG_LEVEL: "info", BAO_LOG_LEVEL: "loud", BAO_AGENT_CONFIG_PATH: join(folder, "agent.hcl") };
    expect(run(["agent", "-test-verify-only"], env)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/unknown log level: loud/),
    });
  });

  it.each(["alicloud", "azure", "cf", "gcp", "kerberos", "ldap", "oci", "kubernets"])(
    "with the method %s names those that there are",
    (method) => {
      writeFileSync(
        join(folder, "method.hcl"),
        `auto_auth {\n  method "${method}" {}\n  sink "file" { config = { path = "${join(folder, "token")}" } }\n}\n`,
      );
      const { code, err } = run(["agent", `-config=${join(folder, "method.hcl")}`]);
      expect(code).toBe(1);
      expect(err).toContain(`unknown auth method "${method}" (lessee has: approle, cert, jwt, kubernetes, token_file)`);
    },
  );
});
